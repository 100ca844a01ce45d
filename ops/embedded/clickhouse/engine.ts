import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { drainPending, Session } from 'chdb';
import { TidemarkError } from '#streams/kit/errors.ts';

/** What the engine answered; the body as it goes over the wire. */
export interface EngineResult {
  readonly body: Uint8Array;
  readonly rows: number;
  readonly bytes: number;
  readonly elapsedNs: number;
}

/** An exception of ClickHouse: `code` is its number, the message carries `(NAME)` at its end. */
export class EngineError extends Error {
  readonly code: number;
  constructor(code: number, message: string) {
    super(message);
    this.code = code;
  }
}

/** ClickHouse in this process. One data folder a process and one process a data folder: the engine locks it. */
export interface Engine {
  readonly version: string;
  /** Folder for the bodies of inserts on their way into the engine. */
  readonly spool: string;
  /**
   * Runs `statements` in order in a state of their own and gives the last one's answer in `format` (a FORMAT clause
   * wins). Throws {@link EngineError}.
   */
  run(statements: readonly string[], format: string): Promise<EngineResult>;
  close(): Promise<void>;
}

/**
 * Opens the data folder, made when it is not there. It survives a kill: parts are renamed into place when they are
 * complete. Throws CLICKHOUSE_UNAVAILABLE when another process has it.
 */
export async function openEngine(folder: string): Promise<Engine> {
  const spool = join(folder, 'spool');
  mkdirSync(folder, { recursive: true });
  let anchor: Session;
  try {
    // Stays open for good: when the last connection closes, so does the engine, and opening it again takes 150 ms.
    anchor = new Session(join(folder, 'data'));
  } catch (cause) {
    const message = `ClickHouse cannot open ${folder}: another process uses it, or its files are damaged`;
    throw new TidemarkError('CLICKHOUSE_UNAVAILABLE', message, { cause });
  }
  rmSync(spool, { recursive: true, force: true });
  mkdirSync(spool);
  const run: Engine['run'] = async (statements, format) => {
    // A connection costs 0.6 ms, and settings, parameters and the current database of one request cannot reach another.
    // Nor can its rows: after an exception in mid-result the next query on the same connection is answered with what
    // was left.
    const session = new Session(join(folder, 'data'));
    try {
      let result = await session.queryAsync(statements[0]!, { format });
      for (const statement of statements.slice(1)) result = await session.queryAsync(statement, { format });
      const elapsedNs = Math.round(result.elapsed * 1e9);
      return { body: result.bytes(), rows: result.rowsRead, bytes: result.bytesRead, elapsedNs };
    } catch (error) {
      throw engineError(error);
    } finally {
      session.close();
    }
  };
  return {
    version: Buffer.from((await run(['SELECT version()'], 'TSVRaw')).body)
      .toString()
      .trim(),
    spool,
    run,
    close: async () => {
      await drainPending();
      anchor.close();
    },
  };
}

function engineError(error: unknown): EngineError {
  const { message, clickhouseCode } = error as Error & { clickhouseCode?: number };
  // 1002 is ClickHouse's own UNKNOWN_EXCEPTION.
  return new EngineError(clickhouseCode ?? 1002, message.replace(/^Code: \d+\. DB::Exception: /, '').trim());
}
