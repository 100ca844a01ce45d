import { once } from 'node:events';
import { type System, startSystem } from '#ops/embedded/launcher.ts';
import { TidemarkError } from '#streams/kit/errors.ts';

/** Exit code of a command ended by Ctrl-C. */
const INTERRUPTED = 130;

export interface StartOptions {
  /** Replay the shipped history with the demo portfolios. */
  readonly demo: boolean;
  /** Trading days per second; 0 as fast as it goes. */
  readonly speed?: number | undefined;
  /** First and last day to replay, YYYY-MM-DD. */
  readonly from?: string | undefined;
  readonly to?: string | undefined;
  /** Port of the page. */
  readonly port?: number | undefined;
}

/** `tidemark start`: brings the system up, says where it is, and stops it at Ctrl-C. Resolves with the exit code. */
export async function start(options: StartOptions): Promise<number> {
  const startMs = Date.now();
  const progress = (text: string) =>
    process.stdout.write(`  ${((Date.now() - startMs) / 1000).toFixed(1).padStart(5)} s  ${text}\n`);
  const env: Record<string, string> = { TIDEMARK_DEMO: String(options.demo) };
  if (options.speed !== undefined) env.TIDEMARK_REPLAY_SPEED = String(options.speed);
  if (options.from !== undefined) env.TIDEMARK_REPLAY_FROM = options.from;
  if (options.to !== undefined) env.TIDEMARK_REPLAY_TO = options.to;
  if (options.port !== undefined) env.TIDEMARK_HTTP_PORT = String(options.port);
  process.stdout.write('Starting Tidemark\n');
  const stopping = new AbortController();
  const interruption = once(stopping.signal, 'abort');
  const stop = () => stopping.abort();
  const onCtrlC = () => {
    if (!stopping.signal.aborted) return stop();
    // Children notice the closed channel and stop by themselves, so nothing is left behind.
    process.stdout.write('Not waiting for the rest; it ends by itself.\n');
    process.exit(INTERRUPTED);
  };
  process.on('SIGINT', onCtrlC);
  for (const signal of ['SIGTERM', 'SIGHUP'] as const) process.on(signal, stop);
  // From prepare.mjs: it was asked to stop, or is gone.
  for (const event of ['message', 'disconnect'] as const) process.on(event, stop);
  process.channel?.unref();
  let system: System;
  try {
    system = await startSystem({ env, progress, signal: stopping.signal });
  } catch (error) {
    if (!(error instanceof TidemarkError && error.code === 'INTERRUPTED')) throw error;
    process.stdout.write('Stopped while starting.\n');
    // Not by returning: what is being fetched would be waited for.
    process.exit(INTERRUPTED);
  }
  process.stdout.write(`\nTidemark is live: ${system.httpUrl}\n`);
  process.stdout.write(
    `GraphQL at ${system.httpUrl}/graphql, health at /health/ready, logs in ${system.home}/logs. Ctrl-C stops everything.\n\n`,
  );
  await interruption;
  process.stdout.write('\nStopping (once more to not wait): what is on its way is committed first …\n');
  const stopMs = Date.now();
  await system.stop();
  process.stdout.write(
    `Stopped after ${((Date.now() - stopMs) / 1000).toFixed(1)} s. The next start continues here.\n`,
  );
  return 0;
}
