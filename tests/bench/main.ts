import { parseArgs } from 'node:util';
import { closest } from '#streams/kit/config.ts';
import { engineBenchmark } from './engine.ts';
import { latencyBenchmark } from './latency.ts';
import { mlBenchmark } from './ml.ts';
import type { BenchOptions } from './options.ts';
import { pipelineBenchmark } from './pipeline.ts';
import { pretradeBenchmark } from './pretrade.ts';
import { restoreBenchmark } from './restore.ts';
import { riskBenchmark } from './risk.ts';
import { soakBenchmark } from './soak.ts';

/**
 * `npm run bench -- NAME [--json] [--pairs N] [--records N] [--only COMBINATION] [--minutes N] [--rate N]`: measures,
 * compares within the run, prints. Not a test: nothing here fails on time.
 */
const BENCHMARKS: Readonly<Record<string, (options: BenchOptions) => Promise<unknown>>> = {
  engine: engineBenchmark,
  latency: latencyBenchmark,
  ml: mlBenchmark,
  pipeline: pipelineBenchmark,
  pretrade: pretradeBenchmark,
  restore: restoreBenchmark,
  risk: riskBenchmark,
  soak: soakBenchmark,
};

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    json: { type: 'boolean', default: false },
    pairs: { type: 'string', default: '3' },
    records: { type: 'string' },
    only: { type: 'string' },
    minutes: { type: 'string', default: '15' },
    rate: { type: 'string', default: '20000' },
  },
});
const fail = (message: string): never => {
  console.error(message);
  process.exit(2);
};
const count = (option: 'pairs' | 'records' | 'minutes' | 'rate'): number => {
  const number = Number(values[option]);
  return Number.isInteger(number) && number >= 1
    ? number
    : fail(`--${option} ${values[option]}: expected a whole number from 1`);
};
const name = positionals[0] ?? '';
const names = Object.keys(BENCHMARKS);
const benchmark =
  BENCHMARKS[name] ?? fail(`No benchmark "${name}"${closest(name, names)} There are: ${names.join(', ')}`);
const result = await benchmark({
  pairs: count('pairs'),
  records: values.records === undefined ? null : count('records'),
  only: values.only ?? null,
  minutes: count('minutes'),
  rate: count('rate'),
  log: (text) => process.stderr.write(`${text}\n`),
});
process.stdout.write(`${JSON.stringify(result, null, values.json ? undefined : 2)}\n`);
process.exit(0);
