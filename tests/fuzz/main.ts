import { spawn } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { DecoderFuzzer } from './decoder.ts';

/**
 * `node tests/fuzz/main.ts --seconds 120 --seed 7`: damaged record batches and fetch responses for the decoder, as many as there is
 * time for. A child does the work, so that a crash or a hang of native code is seen too; either way the input's number is told, and
 * `--only NUMBER` with the same seed runs it alone. Exit code 1 on a failure.
 */
const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '10' },
    seed: { type: 'string', default: String(Date.now()) },
    only: { type: 'string' },
    progress: { type: 'string' },
  },
});
const { seed, only, progress } = values;
const seconds = Number(values.seconds);
/** How long one input may take before it counts as a hang, and what the process may take in all: far above what a bomb needs. */
const HANG_MS = 20_000;
const MEMORY_BYTES = 1024 ** 3;
/** Inputs in one turn of the event loop. */
const TURN = 100;

/** Runs inputs until the time is over; writes the number of each to the progress file before it runs. */
async function fuzz(path: string): Promise<void> {
  const fuzzer = new DecoderFuzzer(seed);
  const file = openSync(path, 'w');
  const startMs = performance.now();
  let n = 0;
  for (; performance.now() - startMs < seconds * 1000; n++) {
    writeSync(file, String(n).padStart(12), 0);
    fuzzer.run(n);
    // Native code gives its buffers back between turns of the event loop only.
    if (n % TURN === 0) await setImmediate();
  }
  closeSync(file);
  const peakBytes = process.resourceUsage().maxRSS * 1024;
  const ends = [...fuzzer.ends].sort((a, b) => b[1] - a[1]).map(([end, count]) => `  ${count} ${end}`);
  const took = (performance.now() - startMs) / 1000;
  process.stdout.write(
    `${n} inputs of seed ${seed} in ${took.toFixed(1)} s (${Math.round(n / took)}/s), ${fuzzer.records} records read, ` +
      `slowest ${Math.round(fuzzer.slowestMs)} ms, peak memory ${Math.round(peakBytes / 2 ** 20)} MiB\n${ends.join('\n')}\n`,
  );
  if (peakBytes > MEMORY_BYTES) throw new Error(`the process took ${peakBytes} bytes`);
}

/** Runs the child and watches it. */
async function watch(): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), 'tidemark-fuzz-'));
  const path = join(folder, 'progress');
  const reached = () => {
    try {
      return Number(readFileSync(path, 'utf8'));
    } catch {
      return -1;
    }
  };
  const child = spawn(process.execPath, [...process.argv.slice(1), '--seed', seed, '--progress', path], {
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  let last = -1;
  let sinceMs = performance.now();
  const timer = setInterval(() => {
    const now = reached();
    if (now !== last) sinceMs = performance.now();
    last = now;
    if (performance.now() - sinceMs > HANG_MS) child.kill('SIGKILL');
  }, 1_000);
  const [code, signal] = await new Promise<[number | null, string | null]>((done) =>
    child.once('exit', (...end) => done(end)),
  );
  clearInterval(timer);
  if (code !== 0) {
    const what = signal === 'SIGKILL' ? 'hangs (or was killed)' : `ends with ${signal ?? `exit code ${code}`}`;
    process.stderr.write(
      `Input ${reached()} of seed ${seed} ${what}; --seed ${seed} --only ${reached()} runs it alone\n`,
    );
  }
  rmSync(folder, { recursive: true });
  return code === 0 ? 0 : 1;
}

if (only !== undefined) new DecoderFuzzer(seed).run(Number(only));
else if (progress !== undefined) await fuzz(progress);
else process.exitCode = await watch();
