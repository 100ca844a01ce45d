import { createHash } from 'node:crypto';
import { type FileHandle, open } from 'node:fs/promises';
import { join } from 'node:path';
import { AVRO } from '#schemas/avro.ts';
import { idProblem } from '#schemas/checks.ts';
import { partitionKeyOf, TOPICS, topicConfig } from '#schemas/topics.ts';
import { type AvroSerde, type Kafka, type Producer, type SchemaRegistry, topicSerde } from '#streams/kafka/index.ts';
import { describeError, TidemarkError } from '#streams/kit/errors.ts';
import { LockHeld, takeLock } from '#streams/kit/lock.ts';
import { findIngest, INGESTS_TOPIC, type IngestEntry, rememberIngest } from './ingests.ts';
import { type FileKind, type FileKindName, type FileRecord, fileKind, type Origin } from './kinds.ts';
import { LineReader } from './lines.ts';
import { FileParser, type ParsedRow } from './parse.ts';
import { PresentRows, readPresent, sourceHeader } from './present.ts';
import { RejectsFile } from './rejects.ts';
import type { RowProblem } from './row.ts';
import { UniqueIds } from './unique-ids.ts';

export interface IngestOptions {
  readonly kind: FileKindName;
  readonly file: string;
  /** Default: SHA-256 of the content. */
  readonly id?: string | undefined;
  /** Ingest the good rows of a file that has bad ones. */
  readonly skipBad: boolean;
  /** Where bad rows are written down; default `<file>.rejects.csv`. */
  readonly rejects?: string | undefined;
  /** Folder for the lock that keeps two runs of one ingest apart. */
  readonly lockFolder: string;
  readonly onProgress?: (progress: IngestProgress) => void;
}
export interface IngestProgress {
  readonly phase: 'checking' | 'sending';
  readonly rows: number;
  /** Of the file as it lies on disk. */
  readonly bytes: number;
  readonly totalBytes: number;
}
/** Reaches the system, once the file is known to be good; what it opens is closed at the end of the ingest. */
export type Connect = () => Promise<{ readonly kafka: Kafka; readonly registry: SchemaRegistry }>;

export interface IngestReport {
  readonly id: string;
  readonly kind: FileKindName;
  readonly topic: string;
  /** ADDED: all good rows are in the topic now. ALREADY_DONE: they were before. REFUSED: bad rows and no skipBad, nothing was added. */
  readonly outcome: 'ADDED' | 'ALREADY_DONE' | 'REFUSED';
  readonly rows: number;
  readonly badRows: number;
  /** Records written by this run, and rows that an earlier, interrupted run had written. */
  readonly added: number;
  readonly alreadyThere: number;
  /** The first few problems, for people; all are in the rejects file. */
  readonly firstProblems: readonly (RowProblem & { readonly line: number })[];
  /** Null when no row is bad. */
  readonly rejectsFile: string | null;
  readonly durationMs: number;
}
type Loaded = Pick<IngestReport, 'outcome' | 'added' | 'alreadyThere'>;
interface Checked {
  readonly contentHash: string;
  readonly rows: number;
  readonly badRows: number;
  readonly firstProblems: IngestReport['firstProblems'];
}

const FIRST_PROBLEMS = 5;

/**
 * Ingests a file: checks every row first, then sends the good ones in file order. The same content goes in once, however often and
 * from however many interrupted runs: what is missing is added. Throws FILE_NOT_FOUND, FILE_UNREADABLE, HEADER_INVALID,
 * FILE_CHANGED, REJECTS_FILE, ID_INVALID, INGEST_ID_TAKEN, INGEST_RUNNING, and what Kafka and the registry throw.
 */
export async function ingestFile(options: IngestOptions, connect: Connect, nowMs = Date.now()): Promise<IngestReport> {
  const startMs = performance.now();
  const problem = options.id === undefined ? null : idProblem('ingest', options.id);
  if (problem) throw new TidemarkError('ID_INVALID', problem);
  const handle = await openFile(options.file);
  try {
    const rejects = new RejectsFile(options.rejects ?? `${options.file}.rejects.csv`);
    const run = new IngestRun(options, handle, (await handle.stat()).size, nowMs);
    const checked = await run.check(rejects);
    const report = {
      id: options.id ?? checked.contentHash,
      kind: options.kind,
      topic: fileKind(options.kind).topic,
      rows: checked.rows,
      badRows: checked.badRows,
      firstProblems: checked.firstProblems,
      rejectsFile: checked.badRows > 0 ? rejects.path : null,
    };
    const result =
      checked.badRows > 0 && !options.skipBad
        ? { outcome: 'REFUSED' as const, added: 0, alreadyThere: 0 }
        : await run.load(checked, connect);
    return { ...report, ...result, durationMs: Math.round(performance.now() - startMs) };
  } finally {
    await handle.close();
  }
}

class IngestRun {
  readonly #options: IngestOptions;
  readonly #handle: FileHandle;
  readonly #totalBytes: number;
  readonly #nowMs: number;
  readonly #kind: FileKind;
  readonly #ids = new UniqueIds();

  constructor(options: IngestOptions, handle: FileHandle, totalBytes: number, nowMs: number) {
    this.#options = options;
    this.#handle = handle;
    this.#totalBytes = totalBytes;
    this.#nowMs = nowMs;
    this.#kind = fileKind(options.kind);
  }

  /** Reads the whole file and writes down what is wrong with it. */
  async check(rejects: RejectsFile): Promise<Checked> {
    let badRows = 0;
    const firstProblems: (RowProblem & { line: number })[] = [];
    try {
      const { contentHash, rows } = await this.#read('checking', this.#origin(this.#options.id ?? ''), (row) => {
        if (row.record !== null) return;
        badRows++;
        rejects.add(row);
        for (const problem of row.problems)
          if (firstProblems.length < FIRST_PROBLEMS) firstProblems.push({ line: row.line, ...problem });
      });
      this.#ids.settle();
      rejects.finish();
      return { contentHash, rows, badRows, firstProblems };
    } catch (error) {
      rejects.abandon();
      throw error;
    }
  }

  /** Sends what is missing. */
  async load(checked: Checked, connect: Connect): Promise<Loaded> {
    const id = this.#options.id ?? checked.contentHash;
    const release = this.#lock(id);
    try {
      const { kafka, registry } = await connect();
      try {
        return await this.#load(checked, id, kafka, registry);
      } finally {
        await kafka.close();
      }
    } finally {
      release();
    }
  }

  async #load(checked: Checked, id: string, kafka: Kafka, registry: SchemaRegistry): Promise<Loaded> {
    const { topic } = this.#kind;
    const { partitions, cleanup } = TOPICS[topic];
    await kafka.createTopics([{ name: topic, partitions, config: topicConfig(cleanup) }, INGESTS_TOPIC]);
    const earlier = await findIngest(kafka, id);
    this.#refuseOther(earlier, checked, id);
    if (earlier?.state === 'DONE')
      return { outcome: 'ALREADY_DONE', added: 0, alreadyThere: earlier.rows - earlier.badRows };
    const serde = await topicSerde<FileRecord>(registry, topic, AVRO[topic]);
    const present = new PresentRows(checked.rows);
    const origin = this.#origin(id);
    if (earlier) await readPresent(kafka, serde, this.#kind, origin, earlier.startOffsets, present);
    const entry: IngestEntry = {
      id,
      kind: this.#options.kind,
      contentHash: checked.contentHash,
      rows: checked.rows,
      badRows: checked.badRows,
      state: 'STARTED',
      startOffsets: earlier?.startOffsets ?? (await kafka.offsets(topic, 'latest')),
      startedAt: earlier?.startedAt ?? new Date(this.#nowMs).toISOString(),
      doneAt: null,
    };
    const producer = await kafka.openProducer();
    try {
      if (!earlier) await rememberIngest(producer, entry, this.#nowMs);
      const added = await this.#send(producer, serde, origin, present, checked);
      const doneMs = Date.now();
      await rememberIngest(producer, { ...entry, state: 'DONE', doneAt: new Date(doneMs).toISOString() }, doneMs);
      return { outcome: 'ADDED', added, alreadyThere: present.size };
    } finally {
      await producer.close();
    }
  }

  async #send(
    producer: Producer,
    serde: AvroSerde<FileRecord>,
    origin: Origin,
    present: PresentRows,
    { contentHash }: Checked,
  ): Promise<number> {
    const { topic, key, identity, takesBack } = this.#kind;
    let added = 0;
    const read = await this.#read('sending', origin, ({ record }) => {
      if (record === null || present.has(identity(record, origin))) return;
      added++;
      const timestampMs = Math.floor(record.eventTime / 1000);
      const [name, isTakenBack] = [key(record), takesBack?.(record) ?? false];
      return producer.send({
        topic,
        key: name,
        partitionKey: partitionKeyOf(topic, name),
        value: isTakenBack ? null : serde.encode(record),
        ...(isTakenBack && { headers: [sourceHeader(origin)] }),
        timestampMs,
      });
    });
    await producer.flush();
    if (read.contentHash !== contentHash) {
      throw new TidemarkError(
        'FILE_CHANGED',
        `The file changed while it was read: ${added} of its rows are in ${topic} under source ${origin.source}`,
      );
    }
    return added;
  }

  /** One pass over the file. `visit` returns a promise only when it must be awaited. */
  async #read(
    phase: IngestProgress['phase'],
    origin: Origin,
    visit: (row: ParsedRow) => void | Promise<void>,
  ): Promise<{ contentHash: string; rows: number }> {
    const parser = new FileParser(this.#kind, origin, this.#nowMs, this.#ids);
    let bytes = 0;
    let rows = 0;
    const lines = new LineReader(this.#handle, {
      onBytes: (count) => {
        bytes = count;
      },
    });
    for await (const block of lines.blocks()) {
      for (const line of block) {
        const row = parser.parse(line);
        if (row === null) continue;
        rows = row.number;
        const pending = visit(row);
        if (pending) await pending;
      }
      this.#options.onProgress?.({ phase, rows, bytes, totalBytes: this.#totalBytes });
    }
    if (!parser.hasHeader)
      throw new TidemarkError('HEADER_INVALID', 'The file is empty: its first line must name the columns');
    return { contentHash: lines.digest(), rows };
  }

  #origin(id: string): Origin {
    return { id, source: `file:${id}` };
  }

  #refuseOther(earlier: IngestEntry | null, { contentHash }: Checked, id: string): void {
    if (!earlier || earlier.contentHash === contentHash) return;
    throw new TidemarkError(
      'INGEST_ID_TAKEN',
      `Ingest ${id} was other content (${earlier.kind}, ${earlier.rows} rows, ${earlier.startedAt}): choose another --id`,
    );
  }

  #lock(id: string): () => void {
    const name = createHash('sha256').update(id).digest('hex').slice(0, 32);
    try {
      return takeLock(join(this.#options.lockFolder, `ingest-${name}.lock`));
    } catch (error) {
      if (!(error instanceof LockHeld)) throw error;
      const message = `Process ${error.pid} is at this ingest already: wait for it, then run this again`;
      throw new TidemarkError('INGEST_RUNNING', message, { cause: error });
    }
  }
}

async function openFile(path: string): Promise<FileHandle> {
  let handle: FileHandle;
  try {
    handle = await open(path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') throw new TidemarkError('FILE_NOT_FOUND', `There is no file ${path}`, { cause: error });
    throw new TidemarkError('FILE_UNREADABLE', `${path} cannot be opened: ${describeError(error)}`, { cause: error });
  }
  if ((await handle.stat()).isFile()) return handle;
  await handle.close();
  throw new TidemarkError('FILE_UNREADABLE', `${path} is not a regular file; it is read twice, so a pipe will not do`);
}
