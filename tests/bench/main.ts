import { parseArgs } from 'node:util';
import { closest } from '#streams/kit/config.ts';
import { pipelineBenchmark } from './pipeline.ts';

/** `npm run bench -- NAME [--json] [--pairs N]`: measures, compares within the run, prints. Not a test: nothing here fails on time. */
const BENCHMARKS: Readonly<
  Record<string, (options: { pairs: number; log: (text: string) => void }) => Promise<unknown>>
> = {
  pipeline: pipelineBenchmark,
};

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { json: { type: 'boolean', default: false }, pairs: { type: 'string', default: '3' } },
});
const name = positionals[0] ?? '';
const benchmark = BENCHMARKS[name];
const pairs = Number(values.pairs);
if (!benchmark || !Number.isInteger(pairs) || pairs < 1) {
  const names = Object.keys(BENCHMARKS);
  console.error(
    benchmark
      ? `--pairs ${values.pairs}: expected a whole number from 1`
      : `No benchmark "${name}"${closest(name, names)} There are: ${names.join(', ')}`,
  );
  process.exit(2);
}
const log = (text: string) => process.stderr.write(`${text}\n`);
const result = await benchmark({ pairs, log });
process.stdout.write(`${JSON.stringify(result, null, values.json ? undefined : 2)}\n`);
process.exit(0);
