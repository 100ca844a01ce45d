import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { KAFKA_VERSION } from '#ops/embedded/kafka/install.ts';
import { toolFolder } from '#ops/embedded/tools.ts';
import type { Compression } from '#streams/kafka/codec/compression.ts';
import type { ProducerRecord } from '#streams/kafka/index.ts';
import { byPlace, PARTITIONS, type Seen } from './codec-records.ts';
import type { Services } from './harness.ts';

/** Kafka's own Java client, from the jars of the embedded Kafka: the reference for what a record batch is. Needs a JDK. */
export class JavaPeer {
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #lines: AsyncIterator<string>;
  #complaints = '';

  constructor(services: Services) {
    const jars = join(toolFolder(services.home, `kafka-${KAFKA_VERSION}`), '*');
    const program = join(import.meta.dirname, 'java', 'KafkaPeer.java');
    const log = '-Dorg.slf4j.simpleLogger.defaultLogLevel=error';
    this.#child = spawn('java', ['-Xmx256m', log, '-cp', jars, program, services.kafkaBrokers.join()]);
    this.#child.stderr.on('data', (data) => {
      this.#complaints = (this.#complaints + data).slice(-2_000);
    });
    this.#child.stdin.on('error', () => undefined);
    this.#lines = createInterface(this.#child.stdout)[Symbol.asyncIterator]();
  }

  async open(name: string, compression: Compression, transactionalId: string | null = null): Promise<void> {
    await this.#command(`open ${name} ${compression} ${transactionalId ?? '~'}`);
  }
  /** Hands records to a producer; they are written when it is told so. */
  send(name: string, records: readonly ProducerRecord[]): void {
    for (const { topic, partition, timestampMs, key, value, headers = [] } of records) {
      const words = [
        'send',
        name,
        topic,
        partition,
        timestampMs,
        hex(key === null ? null : Buffer.from(key)),
        hex(value),
      ];
      for (const header of headers) words.push(`${hex(Buffer.from(header.key))}:${hex(header.value)}`);
      this.#child.stdin.write(`${words.join(' ')}\n`);
    }
  }
  /** `flush` writes what was sent; `abort` writes it and undoes it. */
  async tell(name: string, command: 'begin' | 'commit' | 'abort' | 'flush' | 'close'): Promise<void> {
    await this.#command(`${command} ${name}`);
  }
  /** Every record of a topic of the codec's tests, checksums checked. */
  async readAll(topic: string, isolation = 'read_committed'): Promise<Seen[]> {
    const lines = await this.#command(`read ${topic} ${PARTITIONS} ${isolation}`);
    return lines.map(parseRecord).sort(byPlace);
  }

  /** Ends the process; its producers' open transactions stay open. */
  async stop(): Promise<void> {
    const ended = new Promise((done) => this.#child.once('close', done));
    this.#child.stdin.end();
    if (this.#child.exitCode === null) await ended;
  }

  /** Sends a command and returns the lines before its "ok". */
  async #command(text: string): Promise<string[]> {
    this.#child.stdin.write(`${text}\n`);
    const lines: string[] = [];
    for (;;) {
      const { value, done } = await this.#lines.next();
      if (done) throw new Error(`the Java client ended at "${text}": ${this.#complaints}`);
      if (value === 'ok') return lines;
      if (value.startsWith('error')) throw new Error(`the Java client answered "${text}": ${value}`);
      lines.push(value);
    }
  }
}

const hex = (bytes: Buffer | null): string => bytes?.toString('hex') ?? '~';
const unhex = (text: string): string | null => (text === '~' ? null : Buffer.from(text, 'hex').toString());

function parseRecord(line: string): Seen {
  const [, partition, offset, timestampMs, key, value, ...headers] = line.split(' ');
  return {
    partition: Number(partition),
    offset: Number(offset),
    timestampMs: Number(timestampMs),
    key: unhex(key!),
    value: value === '~' ? null : value!,
    headers: headers.map((header) => {
      const [name, content] = header.split(':');
      return [unhex(name!)!, content === '~' ? null : content!] as const;
    }),
  };
}
