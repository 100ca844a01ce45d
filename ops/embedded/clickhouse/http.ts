import { randomUUID } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { rm } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { buffer, text } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { promisify } from 'node:util';
import { createBrotliDecompress, createGunzip, createInflate, createZstdDecompress, gzip } from 'node:zlib';
import { describeError } from '#streams/kit/errors.ts';
import { type Engine, EngineError } from './engine.ts';
import { contentType, insertFromFile, isInsert, outputFormat, preparation, statusOf } from './request.ts';

const compress = promisify(gzip);
/** A query's own text, not the rows of an insert, which go through a file. */
const MAX_QUERY_BYTES = 64 * 1024 * 1024;
const LOOPBACK = /^(localhost|127\.0\.0\.1|\[::1\])(:\d+)?$/;

/**
 * ClickHouse's HTTP interface over the engine: `GET /ping`, and queries by GET (read only) or POST on `/`. Errors are
 * the server's: a status, `X-ClickHouse-Exception-Code` and `Code: N. DB::Exception: …`.
 */
export function clickhouseServer(engine: Engine): Server {
  const server = createServer((request, response) => {
    handle(engine, request, response).catch((error) => fail(engine, response, error));
  });
  // An insert or an export may take its time; a connection without traffic is not worth more than that.
  server.requestTimeout = 0;
  return server;
}

async function handle(engine: Engine, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { pathname, searchParams } = new URL(request.url ?? '/', 'http://localhost');
  // There is no password: a page in somebody's browser must not reach the engine, which can write files.
  const origin = request.headers.origin;
  if (!LOOPBACK.test(request.headers.host ?? '') || (origin && !LOOPBACK.test(origin.replace(/^https?:\/\//, '')))) {
    response.writeHead(403).end('Only programs on this machine may use the embedded ClickHouse.\n');
    return;
  }
  if (pathname === '/ping' || pathname === '/replicas_status') return void response.end('Ok.\n');
  if (pathname !== '/') return void response.writeHead(404).end(`There is no handle ${pathname}\n`);
  if (!['GET', 'HEAD', 'POST'].includes(request.method ?? '')) return void response.writeHead(405).end();
  const id = searchParams.get('query_id') || String(request.headers['x-clickhouse-query-id'] ?? randomUUID());
  response.setHeader('X-ClickHouse-Query-Id', id);
  response.setHeader('X-ClickHouse-Timezone', 'UTC');
  for (const name of ['session_id', 'compress', 'decompress']) {
    const value = searchParams.get(name);
    if (value && value !== '0')
      throw new EngineError(48, `${name} is not supported by the embedded ClickHouse. (NOT_IMPLEMENTED)`);
  }
  const file = join(engine.spool, randomUUID());
  try {
    await answer(engine, request, response, searchParams, file);
  } finally {
    await rm(file, { force: true });
  }
}

async function answer(
  engine: Engine,
  request: IncomingMessage,
  response: ServerResponse,
  parameters: URLSearchParams,
  file: string,
): Promise<void> {
  const { query, insert } = await readQuery(request, parameters, file);
  if (query.trim() === '') {
    if (request.method !== 'POST') return void response.end('Ok.\n');
    throw new EngineError(62, 'Syntax error: Empty query. (SYNTAX_ERROR)');
  }
  const headers = request.headers;
  const format = parameters.get('default_format') ?? String(headers['x-clickhouse-format'] ?? 'TabSeparated');
  const database = headers['x-clickhouse-database'];
  const statements = preparation(parameters, request.method !== 'POST', database ? String(database) : null);
  const result = await engine.run([...statements, insert ?? query], format);
  const written = isInsert(query);
  const name = outputFormat(query, format);
  response.setHeader('Content-Type', contentType(name));
  response.setHeader('X-ClickHouse-Format', name);
  response.setHeader('X-ClickHouse-Summary', summary(written, result));
  let body = result.body;
  if (parameters.get('enable_http_compression') === '1' && /\bgzip\b/.test(String(headers['accept-encoding'] ?? ''))) {
    response.setHeader('Content-Encoding', 'gzip');
    body = await compress(body);
  }
  response.setHeader('Content-Length', body.byteLength);
  response.end(request.method === 'HEAD' ? undefined : body);
}

const summary = (written: boolean, result: { rows: number; bytes: number; elapsedNs: number; body: Uint8Array }) =>
  JSON.stringify({
    read_rows: String(result.rows),
    read_bytes: String(result.bytes),
    written_rows: String(written ? result.rows : 0),
    written_bytes: String(written ? result.bytes : 0),
    total_rows_to_read: '0',
    result_rows: String(written ? result.rows : 0),
    result_bytes: String(result.body.byteLength),
    elapsed_ns: String(result.elapsedNs),
  });

/** The query, and for an INSERT with its rows in the body the statement that reads them from `file`, written here. */
async function readQuery(
  request: IncomingMessage,
  parameters: URLSearchParams,
  file: string,
): Promise<{ query: string; insert: string | null }> {
  const fromUrl = parameters.get('query') ?? '';
  const body = decoded(request);
  const type = request.headers['content-type'] ?? '';
  if (type.startsWith('multipart/form-data')) {
    // Query parameters too long for a URL come as form fields.
    const form = await new Response(await buffer(body), { headers: { 'content-type': type } }).formData();
    for (const [name, value] of form) if (name.startsWith('param_')) parameters.append(name, String(value));
    return { query: fromUrl + String(form.get('query') ?? ''), insert: null };
  }
  const insert = insertFromFile(fromUrl, file, parameters.get('default_format'));
  if (insert) {
    await pipeline(body, createWriteStream(file));
    return { query: fromUrl, insert };
  }
  const rest = await text(Readable.from(bounded(body)));
  return { query: fromUrl && rest ? `${fromUrl}\n${rest}` : fromUrl + rest, insert: null };
}

async function* bounded(body: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let bytes = 0;
  for await (const chunk of body) {
    bytes += chunk.length;
    if (bytes > MAX_QUERY_BYTES) {
      const limit = `${MAX_QUERY_BYTES / 1024 / 1024} MiB`;
      throw new EngineError(
        62,
        `The query is larger than ${limit}: send an INSERT in the URL, rows as body. (SYNTAX_ERROR)`,
      );
    }
    yield chunk;
  }
}

function decoded(request: IncomingMessage): Readable {
  const encoding = request.headers['content-encoding'] ?? 'identity';
  if (encoding === 'identity' || encoding === '') return request;
  const decoders = {
    gzip: createGunzip,
    deflate: createInflate,
    br: createBrotliDecompress,
    zstd: createZstdDecompress,
  };
  const create = decoders[encoding as keyof typeof decoders];
  if (!create) throw new EngineError(48, `Content-Encoding ${encoding} is not supported. (NOT_IMPLEMENTED)`);
  const decoder = create();
  request.once('error', (error) => decoder.destroy(error));
  return request.pipe(decoder);
}

function fail(engine: Engine, response: ServerResponse, error: unknown): void {
  if (response.headersSent || response.destroyed) return void response.destroy();
  const known =
    error instanceof EngineError ? error : new EngineError(1002, `${describeError(error)}. (UNKNOWN_EXCEPTION)`);
  for (const name of ['Content-Encoding', 'Content-Length']) response.removeHeader(name);
  response.setHeader('X-ClickHouse-Exception-Code', known.code);
  response.setHeader('Content-Type', 'text/plain; charset=UTF-8');
  // What is left of the request is not read: the connection cannot be used again.
  response.setHeader('Connection', 'close');
  response
    .writeHead(statusOf(known.code))
    .end(`Code: ${known.code}. DB::Exception: ${known.message} (version ${engine.version})\n`);
}
