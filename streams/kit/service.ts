import { createServer, type Server } from 'node:http';
import { describeError } from './errors.ts';
import { createLog, type Log } from './log.ts';
import { Metrics } from './metrics.ts';

export interface ServiceContext {
  readonly name: string;
  readonly log: Log;
  readonly metrics: Metrics;
  /** Aborts when the process is asked to stop. */
  readonly signal: AbortSignal;
}
export interface RunningService {
  /** Null when ready, else one sentence that says what it waits for. */
  notReady(): string | null;
  /** Stops gracefully; called once. */
  stop(): Promise<void>;
  /** Settles when the service has ended by itself; a rejection ends the process with exit code 1. */
  readonly done?: Promise<void>;
}

/** How long a stop may take before the process ends anyway. */
const STOP_LIMIT_MS = 10_000;

/**
 * Runs one process of Tidemark: starts the service, serves its own `/metrics`, `/health/live` and `/health/ready` on
 * `TIDEMARK_STATUS_PORT` (loopback), stops on SIGTERM or SIGINT within 10 s. Exit code 0 after a stop or a natural end, 1 after a failure.
 */
export async function runService(
  name: string,
  start: (context: ServiceContext) => Promise<RunningService>,
): Promise<void> {
  const log = createLog(name);
  const metrics = new Metrics();
  const controller = new AbortController();
  let running: RunningService | undefined;
  let ended: Promise<void> | undefined;
  const end = (code: number) => {
    ended ??= (async () => {
      controller.abort();
      const limit = setTimeout(() => {
        log.error(`${name} did not stop within ${STOP_LIMIT_MS / 1000} s and is ended`);
        process.exit(1);
      }, STOP_LIMIT_MS);
      limit.unref();
      try {
        await running?.stop();
      } catch (error) {
        log.error({ err: error }, `${name} did not stop cleanly: ${describeError(error)}`);
        process.exit(1);
      }
      process.exit(code);
    })();
    return ended;
  };
  process.on('SIGTERM', () => void end(0));
  process.on('SIGINT', () => void end(0));
  // A launcher that was killed cannot stop its children: they notice its closed pipe.
  if (process.channel) process.on('disconnect', () => void end(0));
  const fail = (error: unknown) => {
    log.fatal({ err: error }, `${name} failed: ${describeError(error)}`);
    void end(1);
  };
  process.on('uncaughtException', fail);
  process.on('unhandledRejection', fail);
  const port = Number(process.env.TIDEMARK_STATUS_PORT ?? Number.NaN);
  if (Number.isInteger(port))
    serveStatus(name, port, metrics, () => (running ? running.notReady() : `${name} is starting`));
  try {
    running = await start({ name, log, metrics, signal: controller.signal });
    log.info(`${name} is running`);
    await running.done?.then(() => end(0));
  } catch (error) {
    fail(error);
  }
}

function serveStatus(name: string, port: number, metrics: Metrics, notReady: () => string | null): Server {
  metrics.registry.setDefaultLabels({ process: name });
  const server = createServer(async (request, response) => {
    const reason = notReady();
    if (request.url === '/metrics')
      response.setHeader('content-type', metrics.registry.contentType).end(await metrics.registry.metrics());
    else if (request.url === '/health/live') response.end('{"live":true}');
    else if (request.url === '/health/ready')
      response.writeHead(reason === null ? 200 : 503).end(JSON.stringify({ ready: reason === null, reason }));
    else response.writeHead(404).end();
  });
  server.listen(port, '127.0.0.1').unref();
  return server;
}
