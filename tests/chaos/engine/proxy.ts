import { once } from 'node:events';
import { createConnection, createServer, type Server, type Socket } from 'node:net';

/** Kafka's numbers for requests. */
export const ApiKey = {
  PRODUCE: 0,
  OFFSET_FETCH: 9,
  ADD_PARTITIONS_TO_TXN: 24,
  END_TXN: 26,
} as const;
type ApiKeyValue = (typeof ApiKey)[keyof typeof ApiKey];

/** Behind length, key, version, correlation id and its own length. */
const CLIENT_ID_AT = 14;

interface Link {
  readonly client: Socket;
  readonly broker: Socket;
  /** Requests kept back, in order: what follows one on its connection waits too. */
  held: Buffer[];
  /** Correlation id of the request whose answer is to be lost; -1: none. */
  losing: number;
}

/** Stands between clients and a broker; holds requests back and loses answers, as a test says. */
export class BrokerProxy {
  readonly #server: Server;
  readonly #links = new Set<Link>();
  #brokerPort = 0;
  #holding: { apiKey: number; done: () => void } | null = null;
  #losing: { apiKey: number; done: () => void } | null = null;
  /** Who has asked for what, in order. Brokers are clients of each other, and of themselves. */
  readonly requests: { readonly clientId: string; readonly apiKey: number }[] = [];

  private constructor() {
    this.#server = createServer((client) => this.#accept(client));
  }
  /** Listens; the broker's port may be told later. */
  static async start(): Promise<BrokerProxy> {
    const proxy = new BrokerProxy();
    proxy.#server.listen(0, '127.0.0.1');
    await once(proxy.#server, 'listening');
    return proxy;
  }
  get address(): string {
    return `127.0.0.1:${(this.#server.address() as { port: number }).port}`;
  }
  connectTo(address: string): void {
    this.#brokerPort = Number(address.split(':')[1]);
  }
  /** Keeps the next such request from the broker; resolves when there is one. It reaches the broker at `release`, also if its sender is gone. */
  hold(apiKey: ApiKeyValue): Promise<void> {
    return new Promise((done) => {
      this.#holding = { apiKey, done };
    });
  }
  /** Sends what is held back of such requests; resolves when the broker has answered. */
  async release(apiKey: ApiKeyValue): Promise<void> {
    for (const link of this.#links) {
      if (link.held.length === 0 || link.held[0]!.readInt16BE(4) !== apiKey) continue;
      const { held } = link;
      link.held = [];
      const answered = once(link.broker, 'data');
      for (const request of held) link.broker.write(request);
      await answered;
    }
  }
  /** The broker gets the next such request, but its answer is lost, and the connection with it; resolves then. */
  loseAnswer(apiKey: ApiKeyValue): Promise<void> {
    return new Promise((done) => {
      this.#losing = { apiKey, done };
    });
  }
  async stop(): Promise<void> {
    this.#server.close();
    for (const { client, broker } of this.#links) {
      client.destroy();
      broker.destroy();
    }
    await once(this.#server, 'close');
  }

  #accept(client: Socket): void {
    const broker = createConnection(this.#brokerPort, '127.0.0.1');
    const link: Link = { client, broker, held: [], losing: -1 };
    this.#links.add(link);
    eachFrame(client, (request) => this.#ask(link, request));
    eachFrame(broker, (answer) => this.#answer(link, answer));
    client.on('error', () => {});
    broker.on('error', () => {});
    client.on('close', () => {
      if (link.held.length === 0) broker.destroy();
    });
    broker.on('close', () => {
      this.#links.delete(link);
      client.destroy();
    });
  }
  #ask(link: Link, request: Buffer): void {
    const apiKey = request.readInt16BE(4);
    const clientId = request.toString('utf8', CLIENT_ID_AT, CLIENT_ID_AT + Math.max(0, request.readInt16BE(12)));
    this.requests.push({ clientId, apiKey });
    if (this.#losing?.apiKey === apiKey) link.losing = request.readInt32BE(8);
    if (this.#holding?.apiKey === apiKey) {
      const { done } = this.#holding;
      this.#holding = null;
      link.held.push(request);
      done();
    } else if (link.held.length > 0) link.held.push(request);
    else link.broker.write(request);
  }
  #answer(link: Link, answer: Buffer): void {
    if (link.losing !== answer.readInt32BE(4)) {
      link.client.write(answer);
      return;
    }
    link.losing = -1;
    link.client.destroy();
    const losing = this.#losing;
    this.#losing = null;
    losing?.done();
  }
}

/** Cuts a stream into Kafka's frames, each with the length before it. */
function eachFrame(socket: Socket, take: (frame: Buffer) => void): void {
  let rest: Buffer = Buffer.alloc(0);
  socket.on('data', (data: Buffer) => {
    rest = Buffer.concat([rest, data]);
    while (rest.length >= 4 && rest.length >= 4 + rest.readInt32BE(0)) {
      const end = 4 + rest.readInt32BE(0);
      take(rest.subarray(0, end));
      rest = rest.subarray(end);
    }
  });
}
