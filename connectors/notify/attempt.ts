import type { RiskAction } from '#schemas/generated/types.ts';

/** What came of one try. */
export type Attempt =
  | { readonly isDelivered: true; readonly note: string }
  /** `isFinal`: another try would end the same. */
  | { readonly isDelivered: false; readonly isFinal: boolean; readonly reason: string };

/** A way by which notifications go. Never throws. */
export type Deliver = (action: RiskAction) => Promise<Attempt>;

export const delivered = (note: string): Attempt => ({ isDelivered: true, note });
export const failed = (reason: string, isFinal: boolean): Attempt => ({ isDelivered: false, isFinal, reason });
