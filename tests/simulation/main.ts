import { parseArgs } from 'node:util';
import { simulateChaos } from './chaos.ts';

/** `node tests/simulation/main.ts [--seeds N] [--from S] [--trace]`: that many histories; prints those that are wrong. */
const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '100' },
    from: { type: 'string', default: '1' },
    trace: { type: 'boolean', default: false },
  },
});
const from = Number(values.from);
const startMs = performance.now();
let failed = 0;
let kills = 0;
let pauses = 0;
let happenings = 0;
for (let seed = from; seed < from + Number(values.seeds); seed++) {
  const outcome = await simulateChaos(seed, values.trace ? console.log : undefined);
  if (values.trace) console.log('seed', seed);
  kills += outcome.kills;
  pauses += outcome.pauses;
  happenings += outcome.happenings;
  if (outcome.mistakes.length === 0) continue;
  failed++;
  console.log(`seed ${seed}: ${outcome.mistakes.join('\n  ')}`);
}
const seconds = ((performance.now() - startMs) / 1000).toFixed(1);
console.log(
  `${values.seeds} seeds, ${failed} wrong, ${kills} kills, ${pauses} pauses, ${happenings} events, ${seconds} s`,
);
process.exitCode = failed > 0 ? 1 : 0;
