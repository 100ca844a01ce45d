/**
 * What is said of the minutes ahead, against what came of it, on simulated limits: there is no intraday history to ship.
 *
 *   node tests/bench/ml/minutes.ts [DAYS]
 */
import { brierOf, reliabilityOf, tell, WORLDS, type WorldName } from '../../unit/ml/features/minutes-world.ts';

const EDGES = [0, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 0.9, 1];

const days = Number(process.argv[2] ?? 40_000);
const worlds = (Object.keys(WORLDS) as WorldName[]).map((world) => ({
  world,
  horizons: tell(world, days, `bench ${world}`).map((told) => ({
    minutes: told.minutes,
    rows: told.said.length,
    ...brierOf(told),
    ...reliabilityOf(told, EDGES),
  })),
}));
process.stdout.write(`${JSON.stringify({ benchmark: 'minutes ahead', days, worlds })}\n`);
