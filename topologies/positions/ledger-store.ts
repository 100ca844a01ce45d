/**
 * The ledgers of all positions, and the fills that they are made of. Rules of corrections, after those of ledger.ts:
 *
 * - A position has a list of its NEW fills in offset order; a fill that was rejected is not in it. The ledger is what
 *   the fills in force give, applied one after the other to an empty ledger. CORRECT gives the fill that it names
 *   another side, quantity, price and commission; the next CORRECT amends that version. CANCEL takes the fill out of
 *   force for good, and its id stays taken. So the figures are to the last digit what they would be had the wrong
 *   fill never been, or been right from the beginning.
 * - A fill keeps its own event time, and the multiplier that was known for that time when the fill came.
 * - The amendment's event time is when it was made. Its effect on equity, peak, drawdown and day P&L holds from then
 *   on, not back from the fill's time: in between nobody knew better. A position's event time never goes back.
 * - An amendment that is delivered twice (all its fields are the same, event time included) changes nothing the second
 *   time, whatever came in between. It is known by its digest, which is kept once it has been applied: one that was
 *   rejected can be replayed when the cause is mended.
 * - Rejected, with nothing changed: FILL_UNKNOWN (no such fill is in the list), FILL_CANCELLED (it is out of force),
 *   and AMOUNT_OUT_OF_RANGE (the ledger after it, or after a later fill, would leave decimal(38, 9)).
 *
 * Splits and dividends: corporate-actions.ts.
 *
 * The ledger depends on the order of fills (weighted average, rounding), so an amendment applies again all from its
 * fill on. Each fill is a small row of its own, by its number in the list, and the ledger after each 128th is kept: a
 * NEW fill writes one row, an amendment reads the rows since its fill and at most 127 before it.
 */

import { createHash } from 'node:crypto';
import type { Fill } from '#schemas/generated/types.ts';
import type { AvroSchema } from '#streams/kit/avro.ts';
import type { KeyValueStore, ProcessorContext } from '#streams/topology/types.ts';
import { DECIMAL, TIME } from '../kit/avro.ts';
import type { StoredAction } from '../kit/corporate-actions.ts';
import { applyAction, conversionOf, firstAfter } from './corporate-actions.ts';
import { applyFill, EMPTY_LEDGER, LEDGER_FIELDS, type Ledger, type LedgerFill } from './ledger.ts';

/** The ledger of a position as it is now. */
export interface PositionLedger extends Ledger {
  /** NEW fills in the list, cancelled ones too. */
  readonly listed: number;
  /** Changes to date: fills, amendments and corporate actions. */
  readonly revision: number;
}

export const POSITION_LEDGER_SCHEMA: AvroSchema = {
  type: 'record',
  name: 'PositionLedger',
  namespace: 'tidemark.positions',
  doc: 'The exact ledger of one position; key portfolio/instrument.',
  fields: [...LEDGER_FIELDS, { name: 'listed', type: 'long' }, { name: 'revision', type: 'long' }],
};

export const CHECKPOINT_SCHEMA: AvroSchema = {
  type: 'record',
  name: 'LedgerCheckpoint',
  namespace: 'tidemark.positions',
  doc: 'The ledger of a position after so many fills of its list; key portfolio/instrument/number.',
  fields: LEDGER_FIELDS,
};

/** A fill of the list, as amended. */
export interface ListedFill extends LedgerFill {
  readonly fillId: string;
  /** Of reference.instruments for its event time, as known when it came. */
  readonly multiplier: bigint;
  readonly cancelled: boolean;
}

export const LISTED_FILL_SCHEMA: AvroSchema = {
  type: 'record',
  name: 'ListedFill',
  namespace: 'tidemark.positions',
  doc: 'A fill as amended; key portfolio/instrument/number, counted from 1.',
  fields: [
    { name: 'fillId', type: 'string' },
    { name: 'eventTime', type: TIME },
    { name: 'side', type: { type: 'enum', name: 'ListedFillSide', symbols: ['BUY', 'SELL'] } },
    { name: 'quantity', type: DECIMAL },
    { name: 'price', type: DECIMAL },
    { name: 'commission', type: DECIMAL },
    { name: 'multiplier', type: DECIMAL },
    { name: 'cancelled', type: 'boolean' },
  ],
};

/** A ledger before and after a change. */
export interface LedgerChange {
  readonly before: PositionLedger;
  readonly after: PositionLedger;
}
/** What an amendment did. */
export interface Amended {
  readonly outcome: 'AMENDED';
  readonly ledger: LedgerChange;
  readonly fill: { readonly before: ListedFill; readonly after: ListedFill };
}
export type Outcome =
  | Amended
  | { readonly outcome: 'REPEATED' }
  | { readonly outcome: 'REFUSED'; readonly code: string; readonly reason: string };

/** A ledger is kept after each so many fills. */
export const CHECKPOINT_FILLS = 128;
const NOTHING: PositionLedger = { ...EMPTY_LEDGER, listed: 0, revision: 0 };

export class LedgerStore {
  readonly #ledgers: KeyValueStore<PositionLedger>;
  readonly #fills: KeyValueStore<ListedFill>;
  readonly #checkpoints: KeyValueStore<Ledger>;
  readonly #amendments: KeyValueStore<number>;

  constructor(context: ProcessorContext) {
    this.#ledgers = context.store('ledgers');
    this.#fills = context.store('listed-fills');
    this.#checkpoints = context.store('ledger-checkpoints');
    this.#amendments = context.store('seen-amendments');
  }

  /** The ledger of every position, by portfolio/instrument. */
  entries(): IterableIterator<[string, PositionLedger]> {
    return this.#ledgers.entries();
  }

  /**
   * Applies a NEW fill; `multiplier` is that of its event time, `actions` are those in effect. Throws DecimalError, with nothing changed.
   */
  add(
    key: string,
    { fillId, eventTime, side, quantity, price, commission }: Fill,
    multiplier: bigint,
    actions: readonly StoredAction[],
  ): PositionLedger {
    const before = this.#ledgers.get(key) ?? NOTHING;
    const fill = { fillId, eventTime, side, quantity, price, commission, multiplier, cancelled: false };
    const listed = before.listed + 1;
    const isLate = actions.length > 0 && eventTime < actions.at(-1)!.exTime;
    // The ledger as it is has the actions behind its last fill: of a fill from before one of them it does not follow.
    const applied = isLate ? this.#apply(key, actions, listed, listed, fill) : null;
    const ledger = applied?.ledger ?? applyFill(before, fill, multiplier);
    const newest = Math.max(before.eventTime, ledger.eventTime);
    const after = { ...ledger, eventTime: newest, listed, revision: before.revision + 1 };
    this.#fills.put(`${key}/${listed}`, fill);
    const checkpoints = applied?.checkpoints ?? (listed % CHECKPOINT_FILLS === 0 ? [[listed, ledger] as const] : []);
    this.#keep(key, after, checkpoints);
    return after;
  }

  /** Applies a CORRECT or CANCEL. Throws DecimalError, with nothing changed. */
  amend(key: string, amendment: Fill, actions: readonly StoredAction[]): Outcome {
    const { portfolio, fillId, action, eventTime } = amendment;
    const delivery = `${portfolio}/${fillId}/${digestOf(amendment)}`;
    if (this.#amendments.get(delivery) !== undefined) return { outcome: 'REPEATED' };
    const before = this.#ledgers.get(key) ?? NOTHING;
    const number = this.#numberOf(key, fillId, before.listed);
    if (number === 0) return refused('FILL_UNKNOWN', `${action} of fill ${fillId}: position ${key} has no such fill`);
    const fill = this.#fills.get(`${key}/${number}`)!;
    if (fill.cancelled)
      return refused('FILL_CANCELLED', `${action} of fill ${fillId} of position ${key}: it was cancelled`);
    const amended = amendedFill(fill, amendment);
    const { ledger, checkpoints } = this.#apply(key, actions, before.listed, number, amended);
    const after = {
      ...ledger,
      eventTime: Math.max(before.eventTime, eventTime),
      listed: before.listed,
      revision: before.revision + 1,
    };
    this.#amendments.put(delivery, eventTime);
    this.#fills.put(`${key}/${number}`, amended);
    this.#keep(key, after, checkpoints);
    return { outcome: 'AMENDED', ledger: { before, after }, fill: { before: fill, after: amended } };
  }

  /** Applies an action that no fill has reached yet; null: it changes nothing. */
  act(key: string, action: StoredAction): LedgerChange | null {
    const before = this.#ledgers.get(key)!;
    const ledger = applyAction(before, action);
    if (ledger === before) return null;
    const after = { ...ledger, listed: before.listed, revision: before.revision + 1 };
    this.#ledgers.put(key, after);
    return { before, after };
  }

  /**
   * The ledgers of these positions after other actions than before, all fills applied again; those that do not change are left out. Throws
   * DecimalError, with nothing changed.
   */
  actAgain(keys: readonly string[], actions: readonly StoredAction[]): (LedgerChange & { readonly key: string })[] {
    const applied = keys.map((key) => {
      const before = this.#ledgers.get(key)!;
      const { ledger, checkpoints } = this.#apply(key, actions, before.listed, 1);
      const eventTime = Math.max(before.eventTime, ledger.eventTime);
      const after = { ...ledger, eventTime, listed: before.listed, revision: before.revision + 1 };
      return { key, before, after, checkpoints };
    });
    const changed = applied.filter(({ before, after }) => !hasSameAmounts(before, after));
    for (const { key, after, checkpoints } of changed) this.#keep(key, after, checkpoints);
    return changed;
  }

  #keep(key: string, ledger: PositionLedger, checkpoints: readonly (readonly [number, Ledger])[]): void {
    for (const [at, checkpoint] of checkpoints) this.#checkpoints.put(`${key}/${at}`, checkpoint);
    this.#ledgers.put(key, ledger);
  }

  /** The ledger of `listed` fills, applied from the one with this number on, which may be another now; and the checkpoints from there on. */
  #apply(key: string, actions: readonly StoredAction[], listed: number, number: number, instead?: ListedFill) {
    const start = number - 1 - ((number - 1) % CHECKPOINT_FILLS);
    let ledger: Ledger = start === 0 ? EMPTY_LEDGER : this.#checkpoints.get(`${key}/${start}`)!;
    let next = firstAfter(actions, ledger.eventTime);
    const checkpoints: [number, Ledger][] = [];
    for (let at = start + 1; at <= listed; at++) {
      const fill = at === number && instead ? instead : this.#fills.get(`${key}/${at}`)!;
      if (!fill.cancelled) {
        while (next < actions.length && actions[next]!.exTime <= fill.eventTime)
          ledger = applyAction(ledger, actions[next++]!);
        ledger = applyListed(ledger, fill, actions.slice(firstAfter(actions, fill.eventTime), next));
      }
      if (at % CHECKPOINT_FILLS === 0) checkpoints.push([at, ledger]);
    }
    for (; next < actions.length; next++) ledger = applyAction(ledger, actions[next]!);
    return { ledger, checkpoints };
  }

  /**
   * The number of a fill in its position's list, newest first; 0: it is not there. Looks at the fills since, which are
   * applied again anyway: a row by id would cost every NEW fill more than this costs the few that are amended.
   */
  #numberOf(key: string, fillId: string, listed: number): number {
    for (let at = listed; at > 0; at--) if (this.#fills.get(`${key}/${at}`)!.fillId === fillId) return at;
    return 0;
  }
}

/** `passed`: actions that stand before it in the list though their ex time is after it. */
function applyListed(ledger: Ledger, fill: ListedFill, passed: readonly StoredAction[]): Ledger {
  if (passed.length === 0) return applyFill(ledger, fill, fill.multiplier);
  const multiplier = ledger.quantity === 0n ? fill.multiplier : ledger.multiplier;
  return applyFill(ledger, fill, fill.multiplier, conversionOf(fill, multiplier, passed));
}

const hasSameAmounts = (a: Ledger, b: Ledger): boolean =>
  a.quantity === b.quantity &&
  a.cost === b.cost &&
  a.realizedPnl === b.realizedPnl &&
  a.cashFlow === b.cashFlow &&
  a.dividends === b.dividends;

const refused = (code: string, reason: string): Outcome => ({ outcome: 'REFUSED', code, reason });

function amendedFill(fill: ListedFill, { action, side, quantity, price, commission }: Fill): ListedFill {
  return action === 'CANCEL' ? { ...fill, cancelled: true } : { ...fill, side, quantity, price, commission };
}

/** Of all that an amendment says; that its key names is left out. */
function digestOf({ eventTime, action, side, quantity, price, commission, orderId, venue }: Fill): string {
  const amounts = [quantity, price, commission].map(String);
  const text = JSON.stringify([eventTime, action, side, ...amounts, orderId, venue]);
  return createHash('sha256').update(text).digest('base64url');
}
