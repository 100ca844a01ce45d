import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';

/**
 * `npm test [-- FILTER …]`: types, lint, then every test; closes with `N passed, N failed`. With filters (parts of file
 * names) only the tests that match. Tests of services run one file at a time: they start brokers and databases.
 */
const root = resolve(import.meta.dirname, '..');
const reports = join(root, '.tidemark', 'reports');
const PARALLEL = ['tests/unit', 'tests/topology', 'tests/rules', 'tests/golden'];
const SERIAL = ['tests/integration', 'tests/chaos', 'tests/browser'];

interface Outcome {
  passed: number;
  failed: number;
  readonly skipped: string[];
}
interface Report {
  readonly testResults: readonly {
    readonly name: string;
    readonly status: string;
    readonly message: string;
    readonly assertionResults: readonly { readonly status: string; readonly fullName: string }[];
  }[];
}

function run(command: string, args: readonly string[]): Promise<number> {
  return new Promise((done) => {
    const child = spawn(command, args, { cwd: root, stdio: 'inherit' });
    child.once('error', () => done(1));
    child.once('exit', (code) => done(code ?? 1));
  });
}

const binary = (name: string) => join(root, 'node_modules', '.bin', name);

async function check(outcome: Outcome, name: string, command: string, args: readonly string[]): Promise<void> {
  const startMs = Date.now();
  const code = await run(command, args);
  process.stdout.write(`${code === 0 ? 'ok' : 'FAILED'}: ${name} (${((Date.now() - startMs) / 1000).toFixed(1)} s)\n`);
  if (code === 0) outcome.passed++;
  else outcome.failed++;
}

async function vitest(
  outcome: Outcome,
  folders: readonly string[],
  filters: readonly string[],
  flags: readonly string[],
): Promise<void> {
  const present = folders.filter((folder) => existsSync(join(root, folder)));
  const chosen =
    filters.length === 0 ? present : filters.filter((filter) => folders.some((folder) => filter.startsWith(folder)));
  if (chosen.length === 0) return;
  const file = join(reports, `${folders[0]!.replaceAll('/', '-')}.json`);
  rmSync(file, { force: true });
  const code = await run(binary('vitest'), [
    'run',
    ...chosen,
    ...flags,
    '--passWithNoTests',
    '--reporter=default',
    '--reporter=json',
    `--outputFile.json=${file}`,
  ]);
  if (!existsSync(file)) {
    process.stdout.write(`FAILED: vitest ended with exit code ${code} and left no report\n`);
    outcome.failed++;
    return;
  }
  const failedBefore = outcome.failed;
  for (const { name, status, assertionResults } of (JSON.parse(readFileSync(file, 'utf8')) as Report).testResults) {
    for (const { status: result, fullName } of assertionResults) {
      if (result === 'passed') outcome.passed++;
      else if (result === 'failed') outcome.failed++;
      else outcome.skipped.push(fullName);
    }
    // A file that could not be loaded, or whose set-up failed, has no tests to count.
    if (status === 'failed' && !assertionResults.some((result) => result.status === 'failed')) {
      process.stdout.write(`FAILED: ${name}\n`);
      outcome.failed++;
    }
  }
  if (code !== 0 && outcome.failed === failedBefore) outcome.failed++;
}

mkdirSync(reports, { recursive: true });
const filters = process.argv.slice(2);
const outcome: Outcome = { passed: 0, failed: 0, skipped: [] };
if (filters.length === 0) {
  await check(outcome, 'types', binary('tsc'), ['-p', '.']);
  await check(outcome, 'lint', binary('biome'), ['check', '.']);
}
await vitest(outcome, PARALLEL, filters, []);
await vitest(outcome, SERIAL, filters, ['--no-file-parallelism', '--testTimeout=120000', '--hookTimeout=120000']);
for (const name of outcome.skipped) process.stdout.write(`skipped: ${name}\n`);
const skipped = outcome.skipped.length > 0 ? `, ${outcome.skipped.length} skipped` : '';
process.stdout.write(`\n${outcome.passed} passed, ${outcome.failed} failed${skipped}\n`);
process.exitCode = outcome.failed > 0 || outcome.passed === 0 ? 1 : 0;
