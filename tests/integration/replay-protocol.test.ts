import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFailed } from 'vitest';
import { STRATEGIES } from '#connectors/demo/strategies.ts';
import { Handshake } from '#connectors/kit/handshake.ts';
import { loadHistory } from '#connectors/replay/history.ts';
import { closeMicros, tradesOf } from '#connectors/replay/parse.ts';
import { INSTRUMENTS } from '#connectors/replay/reference.ts';
import { createTopics, registerSchemas } from '#ops/embedded/prepare-system.ts';
import { AVRO } from '#schemas/avro.ts';
import { parseDecimal } from '#schemas/decimal.ts';
import type { CashMovement, Fill, OrderRequest, PortfolioPnl, Session, Trade } from '#schemas/generated/types.ts';
import { PARTITIONS, type TopicName } from '#schemas/topics.ts';
import { type Kafka, murmur2Partition, openKafka, SchemaRegistry, topicSerde } from '#streams/kafka/index.ts';
import { LogTail } from '#streams/kafka/log-tail.ts';
import { silentLog } from '#streams/kit/log.ts';
import { type Services, startServices, until } from '#tests/integration/harness.ts';
import { simulate } from '#tests/unit/connectors/demo/simulation.ts';

/** Three turns of the month, so that there is much to be interrupted. */
const [FROM, TO] = ['1990-01-29', '1990-04-03'];
/** Each of the three is killed this often, right when it has begun to write. */
const KILLS = 3;

/** A process that is started again whenever it dies of a signal. */
class Phoenix {
  readonly args: readonly string[];
  readonly #env: NodeJS.ProcessEnv;
  #child!: ChildProcess;
  #stopping = false;
  #log = '';
  exitCode: number | null = null;

  constructor(env: NodeJS.ProcessEnv, ...args: string[]) {
    this.args = args;
    this.#env = { ...process.env, ...env };
    this.#start();
  }
  get log(): string {
    return this.#log;
  }
  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }
  async stop(): Promise<void> {
    this.#stopping = true;
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const ended = once(this.#child, 'exit');
    this.#child.kill('SIGTERM');
    this.#child.kill('SIGCONT');
    await ended;
  }
  #start(): void {
    const child = spawn(process.execPath, this.args, { env: this.#env, stdio: ['ignore', 'pipe', 'inherit'] });
    this.#child = child;
    child.stdout.on('data', (text: Buffer) => {
      this.#log = (this.#log + text).slice(-10_000);
    });
    child.once('exit', (code, signal) => {
      this.exitCode = code;
      if (signal === 'SIGKILL' && !this.#stopping) this.#start();
    });
  }
}

describe('a replay whose processes are killed again and again', () => {
  let services: Services;
  let kafka: Kafka;
  let registry: SchemaRegistry;
  let positions: Phoenix;
  const processes: Phoenix[] = [];
  const start = (env: NodeJS.ProcessEnv, ...args: string[]) => {
    const started = new Phoenix(env, ...args);
    processes.push(started);
    return started;
  };

  beforeAll(async () => {
    services = await startServices({ kafka: true, registry: true });
    await createTopics(services.kafkaBrokers);
    await registerSchemas(services.registryUrl);
    kafka = await openKafka({ brokers: services.kafkaBrokers, clientId: 'test' });
    registry = new SchemaRegistry(services.registryUrl);
  }, 120_000);
  beforeEach(() => {
    onTestFailed(() => {
      for (const { args, log } of processes) console.error(`${args.join(' ')} said last:\n${log.slice(-1_000)}`);
    });
  });
  afterAll(async () => {
    await Promise.all(processes.map((one) => one.stop()));
    await kafka?.close();
    await services?.stop();
  }, 60_000);

  /** Everything in a topic, per partition in offset order. */
  async function read<V>(topic: TopicName): Promise<V[][]> {
    const serde = await topicSerde<V>(registry, topic, AVRO[topic]);
    const tail = await LogTail.open(kafka, { topic, serde, from: 'earliest', log: silentLog });
    const ends = await kafka.offsets(topic, 'latest');
    const values: V[][] = ends.map(() => []);
    await tail.readTo(ends, ({ partition, value }) => void (value && values[partition]!.push(value)));
    await tail.close();
    return values;
  }
  const partitioned = <V>(values: readonly V[], keyOf: (value: V) => string) =>
    Array.from({ length: PARTITIONS }, (_, partition) =>
      values.filter((value) => murmur2Partition(keyOf(value), PARTITIONS) === partition),
    );
  /** Waits for a condition; a process that fails by itself fails the test at once. */
  const waitFor = (what: string, condition: () => boolean | Promise<boolean>, limitMs: number) =>
    until(
      what,
      () => {
        const failed = processes.find(({ exitCode }) => exitCode !== null && exitCode !== 0);
        if (failed) throw new Error(`${failed.args.join(' ')} ended with exit code ${failed.exitCode}`);
        return condition();
      },
      limitMs,
    );
  /** Kills a process as soon as it has written to a topic again. */
  async function killAtNextWriteTo(topic: TopicName, victim: Phoenix): Promise<void> {
    const before = String(await kafka.offsets(topic, 'latest'));
    await waitFor(`${topic} to grow`, async () => String(await kafka.offsets(topic, 'latest')) !== before, 120_000);
    victim.signal('SIGKILL');
  }

  it('writes what an uninterrupted one would: everything, in order, once', async () => {
    const env = {
      KAFKA_BROKERS: services.kafkaBrokers.join(','),
      SCHEMA_REGISTRY_URL: services.registryUrl,
      TIDEMARK_HOME: services.home,
      TIDEMARK_REPLAY_FROM: FROM,
      TIDEMARK_REPLAY_TO: TO,
      TIDEMARK_REPLAY_SPEED: '0',
      TIDEMARK_SEED: '7',
    };
    positions = start(env, 'topologies/main.ts', 'positions');
    for (const topology of ['portfolio', 'limits']) start(env, 'topologies/main.ts', topology);
    const venue = start(env, 'connectors/paper/main.ts');
    const demo = start(env, 'connectors/demo/main.ts');
    const replay = start(env, 'connectors/replay/main.ts');
    const kill = async (topic: TopicName, victim: Phoenix) => {
      for (let kills = 0; kills < KILLS; kills++) await killAtNextWriteTo(topic, victim);
    };
    await Promise.all([kill('orders.fills', venue), kill('orders.requests', demo), kill('market.trades', replay)]);
    await waitFor('the replay to end', () => replay.exitCode !== null, 120_000);
    expect(replay.exitCode, replay.log).toBe(0);

    const days = loadHistory().filter(({ date }) => date >= FROM && date <= TO);
    const trades = partitioned(days.flatMap(tradesOf), ({ instrument }) => instrument);
    expect(await read<Trade>('market.trades')).toEqual(trades);
    expect(await read<Session>('market.sessions')).toEqual([
      days.flatMap(({ date }) => {
        const eventTime = closeMicros(date);
        const tradeEndOffsets = trades.map((all) => all.filter((trade) => trade.eventTime <= eventTime).length);
        const session = { eventTime, market: 'replay', date, tradeEndOffsets };
        return [
          { ...session, state: 'CLOSED' },
          { ...session, state: 'SETTLED' },
        ];
      }),
    ]);
    const expected = simulate(7, FROM, TO);
    expect(expected.fills.length).toBeGreaterThan(60);
    expect(await read('orders.requests')).toEqual(partitioned(expected.orders, ({ portfolio }) => portfolio));
    expect(await read('orders.fills')).toEqual(partitioned(expected.fills, ({ portfolio }) => portfolio));
    const cash = (await read<CashMovement>('portfolio.cash')).flat();
    expect(cash.map(({ cashId }) => cashId).sort()).toEqual(
      STRATEGIES.map(({ portfolio }) => `${portfolio}:initial`).sort(),
    );
    // 09:30 in New York on the first day, in winter.
    expect(new Set(cash.map(({ eventTime }) => eventTime))).toEqual(new Set([Date.parse(`${FROM}T14:30Z`) * 1000]));
    expect((await read('reference.portfolios')).flat()).toHaveLength(STRATEGIES.length);
    expect((await read('reference.instruments')).flat()).toHaveLength(INSTRUMENTS.length);

    // The replay ends after the ledger has caught up, so its newest figures are those of the last day.
    const newest = new Map((await read<PortfolioPnl>('portfolio.pnl')).flat().map((pnl) => [pnl.portfolio, pnl]));
    for (const [portfolio, points] of expected.curves) {
      // Momentum waits for a year of history: until then nothing but its cash is news.
      if (portfolio !== 'momentum') expect(newest.get(portfolio)!.eventTime).toBe(closeMicros(TO));
      expect(newest.get(portfolio)!.equity).toBeCloseTo(points.at(-1)!.equity, 4);
    }
  }, 300_000);

  it('goes on where it ended, through records that nobody can read, and fills a stranger’s order once', async () => {
    const producer = await kafka.openProducer();
    const eventTime = closeMicros('1990-04-04');
    const timestampMs = eventTime / 1000;
    const unknownSchema = Buffer.from([0, 0x7f, 0xff, 0xff, 0xff, 1]);
    for (const topic of ['market.trades', 'orders.requests', 'orders.fills']) {
      for (const value of [Buffer.from('not Avro'), unknownSchema, null])
        await producer.send({ topic, key: 'KO', value, timestampMs });
    }
    const requests = await topicSerde<OrderRequest>(registry, 'orders.requests', AVRO['orders.requests']);
    const order: OrderRequest = {
      eventTime,
      orderId: 'one',
      portfolio: 'stranger',
      instrument: 'KO',
      side: 'BUY',
      quantity: parseDecimal('10'),
      orderType: 'MARKET_ON_CLOSE',
      strategy: 'by hand',
      decisionPrice: null,
    };
    // Without an account the pre-trade check would refuse it.
    const movements = await topicSerde<CashMovement>(registry, 'portfolio.cash', AVRO['portfolio.cash']);
    const amount = { amount: parseDecimal('1000'), currency: null };
    const deposit = { eventTime, cashId: 'one', portfolio: 'stranger', ...amount, source: 'test' };
    await producer.send({ topic: 'portfolio.cash', key: 'stranger', value: movements.encode(deposit), timestampMs });
    await producer.flush();
    const limits = new Handshake('The test', kafka, silentLog, new AbortController().signal);
    await limits.untilOrdersCanBeChecked();
    const neverTraded = { ...order, orderId: 'waits', instrument: 'NOTHING' };
    for (const asked of [order, order, { ...order, orderId: 'refused', quantity: 0n }, neverTraded])
      await producer.send({ topic: 'orders.requests', key: 'stranger', value: requests.encode(asked), timestampMs });
    await producer.close();

    const env = {
      KAFKA_BROKERS: services.kafkaBrokers.join(','),
      SCHEMA_REGISTRY_URL: services.registryUrl,
      TIDEMARK_REPLAY_TO: '1990-04-06',
      TIDEMARK_REPLAY_SPEED: '0.5',
    };
    const newSessions = async () =>
      (await read<Session>('market.sessions'))
        .flat()
        .filter(({ date }) => date > TO)
        .map(({ date, state }) => `${date} ${state}`);
    const replay = start(env, 'connectors/replay/main.ts');
    await waitFor('a quiet day to end', async () => (await newSessions()).includes('1990-04-04 SETTLED'), 60_000);
    // A day with fills is over when the ledger has them: as long as it stands still, the next day does not begin.
    positions.signal('SIGSTOP');
    await waitFor('the replay to wait', () => replay.log.includes('behind in orders.fills'), 60_000);
    expect((await newSessions()).slice(2)).toEqual(['1990-04-05 CLOSED', '1990-04-05 SETTLED']);
    positions.signal('SIGCONT');
    await waitFor('the replay to end', () => replay.exitCode !== null, 60_000);
    expect(replay.exitCode, replay.log).toBe(0);
    expect((await newSessions()).slice(4)).toEqual(['1990-04-06 CLOSED', '1990-04-06 SETTLED']);
    const fills = (await read<Fill>('orders.fills')).flat().filter(({ portfolio }) => portfolio === 'stranger');
    expect(fills.map(({ fillId, eventTime }) => [fillId, eventTime])).toEqual([['one:1', closeMicros('1990-04-05')]]);
  }, 120_000);
});
