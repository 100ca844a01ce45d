/**
 * Trains a model anew, as a process of its own:
 *
 *   node connectors/models/train.ts --features NAME --train FILE --python COMMAND --work FOLDER [--as-of TIME]
 *
 * The training set goes to FOLDER/set, the model to FOLDER/model.onnx. What a step prints goes to standard error; where one fails, so does this.
 */
import { spawn } from 'node:child_process';
import { mkdirSync, rmSync } from 'node:fs';
import { constants, setPriority } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

const ROOT = join(import.meta.dirname, '..', '..');

const { values: flags } = parseArgs({
  options: {
    features: { type: 'string' },
    train: { type: 'string' },
    python: { type: 'string' },
    work: { type: 'string' },
    'as-of': { type: 'string' },
  },
});
const given = (name: keyof typeof flags): string => {
  const value = flags[name];
  if (!value) throw new Error(`--${name} is needed`);
  return value;
};

// Whoever started this is gone: nobody waits for the model, and what was started here goes too.
const endAll = () => process.kill(-process.pid, 'SIGKILL');
process.on('disconnect', endAll);
// What serves comes first. Children inherit it.
setPriority(constants.priority.PRIORITY_LOW);
const work = given('work');
const set = join(work, 'set');
rmSync(work, { recursive: true, force: true });
mkdirSync(set, { recursive: true });
const asOf = flags['as-of'];
const until = asOf === undefined ? [] : ['--as-of', asOf];
const out = ['--out', join(set, 'recorded.parquet')];
await run(process.execPath, ['ops/cli/main.ts', given('features'), '--json', ...until, ...out]);
await run(given('python'), [given('train'), '--set', set, '--out', join(work, 'model.onnx')]);
// The model is there: that nobody is left to wait for it is no reason any more.
process.off('disconnect', endAll);
process.disconnect?.();

async function run(command: string, args: readonly string[]): Promise<void> {
  const child = spawn(command, args, { cwd: ROOT, stdio: ['ignore', 2, 2] });
  const code = await new Promise<number | string>((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (status, signal) => resolve(status ?? signal!));
  });
  if (code === 0) return;
  process.stderr.write(`${[command, ...args].join(' ')} ended with ${code}\n`);
  process.exit(1);
}
