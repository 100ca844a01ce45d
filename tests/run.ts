import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { Tally } from './tally.ts';

/**
 * `npm test [-- FILTER …] [VITEST OPTION …]`: types, lint, then every test; closes with `N passed, N failed`. With filters
 * (parts of file names) only the tests that match. Tests of services run one file at a time: they start brokers and databases.
 */
const root = resolve(import.meta.dirname, '..');
const reports = join(root, '.tidemark', 'reports');
const SERVICES = /^tests\/(integration|chaos|browser)\//;
const SERVICE_LIMITS = ['--no-file-parallelism', '--testTimeout=120000', '--hookTimeout=120000'];

const binary = (name: string) => join(root, 'node_modules', '.bin', name);
const seconds = (startMs: number) => `${((Date.now() - startMs) / 1000).toFixed(1)} s`;

function run(command: string, args: readonly string[], env: NodeJS.ProcessEnv = process.env): Promise<number> {
  return new Promise((done) => {
    const child = spawn(command, args, { cwd: root, stdio: ['ignore', 'inherit', 'inherit'], env });
    child.once('error', () => done(1));
    child.once('exit', (code) => done(code ?? 1));
  });
}

/** One check that counts as one test. */
async function check(tally: Tally, name: string, command: string, args: readonly string[]): Promise<void> {
  const startMs = Date.now();
  const ok = (await run(command, args)) === 0;
  process.stdout.write(`${ok ? 'ok' : 'FAILED'}: ${name} (${seconds(startMs)})\n`);
  if (ok) tally.passed++;
  else tally.failed++;
}

async function vitest(tally: Tally, name: string, files: readonly string[], flags: readonly string[]): Promise<void> {
  if (files.length === 0) return;
  const startMs = Date.now();
  const file = join(reports, `${name}.json`);
  rmSync(file, { force: true });
  const reporters = ['--reporter=default', `--reporter=${join(root, 'tests', 'tally.ts')}`];
  const code = await run(binary('vitest'), ['run', ...files, ...reporters, ...flags], {
    ...process.env,
    TALLY_FILE: file,
  });
  if (!existsSync(file)) {
    process.stdout.write(`FAILED: vitest ended with exit code ${code} before its tests did\n`);
    tally.failed++;
    return;
  }
  const found = JSON.parse(readFileSync(file, 'utf8')) as Tally;
  process.stdout.write(
    `${name}: ${found.passed} passed, ${found.failed} failed in ${files.length} files (${seconds(startMs)})\n`,
  );
  tally.passed += found.passed;
  tally.failed += found.failed === 0 && code !== 0 ? 1 : found.failed;
  tally.skipped.push(...found.skipped);
}

/** Test files whose names hold one of the filters; all without filters. */
function testFiles(filters: readonly string[]): string[] {
  return readdirSync(join(root, 'tests'), { recursive: true, encoding: 'utf8' })
    .map((file) => `tests/${file}`)
    .filter((file) => file.endsWith('.test.ts'))
    .filter((file) => filters.length === 0 || filters.some((filter) => file.includes(filter)))
    .sort();
}

const args = process.argv.slice(2);
const optionsFrom = args.findIndex((arg) => arg.startsWith('-'));
const filters = optionsFrom < 0 ? args : args.slice(0, optionsFrom);
const options = optionsFrom < 0 ? [] : args.slice(optionsFrom);
const files = testFiles(filters);
const tally: Tally = { passed: 0, failed: 0, skipped: [] };
mkdirSync(reports, { recursive: true });
if (files.length === 0) process.stdout.write(`No test file is named like ${filters.join(' or ')}\n`);
if (args.length === 0) {
  await check(tally, 'types', binary('tsc'), ['-p', '.']);
  await check(tally, 'lint', binary('biome'), ['check', '.']);
}
await vitest(
  tally,
  'without services',
  files.filter((file) => !SERVICES.test(file)),
  options,
);
await vitest(
  tally,
  'with services',
  files.filter((file) => SERVICES.test(file)),
  [...SERVICE_LIMITS, ...options],
);
for (const name of tally.skipped) process.stdout.write(`skipped: ${name}\n`);
const skipped = tally.skipped.length > 0 ? `, ${tally.skipped.length} skipped` : '';
process.stdout.write(`\n${tally.passed} passed, ${tally.failed} failed${skipped}\n`);
process.exitCode = tally.failed > 0 || tally.passed === 0 ? 1 : 0;
