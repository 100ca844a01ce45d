import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { closest } from '../kit/config.ts';
import { describeError, TidemarkError } from '../kit/errors.ts';
import { isQueryable, type QueryableStore } from '../state/store.ts';
import type { Task } from './task.ts';

/** Entries of one answer, and the most that may be asked for. */
const DEFAULT_LIMIT = 1_000;
const MAX_LIMIT = 100_000;

/**
 * Answers questions about the stores of this process over HTTP, with what is committed:
 * `GET /stores/NAME?key=K` one entry, `GET /stores/NAME?from=A&to=B&limit=N` entries with A <= key < B, ascending. An answer names the
 * partitions it speaks for, since others may have the rest. Decimal amounts and other 64-bit numbers are strings.
 */
export class QueryServer {
  readonly #server: Server;
  readonly #stores: readonly string[];
  readonly #tasks: () => readonly Task[];

  /** `stores`: the names of all in the topology; `tasks`: those that process here now. */
  constructor(stores: readonly string[], tasks: () => readonly Task[]) {
    this.#stores = stores;
    this.#tasks = tasks;
    this.#server = createServer((request, response) => this.#answer(request, response));
  }

  /** Returns host:port; port 0 takes a free one. Throws QUERY_PORT_TAKEN. */
  async listen(host: string, port: number): Promise<string> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', (error: NodeJS.ErrnoException) => {
        const isTaken = error.code === 'EADDRINUSE';
        const message = `Store queries cannot listen on ${host}:${port}: ${error.message}; take another port, or 0 for any free one`;
        reject(isTaken ? new TidemarkError('QUERY_PORT_TAKEN', message, { cause: error }) : error);
      });
      this.#server.listen(port, host, resolve);
    });
    return `${host}:${(this.#server.address() as AddressInfo).port}`;
  }
  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    try {
      const url = new URL(request.url ?? '/', 'http://localhost');
      const [, folder, name = '', ...rest] = url.pathname.split('/').map(decodeURIComponent);
      if (request.method === 'GET' && folder === 'stores' && rest.length === 0)
        send(response, 200, this.#read(name, url.searchParams));
      else send(response, 404, { code: 'NOT_FOUND', message: 'Ask GET /stores/NAME?key=K or ?from=A&to=B' });
    } catch (error) {
      const code = error instanceof TidemarkError ? error.code : 'QUERY_FAILED';
      send(response, code === 'QUERY_FAILED' ? 500 : 400, { code, message: describeError(error) });
    }
  }

  #read(name: string, query: URLSearchParams): unknown {
    const parts = this.#parts(name);
    const partitions = parts.map(({ partition }) => partition);
    const key = query.get('key');
    if (key !== null) {
      // Several partitions may have it, where records are routed by something else than the store's key.
      const entries = parts.flatMap(({ store, partition }) => {
        const value = store.getCommitted(key);
        return value === undefined ? [] : [{ key, value, partition }];
      });
      return { partitions, entries };
    }
    const limit = Number(query.get('limit') ?? DEFAULT_LIMIT);
    if (!Number.isInteger(limit) || limit < 1 || limit > MAX_LIMIT)
      throw new TidemarkError('QUERY_INVALID', `limit ${query.get('limit')}: expected 1 to ${MAX_LIMIT}`);
    const from = query.get('from') ?? undefined;
    const to = query.get('to') ?? undefined;
    const entries: { key: string; value: unknown; partition: number }[] = [];
    for (const { store, partition } of parts) {
      let left = limit;
      for (const [entryKey, value] of store.committedRange(from, to)) {
        if (left-- === 0) break;
        entries.push({ key: entryKey, value, partition });
      }
    }
    entries.sort((a, b) => (a.key < b.key ? -1 : 1));
    return { partitions, entries: entries.slice(0, limit) };
  }

  #parts(name: string): { store: QueryableStore; partition: number }[] {
    // Its tasks may be restored still, or be elsewhere: the answer is then for no partition.
    if (!this.#stores.includes(name))
      throw new TidemarkError('STORE_UNKNOWN', `There is no store "${name}"${closest(name, [...this.#stores])}`);
    const parts = this.#tasks().flatMap((task) => {
      const store = task.stores.get(name);
      return store ? [{ store, partition: task.partition }] : [];
    });
    return parts.map(({ store, partition }) => {
      if (!isQueryable(store))
        throw new TidemarkError('STORE_KIND_WRONG', `Store "${name}" cannot be queried: only key-value stores can`);
      return { store, partition };
    });
  }
}

function send(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(JSON.stringify(body, (_, value) => (typeof value === 'bigint' ? String(value) : value)));
}
