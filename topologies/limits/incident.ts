/** How a limit goes from one level to another, and what is told of it. */
import type { LimitUtilisation, RiskBreach, RiskLimit } from '#schemas/generated/types.ts';
import { equityOf, type Figure, unknown } from './figures.ts';
import type { Level, StoredPnl, StoredStatus } from './stored.ts';

/** A level is left when utilisation is so much below where it began: figures that tremble at it open no second incident. */
const HYSTERESIS = 0.01;
/** An incident is told of again when utilisation has risen by so much since it was told of last. */
const WORSENED_BY = 0.1;

/** What a limit stands at. */
export interface Reading extends Figure {
  readonly threshold: number | null;
  readonly baseThreshold: number | null;
  readonly utilisation: number | null;
}

/** A figure against its limit: `adjusted` is the threshold in force, in the definition's unit. */
export function readingOf(limit: RiskLimit, adjusted: number, taken: Figure, pnl: StoredPnl | null): Reading {
  const isRelative = limit.relativeTo === 'EQUITY';
  const equity = isRelative ? equityOf(pnl) : null;
  const factor = equity === null ? 1 : equity.value;
  if (factor === null) {
    // Nothing is no risk, whatever the equity.
    const known = taken.value === 0 ? taken : unknown(equity!.reason!);
    return { ...known, threshold: null, baseThreshold: null, utilisation: taken.value === 0 ? 0 : null };
  }
  const threshold = adjusted * factor;
  const utilisation = taken.value === null ? null : taken.value / threshold;
  return { ...taken, threshold, baseThreshold: limit.threshold * factor, utilisation };
}

export const newStatus = ({ threshold }: RiskLimit, time: number): StoredStatus => ({
  level: 'NONE',
  since: time,
  incidents: 0,
  openedAt: null,
  told: null,
  adjusted: threshold,
});

export function levelOf({ utilisation }: Reading, warnAt: number, before: Level): Level {
  if (utilisation === null) return 'NO_DATA';
  if (utilisation > 1 || (before === 'BREACH' && utilisation > 1 - HYSTERESIS)) return 'BREACH';
  const wasHigh = before === 'WARNING' || before === 'BREACH';
  if (utilisation >= warnAt || (wasHigh && utilisation >= warnAt - HYSTERESIS)) return 'WARNING';
  return 'NONE';
}

export interface Step {
  readonly status: StoredStatus;
  /** What is told of the incident; null: nothing. */
  readonly event: RiskBreach['event'] | null;
  /** Of the incident that the event is of. */
  readonly openedAt: number;
}

/** The status after a reading at an event time. */
export function step(status: StoredStatus, reading: Reading, warnAt: number, time: number): Step {
  const level = levelOf(reading, warnAt, status.level);
  const { utilisation } = reading;
  if (level === status.level) {
    const isWorse = level === 'BREACH' && utilisation! >= (status.told ?? 0) + WORSENED_BY;
    if (!isWorse) return { status, event: null, openedAt: status.openedAt ?? time };
    return { status: { ...status, told: utilisation }, event: 'WORSENED', openedAt: status.openedAt! };
  }
  const openedAt = status.openedAt ?? time;
  const isOver = level === 'NONE';
  const after = {
    ...status,
    level,
    since: time,
    incidents: status.incidents + Number(status.openedAt === null),
    openedAt: isOver ? null : openedAt,
    told: isOver ? null : utilisation,
  };
  return { status: after, event: status.openedAt === null ? 'OPENED' : isOver ? 'CLOSED' : 'CHANGED', openedAt };
}

export const STATES: Readonly<Record<Level, LimitUtilisation['state']>> = {
  NONE: 'OK',
  WARNING: 'WARNING',
  BREACH: 'BREACHED',
  NO_DATA: 'UNKNOWN',
};
