import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { SETTINGS } from '#schemas/settings.ts';
import { readSettings } from '#streams/kit/config.ts';
import { TidemarkError } from '#streams/kit/errors.ts';
import { runService } from '#streams/kit/service.ts';
import { homeFolder } from '../paths.ts';
import { openEngine } from './engine.ts';
import { clickhouseServer } from './http.ts';

// Each running query holds a thread of libuv's pool, and so do the files that inserts come through: with the usual
// four, a few slow queries of an analyst would hold up the sink. Read when the pool is first used, which is later than
// this.
Object.assign(process.env, { UV_THREADPOOL_SIZE: '16' });

/**
 * The embedded ClickHouse: `http://127.0.0.1:$TIDEMARK_CLICKHOUSE_PORT` (28123) for `curl`, `@clickhouse/client` and
 * every other client of the HTTP interface, data in `$TIDEMARK_HOME/clickhouse`. No user, no password, loopback only.
 */
await runService('clickhouse', async ({ log }) => {
  const settings = readSettings(SETTINGS, process.env);
  const port = settings.TIDEMARK_CLICKHOUSE_PORT;
  const engine = await openEngine(join(homeFolder(settings.TIDEMARK_HOME), 'clickhouse'));
  const server = clickhouseServer(engine);
  server.listen(port, '127.0.0.1');
  try {
    await once(server, 'listening');
  } catch (cause) {
    const message = `Port ${port} is taken: stop what uses it, or set TIDEMARK_CLICKHOUSE_PORT to another port`;
    throw new TidemarkError('PORT_IN_USE', message, { cause });
  }
  const { port: bound } = server.address() as AddressInfo;
  log.info({ port: bound }, `ClickHouse ${engine.version} answers on http://127.0.0.1:${bound}`);
  return {
    notReady: () => null,
    stop: async () => {
      const closed = once(server, 'close');
      server.close();
      server.closeIdleConnections();
      await closed;
      await engine.close();
    },
  };
});
