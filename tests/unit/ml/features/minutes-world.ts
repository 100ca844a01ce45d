/** Limits whose figures move within the day as is known, what is said of the minutes ahead, and what came of it. */
import { HORIZONS_MINUTES, IntradayMotion } from '#ml/features/intraday-motion.ts';
import { Random } from '#streams/kit/random.ts';

const STEP_SECONDS = 10;
const STEPS_A_MINUTE = 60 / STEP_SECONDS;
const SESSION_MINUTES = 390;
const ASKED_EVERY_MINUTES = 10;
const FIRST_DAY_MICROS = 20_000 * 86_400e6;
const OPEN_MICROS = 14.5 * 3600e6;

/** By how much the volatility of a step differs from the day's, and what is seen of the figure. */
interface World {
  readonly scale: (minute: number, random: Random, before: number) => number;
  readonly move: (random: Random) => number;
  readonly seen: (level: number, random: Random, volatility: number) => number;
}
const steady: World = { scale: () => 1, move: (random) => random.normal(), seen: (level) => level };
const studentT3 = (random: Random) =>
  random.normal() / Math.sqrt(random.normal() ** 2 + random.normal() ** 2 + random.normal() ** 2);

export const WORLDS = {
  'constant volatility': steady,
  // Twice as much at the open and the close as at noon.
  'volatility by the time of day': {
    ...steady,
    scale: (minute) => 0.7 + 0.7 * Math.abs((2 * minute) / SESSION_MINUTES - 1),
  },
  // Its logarithm goes back to its mean with a half-life of two hours, standard deviation one half.
  'volatility in clusters': {
    ...steady,
    scale: (_minute, random, before) => {
      const kept = 0.5 ** (1 / (120 * STEPS_A_MINUTE));
      return Math.exp(kept * Math.log(before) + 0.5 * Math.sqrt(1 - kept * kept) * random.normal());
    },
  },
  // Of variance one.
  'moves of Student t, 3': { ...steady, move: studentT3 },
  // Up and down by what it moves in half a minute, as a price that is now bid and now ask.
  'bid and ask': {
    ...steady,
    seen: (level, random, volatility) =>
      level + (random.uniform() < 0.5 ? 1 : -1) * volatility * Math.sqrt(STEPS_A_MINUTE / 2),
  },
} as const satisfies Record<string, World>;
export type WorldName = keyof typeof WORLDS;

/** For each horizon what was said, and whether it happened. */
export interface Told {
  readonly minutes: number;
  readonly said: number[];
  readonly happened: boolean[];
}

/** Days of limits that begin anywhere between 0.5 and 0.98, asked every ten minutes for as long as they are not broken. */
export function tell(name: WorldName, days: number, seed: string): Told[] {
  const told: Told[] = HORIZONS_MINUTES.map((minutes) => ({ minutes, said: [], happened: [] }));
  const random = new Random(seed);
  for (let day = 0; day < days; day++)
    tellDay(WORLDS[name], FIRST_DAY_MICROS + day * 86_400e6 + OPEN_MICROS, random, told);
  return told;
}

function tellDay(world: World, open: number, random: Random, told: readonly Told[]): void {
  const steps = SESSION_MINUTES * STEPS_A_MINUTE;
  const volatility = (0.02 + 0.13 * random.uniform()) / Math.sqrt(steps);
  /** As they are seen, which is what a limit goes by. */
  const levels = new Float64Array(steps);
  let level = 0.5 + 0.48 * random.uniform();
  let scale = 1;
  for (let step = 0; step < steps; step++) {
    scale = world.scale(step / STEPS_A_MINUTE, random, scale);
    level = Math.max(0, level + volatility * scale * world.move(random));
    levels[step] = world.seen(level, random, volatility);
  }
  const motion = new IntradayMotion();
  for (let step = 0; step < steps && levels[step]! < 1; step++) {
    motion.take(open + step * STEP_SECONDS * 1e6, levels[step]!);
    if (step % (ASKED_EVERY_MINUTES * STEPS_A_MINUTE) !== 0) continue;
    for (const [at, probability] of motion.ahead(levels[step]!).entries()) {
      const { minutes, said, happened } = told[at]!;
      const end = step + minutes * STEPS_A_MINUTE;
      if (end >= steps) continue;
      said.push(probability);
      happened.push(levels.subarray(step + 1, end + 1).some((future) => future >= 1));
    }
  }
}

/** Brier score, and by how much it is better than that of the share of breaches. */
export function brierOf({ said, happened }: Told): {
  readonly brier: number;
  readonly skill: number;
  readonly share: number;
} {
  const share = happened.filter(Boolean).length / happened.length;
  const loss = (of: (at: number) => number) =>
    happened.reduce((sum, did, at) => sum + (of(at) - Number(did)) ** 2, 0) / happened.length;
  const brier = loss((at) => said[at]!);
  return { brier, skill: 1 - brier / loss(() => share), share };
}

/** What was said and what happened in bins of what was said, and the calibration error: their mean distance, by rows. */
export function reliabilityOf({ said, happened }: Told, edges: readonly number[]) {
  const bins = edges.slice(1).map((to, at) => {
    const own = said.flatMap((p, row) => (p >= edges[at]! && (p < to || (to === 1 && p === 1)) ? [row] : []));
    const mean = (of: (row: number) => number) => own.reduce((sum, row) => sum + of(row), 0) / own.length;
    return {
      from: edges[at]!,
      to,
      rows: own.length,
      said: mean((row) => said[row]!),
      happened: mean((row) => Number(happened[row])),
    };
  });
  const error =
    bins.reduce((sum, bin) => sum + (bin.rows > 0 ? bin.rows * Math.abs(bin.said - bin.happened) : 0), 0) / said.length;
  return { bins: bins.filter(({ rows }) => rows > 0), error };
}
