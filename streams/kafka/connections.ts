import { type CallbackWithPromise, Connection } from '@platformatic/kafka';

const CONNECT_TIMEOUT_MS = 5_000;
const REQUEST_TIMEOUT_MS = 30_000;
/** How long a connection that is closed may take to send what it still holds, milliseconds. */
const CLOSE_LIMIT_MS = 1_000;

/** A connection whose `close()` ends: the client's own waits for ever for a broker that has stopped reading. */
class PromptConnection extends Connection {
  override close(callback: CallbackWithPromise<void>): void;
  override close(): Promise<void>;
  override close(callback?: CallbackWithPromise<void>): Promise<void> {
    const { socket } = this;
    const limit = setTimeout(() => socket?.destroy(), CLOSE_LIMIT_MS);
    const closed = new Promise<void>((resolve) => super.close(() => resolve()));
    return closed.then(() => {
      clearTimeout(limit);
      callback?.(null);
    });
  }
}

/** Opens a connection; every request on it is answered, or fails within 30 s. */
export async function connect(clientId: string, host: string, port: number): Promise<Connection> {
  const connection = new PromptConnection(clientId, {
    connectTimeout: CONNECT_TIMEOUT_MS,
    requestTimeout: REQUEST_TIMEOUT_MS,
    maxInflights: 1000,
  });
  // Failures surface in the requests that they break.
  connection.on('error', () => {});
  await connection.connect(host, port);
  return connection;
}

/**
 * One connection per broker for one purpose, opened when it is needed and anew after it broke. Purposes do not share: a broker
 * answers a connection's requests in order, so a long poll holds back what comes after it.
 */
export class ConnectionPool {
  readonly #open: (broker: number) => Promise<Connection>;
  readonly #connections = new Map<number, Promise<Connection>>();

  constructor(open: (broker: number) => Promise<Connection>) {
    this.#open = open;
  }

  get(broker: number): Promise<Connection> {
    const known = this.#connections.get(broker);
    if (known) return known;
    const forget = () => {
      if (this.#connections.get(broker) === connection) this.#connections.delete(broker);
    };
    const connection = this.#open(broker).then((opened) => {
      opened.on('close', forget);
      return opened;
    });
    connection.catch(forget);
    this.#connections.set(broker, connection);
    return connection;
  }

  /** Closes all; the requests on them fail. The pool can be used again. Never throws. */
  async close(): Promise<void> {
    const connections = [...this.#connections.values()];
    this.#connections.clear();
    await Promise.all(connections.map((connection) => connection.then((open) => open.close()).catch(() => undefined)));
  }
}
