import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { createClient } from '@clickhouse/client';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { freePort } from '#ops/embedded/ports.ts';

const MAIN = join(import.meta.dirname, '../../ops/embedded/clickhouse/main.ts');
const START_LIMIT_MS = 20_000;
let home: string;
let port: number;
let url: string;
let server: ChildProcess;

const launch = () =>
  spawn(process.execPath, [MAIN], {
    env: { ...process.env, TIDEMARK_HOME: home, TIDEMARK_CLICKHOUSE_PORT: String(port), TIDEMARK_LOG_LEVEL: 'fatal' },
    stdio: ['ignore', 'pipe', 'inherit'],
  });

async function start(): Promise<void> {
  server = launch();
  const deadline = Date.now() + START_LIMIT_MS;
  for (;;) {
    const up = await fetch(`${url}/ping`).catch(() => null);
    if (up?.ok) return;
    if (server.exitCode !== null || Date.now() > deadline) throw new Error('the embedded ClickHouse did not start');
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

async function stop(signal: NodeJS.Signals): Promise<number | null> {
  const exited = once(server, 'exit');
  server.kill(signal);
  return (await exited)[0];
}

const ask = async (query: string, options: RequestInit & { parameters?: Record<string, string> } = {}) => {
  const { parameters, ...rest } = options;
  const response = await fetch(`${url}/?${new URLSearchParams({ query, ...parameters })}`, { method: 'POST', ...rest });
  return { status: response.status, headers: response.headers, text: await response.text() };
};

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'tidemark-clickhouse-'));
  port = await freePort();
  url = `http://127.0.0.1:${port}`;
  await start();
}, START_LIMIT_MS);
afterAll(async () => {
  if (server.exitCode === null && server.signalCode === null) await stop('SIGTERM');
  await rm(home, { recursive: true, force: true });
});

it('serves @clickhouse/client: tables, rows, parameters, compression, summary', async () => {
  const compression = { request: true, response: true };
  const client = createClient({ url, compression, clickhouse_settings: { date_time_input_format: 'best_effort' } });
  expect(await client.ping()).toMatchObject({ success: true });
  await client.command({ query: 'CREATE DATABASE d' });
  await client.command({
    query:
      "CREATE TABLE d.t (i UInt32, s String, at DateTime64(6, 'UTC'), a Decimal(38, 9)) ENGINE = MergeTree ORDER BY i",
  });
  const values = Array.from({ length: 5_000 }, (_, i) => ({
    i,
    s: `it's\n${i}`,
    at: '2020-01-02T03:04:05.000006Z',
    a: `${i}.5`,
  }));
  const inserted = await client.insert({ table: 'd.t', values, format: 'JSONEachRow' });
  expect(inserted.summary).toMatchObject({ written_rows: '5000' });
  const rows = await client.query({
    query: 'SELECT i, s, at, toString(a) AS a FROM d.t WHERE i = {i: UInt32} AND s = {s: String}',
    query_params: { i: 7, s: "it's\n7" },
    format: 'JSONEachRow',
  });
  expect(await rows.json()).toEqual([{ i: 7, s: "it's\n7", at: '2020-01-02 03:04:05.000006', a: '7.5' }]);
  await expect(client.query({ query: 'SELECT * FROM d.nope' })).rejects.toMatchObject({
    code: '60',
    type: 'UNKNOWN_TABLE',
  });
  await client.close();
}, 20_000);

it('takes rows in any format as body, binary and compressed ones too, and the query from the body', async () => {
  await ask('CREATE TABLE IF NOT EXISTS b (x UInt8, s String) ENGINE = MergeTree ORDER BY x');
  const binary = Buffer.from([1, 2, 0xff, 0x00, 2, 1, 0x0a]);
  expect(await ask('INSERT INTO b FORMAT RowBinary', { body: binary })).toMatchObject({ status: 200 });
  const gzip = { 'content-encoding': 'gzip' };
  expect(await ask('INSERT INTO b FORMAT CSV', { body: gzipSync('3,"c\nd"\n'), headers: gzip })).toMatchObject({
    status: 200,
  });
  const plain = await fetch(url, { method: 'POST', body: "INSERT INTO b VALUES (4, 'e')" });
  expect(plain.status).toBe(200);
  const read = await ask('SELECT x, hex(s) FROM b ORDER BY x');
  expect(read.text).toBe('1\tFF00\n2\t0A\n3\t630A64\n4\t65\n');
  const compressed = await fetch(`${url}/?query=SELECT+1&enable_http_compression=1&default_format=JSONEachRow`, {
    headers: { 'accept-encoding': 'gzip' },
  });
  expect(compressed.headers.get('content-encoding')).toBe('gzip');
  expect(await compressed.json()).toEqual({ 1: 1 });
});

it('answers errors as a server does and leaves nothing of them to the next query', async () => {
  const syntax = await ask('SELEC 1');
  expect(syntax).toMatchObject({ status: 400 });
  expect(syntax.headers.get('x-clickhouse-exception-code')).toBe('62');
  expect(syntax.text).toMatch(/^Code: 62\. DB::Exception: Syntax error.*\(SYNTAX_ERROR\) \(version /s);
  const midway = await ask('SELECT throwIf(number = 200000) FROM numbers(1000000)');
  expect(midway.headers.get('x-clickhouse-exception-code')).toBe('395');
  expect((await ask('SELECT 42')).text).toBe('42\n');
  const bad = await ask('INSERT INTO b FORMAT JSONEachRow', { body: '{"x": "many"}' });
  expect(bad.status).toBe(400);
  const forbidden = await fetch(`${url}/?query=DROP+TABLE+b`);
  expect([forbidden.status, forbidden.headers.get('x-clickhouse-exception-code')]).toEqual([403, '164']);
});

it('keeps settings, database and parameters of one request from every other', async () => {
  await ask('CREATE DATABASE IF NOT EXISTS other');
  const setting = "SELECT currentDatabase(), getSetting('max_block_size'), {p: String}";
  const answers = await Promise.all(
    Array.from({ length: 24 }, (_, index) =>
      ask(setting, { parameters: { database: 'other', max_block_size: String(1000 + index), param_p: `p${index}` } }),
    ),
  );
  expect(answers.map((answer) => answer.text)).toEqual(
    answers.map((_, index) => `other\t${1000 + index}\tp${index}\n`),
  );
  expect((await ask("SELECT currentDatabase(), getSetting('max_block_size')")).text).not.toContain('10');
});

it('answers pings while a query runs', async () => {
  const slow = ask('SELECT sleep(1)');
  const before = performance.now();
  expect(await (await fetch(`${url}/ping`)).text()).toBe('Ok.\n');
  expect(performance.now() - before).toBeLessThan(500);
  await slow;
});

it('lets inserts through while slow queries run', async () => {
  await ask('CREATE TABLE IF NOT EXISTS busy (x UInt8) ENGINE = MergeTree ORDER BY x');
  const slow = Promise.all(Array.from({ length: 6 }, () => ask('SELECT sleep(3)')));
  const before = performance.now();
  expect((await ask('INSERT INTO busy FORMAT TSV', { body: '1\n' })).status).toBe(200);
  expect(performance.now() - before).toBeLessThan(2_500);
  await slow;
}, 20_000);

it('refuses web pages, which could reach a port without a password', async () => {
  expect(await ask('SELECT 1', { headers: { origin: 'https://example.com' } })).toMatchObject({ status: 403 });
  expect(await ask('SELECT 1', { headers: { origin: 'http://localhost:4000' } })).toMatchObject({ status: 200 });
});

it('keeps acknowledged rows through kill -9, and refuses a second process on its folder in one sentence', async () => {
  await ask('CREATE TABLE k (i UInt64) ENGINE = MergeTree ORDER BY i');
  await ask('INSERT INTO k SELECT number FROM numbers(1000)');
  await stop('SIGKILL');
  await start();
  expect((await ask('SELECT count(), sum(i) FROM k')).text).toBe('1000\t499500\n');
  const second = launch();
  expect((await once(second, 'exit'))[0]).toBe(1);
  expect(await stop('SIGTERM')).toBe(0);
  await start();
  expect((await ask('SELECT count() FROM k')).text).toBe('1000\n');
}, 60_000);
