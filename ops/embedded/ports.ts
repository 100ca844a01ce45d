import { randomInt } from 'node:crypto';
import { createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { TidemarkError } from '#streams/kit/errors.ts';

const listenOnce = (port: number, host: string) =>
  new Promise<number>((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(port, host, () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address ? address.port : port));
    });
  });

// Below the ports that Linux (32768) and macOS and Windows (49152) give to outgoing connections: one of those can be taken by a
// client between the moment it is found free and the moment a service listens on it.
const LOWEST_PORT = 15_000;
const HIGHEST_PORT = 31_999;
const TRIES = 100;
const given = new Set<number>();
// Windows keeps ranges of ports for itself, where listening is refused.
const TAKEN = new Set(['EADDRINUSE', 'EACCES']);

/** A port that nobody listens on at the moment, that no outgoing connection is given, and that this process was not given before. */
export async function freePort(host = '127.0.0.1'): Promise<number> {
  for (let tries = 0; tries < TRIES; tries++) {
    const port = randomInt(LOWEST_PORT, HIGHEST_PORT + 1);
    if (given.has(port)) continue;
    given.add(port);
    try {
      return await listenOnce(port, host);
    } catch (error) {
      if (!TAKEN.has((error as NodeJS.ErrnoException).code ?? '')) throw error;
    }
  }
  throw new TidemarkError(
    'PORT_IN_USE',
    `None of ${TRIES} ports tried between ${LOWEST_PORT} and ${HIGHEST_PORT} is free: stop what uses them, or set each port`,
  );
}

/**
 * The port to use for a setting: 0 becomes a free one. A port in use is waited for `waitMs`, for those who are about to give it
 * up. Throws PORT_IN_USE naming the setting to change.
 */
export async function claimPort(
  port: number,
  setting: string,
  what: string,
  host = '127.0.0.1',
  waitMs = 0,
): Promise<number> {
  if (port === 0) return freePort(host);
  for (const deadline = Date.now() + waitMs; ; await sleep(100)) {
    try {
      return await listenOnce(port, host);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error;
      if (Date.now() < deadline) continue;
      throw new TidemarkError(
        'PORT_IN_USE',
        `Port ${port} for ${what} is in use: stop what uses it, or choose another with ${setting}=PORT (0 picks a free one)`,
      );
    }
  }
}
