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

/** A loopback port that nobody listens on at the moment. */
export const freePort = (): Promise<number> => listenOnce(0, '127.0.0.1');

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
