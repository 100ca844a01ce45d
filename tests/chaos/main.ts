import { parseArgs } from 'node:util';
import { runChaos } from './engine/chaos.ts';

/**
 * `npm run chaos -- [--kills N] [--seed S]`: a topology under load while its processes and brokers fail. Prints a summary with the
 * schedule as JSON; exit code 1 when anything is not exact. The same seed gives the same schedule.
 */
const { values } = parseArgs({
  options: { kills: { type: 'string', default: '100' }, seed: { type: 'string', default: String(Date.now()) } },
});
const kills = Number(values.kills);
if (!Number.isInteger(kills) || kills < 1) {
  console.error(`--kills ${values.kills}: expected a whole number from 1`);
  process.exit(2);
}
const summary = await runChaos({ kills, seed: values.seed, log: (text) => process.stderr.write(`${text}\n`) });
process.stdout.write(`${JSON.stringify(summary, null, 2)}\n`);
process.exitCode = summary.exact ? 0 : 1;
