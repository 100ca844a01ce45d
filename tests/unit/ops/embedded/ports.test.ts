import { once } from 'node:events';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { claimPort, freePort } from '#ops/embedded/ports.ts';

const LOWEST_OUTGOING_PORT = 32_768;
const servers: Server[] = [];

async function listen(port: number): Promise<number> {
  const server = createServer().listen(port, '127.0.0.1');
  servers.push(server);
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

describe('ports', () => {
  afterEach(async () => {
    for (const server of servers.splice(0)) await new Promise((resolve) => server.close(resolve));
  });

  it('are given out once, where no outgoing connection can take them before the service listens', async () => {
    const ports = await Promise.all(Array.from({ length: 300 }, (_, index) => (index % 2 ? freePort() : claim(0))));
    expect(new Set(ports).size).toBe(ports.length);
    for (const port of ports) {
      expect(port).toBeGreaterThan(1024);
      expect(port).toBeLessThan(LOWEST_OUTGOING_PORT);
    }
    expect(await listen(ports[0]!)).toBe(ports[0]);
  });

  it('that are asked for are given as asked for, those in use are waited for, then refused with the setting to change', async () => {
    const port = await freePort();
    expect(await claim(port)).toBe(port);
    await listen(port);
    await expect(claim(port)).rejects.toMatchObject({
      code: 'PORT_IN_USE',
      message: expect.stringContaining('TIDEMARK_THING_PORT=PORT'),
    });
    const waiting = claim(port, 10_000);
    await new Promise((resolve) => servers.pop()!.close(resolve));
    expect(await waiting).toBe(port);
  });
});

const claim = (port: number, waitMs = 0) => claimPort(port, 'TIDEMARK_THING_PORT', 'the thing', '127.0.0.1', waitMs);
