import { Random } from '#streams/kit/random.ts';
import { BROKER_IDS, type BrokerId } from '#tests/integration/brokers.ts';

export const PROCESS_NAMES = ['a', 'b'] as const;
export type ProcessName = (typeof PROCESS_NAMES)[number];

export interface ProcessFailure {
  /** `kill`: kill -9, and started again; `pause`: SIGSTOP past the session's end, then SIGCONT. */
  readonly kind: 'kill' | 'pause';
  readonly victim: ProcessName;
  /** From the failure before to this one. */
  readonly gapMs: number;
  /** How long the victim is away. */
  readonly awayMs: number;
}
export interface BrokerFailure {
  /** `broker-kill`: kill -9; `broker-restart`: controlled shutdown. Started again either way. */
  readonly kind: 'broker-kill' | 'broker-restart';
  readonly victim: BrokerId;
  readonly gapMs: number;
  readonly awayMs: number;
}
export type Failure = ProcessFailure | BrokerFailure;

/** The failures of ten, in what order the seed says. */
const DECK: readonly Failure['kind'][] = [
  'kill',
  'kill',
  'kill',
  'kill',
  'kill',
  'pause',
  'pause',
  'broker-kill',
  'broker-kill',
  'broker-restart',
];
const MAX_GAP_MS = 2_000;
const MAX_AWAY_MS = 2_000;

/** The failures of a run: the same seed gives the same ones. */
export function failureSchedule(kills: number, seed: string, sessionTimeoutMs: number): Failure[] {
  const random = new Random(seed);
  const failures: Failure[] = [];
  let deck: Failure['kind'][] = [];
  while (failures.length < kills) {
    if (deck.length === 0) deck = [...DECK];
    const kind = deck.splice(random.below(deck.length), 1)[0]!;
    const gapMs = random.below(MAX_GAP_MS);
    const awayMs = random.below(MAX_AWAY_MS) + (kind === 'pause' ? sessionTimeoutMs : 0);
    if (kind === 'kill' || kind === 'pause')
      failures.push({ kind, victim: PROCESS_NAMES[random.below(PROCESS_NAMES.length)]!, gapMs, awayMs });
    else failures.push({ kind, victim: BROKER_IDS[random.below(BROKER_IDS.length)]!, gapMs, awayMs });
  }
  return failures;
}
