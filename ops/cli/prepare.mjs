// Makes ready what Tidemark needs, then runs a script of it on Node 24. Plain JavaScript without dependencies: it has to run on
// the system's Node before anything is installed.
//   node ops/cli/prepare.mjs [--dev] -- SCRIPT [ARGUMENT …]
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const NODE_VERSION = '24.21.0';
const MINIMUM_NODE = 24;
const root = resolve(dirname(fileURLToPath(import.meta.url)), '..', '..');
const home = resolve(root, process.env.TIDEMARK_HOME || '.tidemark');

class Problem extends Error {}

/** Says what is being done, and how long it took. */
async function step(text, work) {
  const start = Date.now();
  process.stderr.write(`  ${text} …\n`);
  const timer = setInterval(
    () => process.stderr.write(`  ${text} … ${Math.round((Date.now() - start) / 1000)} s\n`),
    15_000,
  );
  try {
    return await work();
  } finally {
    clearInterval(timer);
    process.stderr.write(`  ${text}: ${((Date.now() - start) / 1000).toFixed(1)} s\n`);
  }
}

/** Runs a command quietly; a failure shows the end of what it said. */
async function run(command, args, options, advice) {
  const child = spawn(command, args, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'], ...options });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (data) => {
      output = (output + data).slice(-4_000);
    });
  }
  const [code, failure] = await new Promise((done) => {
    child.once('error', (error) => done([1, error]));
    child.once('close', (exitCode) => done([exitCode ?? 1, null]));
  });
  if (failure?.code === 'ENOENT') throw new Problem(`No ${command} command was found. ${advice}`);
  if (code !== 0)
    throw new Problem(
      `${command} ${args.slice(0, 2).join(' ')} failed (exit code ${code}). ${advice}\n${output.trim()}`,
    );
}

/** The folder that holds bin/node and include/ of Node 24: the system's when it is new enough, else npm's package. */
async function prepareNode() {
  const [major] = process.versions.node.split('.').map(Number);
  if (major >= MINIMUM_NODE) return { node: process.execPath, headers: null };
  const name = `node-${process.platform === 'win32' ? 'win' : process.platform}-${process.arch}`;
  const folder = join(home, 'tools', `node-${NODE_VERSION}`);
  const packageFolder = join(folder, 'node_modules', name);
  const node = join(packageFolder, 'bin', 'node');
  if (!existsSync(join(folder, 'complete'))) {
    await step(`fetching Node ${NODE_VERSION} (this is ${process.versions.node})`, async () => {
      mkdirSync(folder, { recursive: true });
      await run(
        'npm',
        ['install', '--no-save', '--no-audit', '--no-fund', '--prefix', folder, `${name}@${NODE_VERSION}`],
        {},
        'Is the network there? Or install Node 24 yourself.',
      );
      writeFileSync(join(folder, 'complete'), NODE_VERSION);
    });
  }
  return { node, headers: packageFolder };
}

/** Installs the packages when the lock file changed since, or when tests want more than a start did. */
async function preparePackages(node, headers, dev) {
  const lock = createHash('sha256')
    .update(readFileSync(join(root, 'package-lock.json')))
    .update(NODE_VERSION)
    .digest('hex');
  const stampFile = join(root, 'node_modules', '.tidemark-ready.json');
  const stamp = existsSync(stampFile) ? JSON.parse(readFileSync(stampFile, 'utf8')) : {};
  if (stamp.lock === lock && (stamp.dev || !dev)) return;
  const text = dev
    ? 'installing packages with those for tests (node-rdkafka compiles for two minutes)'
    : 'installing packages';
  await step(text, async () => {
    const env = { ...process.env, PATH: `${dirname(node)}:${process.env.PATH}` };
    // A user's setting may name the headers of another Node: what is compiled must fit the one that runs it.
    if (headers) env.npm_config_nodedir = headers;
    const args = ['ci', '--no-audit', '--no-fund', ...(dev ? [] : ['--omit=dev'])];
    await run('npm', args, { env }, 'Is the network there?');
    writeFileSync(stampFile, JSON.stringify({ lock, dev }));
  });
}

const found = (command, args = ['--version']) => spawnSync(command, args, { stdio: 'ignore' }).status === 0;

/** What the tests want beyond a start. */
async function prepareTestTools() {
  if (!found('c++'))
    throw new Problem('The tests compile node-rdkafka: install a C++ compiler (Debian: apt-get install g++ make).');
  if (!found('python3'))
    throw new Problem('The tests check the ledger with Python: install python3 (Debian: apt-get install python3).');
  if (['chromium', 'chromium-browser', 'google-chrome'].some((name) => found(name))) return;
  if (process.getuid?.() !== 0 || !found('apt-get')) {
    process.stderr.write(
      '  No chromium was found: the browser test will be skipped. Install it to run that one too.\n',
    );
    return;
  }
  await step('installing chromium for the browser test', async () => {
    const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
    const advice = 'Install chromium yourself.';
    await run('apt-get', ['update', '-qq'], { env }, advice);
    await run('apt-get', ['install', '-y', '-qq', '--no-install-recommends', 'chromium'], { env }, advice);
  });
}

/** One preparation at a time: two npm at once would leave half a folder each. */
async function alone(work) {
  const lock = join(home, 'prepare.lock');
  mkdirSync(home, { recursive: true });
  for (let waited = 0; ; waited++) {
    try {
      writeFileSync(lock, String(process.pid), { flag: 'wx' });
      break;
    } catch {
      const holder = Number(existsSync(lock) ? readFileSync(lock, 'utf8') : 0);
      let alive = false;
      try {
        alive = holder > 0 && (process.kill(holder, 0) || true);
      } catch {}
      if (!alive) rmSync(lock, { force: true });
      else if (waited === 0) process.stderr.write(`  waiting for another preparation (process ${holder}) …\n`);
      if (alive) await new Promise((done) => setTimeout(done, 500));
    }
  }
  try {
    return await work();
  } finally {
    rmSync(lock, { force: true });
  }
}

/** Makes everything ready and runs a script with Node 24; resolves with its exit code. */
export async function runPrepared(script, args, { dev = false } = {}) {
  let node;
  try {
    ({ node } = await alone(async () => {
      const prepared = await prepareNode();
      await preparePackages(prepared.node, prepared.headers, dev);
      if (dev) await prepareTestTools();
      return prepared;
    }));
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    process.stderr.write(`\n${error.message}\n`);
    return 1;
  }
  const env = { ...process.env, PATH: `${dirname(node)}:${process.env.PATH}` };
  const child = spawn(node, ['--disable-warning=ExperimentalWarning', join(root, script), ...args], {
    stdio: 'inherit',
    env,
  });
  // Ctrl-C reaches the child by itself; this process only waits for its end.
  process.on('SIGINT', () => {});
  process.on('SIGTERM', () => child.kill('SIGTERM'));
  return new Promise((done) => {
    child.once('exit', (code, signal) => done(code ?? (signal === 'SIGINT' ? 130 : 1)));
  });
}

if (resolve(process.argv[1] ?? '') === fileURLToPath(import.meta.url)) {
  const args = process.argv.slice(2);
  const dash = args.indexOf('--');
  const dev = args.slice(0, dash).includes('--dev');
  process.exitCode = await runPrepared(args[dash + 1], args.slice(dash + 2), { dev });
}
