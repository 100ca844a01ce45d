import { Connection } from '@platformatic/kafka';
import { apiName, type Brokers, FIRST_PORT } from './brokers.ts';
import type { SimulatedProcess, World } from './world.ts';

export interface Weather {
  /** Mean time of a message on its way, milliseconds. */
  readonly latencyMs: number;
  /** Probability that a connection breaks with a request: before it arrives, or after, so that only its answer is lost. */
  readonly breaks: number;
  /** Probability that a request that its client has given up on still arrives. */
  readonly lateArrivals: number;
}
type Callback = (error: Error | null, result?: unknown) => void;
interface Request {
  readonly apiKey: number;
  readonly bytes: Buffer;
  readonly callback: Callback;
  /** At the broker, or lost: it will not be delivered any more. */
  arrived: boolean;
}

const broken = () => Object.assign(new Error('the connection broke'), { code: 'PLT_KFK_NETWORK' });

/** One side's view of a connection: requests arrive in order, and each is answered before the next is looked at. */
class Line {
  readonly #network: Network;
  readonly #connection: Connection;
  readonly #node: number;
  readonly #owner: SimulatedProcess | null;
  readonly #requests: Request[] = [];
  readonly #inbox: Request[] = [];
  #busy = false;
  #lastArrivalMs = 0;
  #open = true;
  /** Nothing arrives any more, which the client finds out soon. */
  #broken = false;

  constructor(network: Network, connection: Connection, node: number) {
    this.#network = network;
    this.#connection = connection;
    this.#node = node;
    this.#owner = network.world.process;
    this.#owner?.onDeath(() => this.#abandon());
  }

  send(apiKey: number, bytes: Buffer, callback: Callback) {
    const { world, weather } = this.#network;
    if (!this.#open) return void queueMicrotask(() => callback(broken()));
    const request: Request = { apiKey, bytes, callback, arrived: this.#broken };
    this.#requests.push(request);
    if (this.#owner?.dead || this.#broken) return;
    this.#broken = world.chance(weather.breaks * this.#network.storm);
    if (!this.#broken) return this.#deliver(request, false);
    const isLost = world.chance(0.5);
    world.note(`${this.#name} ${apiName(apiKey)}: the ${isLost ? 'request' : 'answer'} is lost`);
    if (isLost) request.arrived = true;
    else this.#deliver(request, true);
    world.after(this.#network.delay() * 2, () => this.close(), this.#owner);
  }

  /** The client is through with it: nothing is answered any more, and what is on its way may still arrive, also much later. */
  close(): void {
    if (!this.#open) return;
    this.#abandon();
    this.#connection.emit('close');
    for (const { callback } of this.#requests.splice(0)) callback(broken());
  }

  get #name(): string {
    return this.#owner?.name ?? 'outside';
  }
  #abandon(): void {
    if (!this.#open) return;
    this.#open = false;
    const { world, weather } = this.#network;
    const late = this.#requests.filter(({ arrived }) => !arrived);
    const delayMs = world.chance(0.3) ? world.random.below(3_000) : 0;
    for (const request of late) {
      // What comes behind something lost is lost too.
      if (!world.chance(weather.lateArrivals)) break;
      this.#deliver(request, true, delayMs);
    }
  }
  #deliver(request: Request, isAnswerLost: boolean, extraMs = 0): void {
    const { world } = this.#network;
    const atMs = Math.max(this.#lastArrivalMs, world.nowMs + this.#network.delay() + extraMs);
    this.#lastArrivalMs = atMs;
    world.after(atMs - world.nowMs, () => {
      // It was given up meanwhile, and another delivery was arranged or none.
      if (request.arrived || (!this.#open && !isAnswerLost)) return;
      request.arrived = true;
      this.#inbox.push(request);
      this.#next();
    });
  }
  #next(): void {
    const request = this.#inbox[0];
    if (this.#busy || !request) return;
    this.#busy = true;
    const { world, brokers } = this.#network;
    let answered = false;
    brokers.handle(this.#node, request.apiKey, request.bytes, (result, error) => {
      if (answered) throw new Error('A request was answered twice');
      answered = true;
      const code = (error as { apiCode?: number } | undefined)?.apiCode ?? 0;
      if (request.apiKey !== 1) world.note(`${this.#name} ${apiName(request.apiKey)} ${code}`);
      world.after(this.#network.delay(), () => this.#answer(request, result, error), this.#owner);
      world.after(0, () => {
        this.#inbox.shift();
        this.#busy = false;
        this.#next();
      });
    });
  }
  #answer(request: Request, result: unknown, error?: Error): void {
    if (!this.#open || !this.#requests.includes(request)) return;
    this.#requests.splice(this.#requests.indexOf(request), 1);
    if (error) request.callback(error);
    else request.callback(null, result);
  }
}

/** Puts simulated lines in the place of the Kafka client's sockets. */
export class Network {
  readonly world: World;
  readonly brokers: Brokers;
  readonly weather: Weather;
  /** 1: the weather as it is; 0: nothing breaks any more. */
  storm = 1;
  readonly #lines = new WeakMap<Connection, Line>();

  constructor(world: World, brokers: Brokers, weather: Weather) {
    this.world = world;
    this.brokers = brokers;
    this.weather = weather;
  }

  delay(): number {
    return this.world.random.exponential(this.weather.latencyMs);
  }
  /** Returns what puts the sockets back. */
  takeOver(): () => void {
    const prototype = Connection.prototype as unknown as Record<string, unknown>;
    const { connect, send, close } = prototype;
    const { world } = this;
    const lines = this.#lines;
    const network = this;
    prototype.connect = function (this: Connection, _host: string, port: number) {
      return new Promise<void>((resolve) => {
        lines.set(this, new Line(network, this, port - FIRST_PORT));
        world.after(network.delay(), resolve, world.process);
      });
    };
    prototype.send = function (
      this: Connection,
      apiKey: number,
      _apiVersion: number,
      payload: () => { buffer: Buffer },
      _parser: unknown,
      _requestTags: boolean,
      _responseTags: boolean,
      callback: Callback,
    ) {
      lines.get(this)!.send(apiKey, Buffer.from(payload().buffer), callback);
    };
    prototype.close = function (this: Connection, callback?: () => void) {
      lines.get(this)?.close();
      if (callback) return void queueMicrotask(callback);
      return Promise.resolve();
    };
    return () => void Object.assign(prototype, { connect, send, close });
  }
}
