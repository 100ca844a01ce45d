// Makes ready what Tidemark needs, then runs a script of it on Node 24. Plain JavaScript without dependencies: it has to run on
// the system's Node before anything is installed.
//   node ops/cli/prepare.mjs [--dev] -- SCRIPT [ARGUMENT …]
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { delimiter, dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const NODE_VERSION = '24.21.0';
const MINIMUM_NODE = 24;
const MINIMUM_JAVA = 17;
/** Packages, Kafka and first data; the packages for tests are the largest part. */
const MINIMUM_FREE_GIB = { start: 3, dev: 4 };
const root = resolve(dirname(fileURLToPath(import.meta.url)), '..', '..');
const home = resolve(root, process.env.TIDEMARK_HOME || '.tidemark');
const systemNode = Number(process.versions.node.split('.')[0]);
const stampFile = join(root, 'node_modules', '.tidemark-ready.json');

/** So many characters of what a failed command said are shown. */
const MAX_WORDS = 3_000;

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

const NETWORK_ERROR = /ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ENETUNREACH|Temporary failure/;
const NO_SPACE = /ENOSPC|No space left/;

/** What to do about a failure, by what the command said; `otherwise` where that does not tell. */
function adviceFor(output, otherwise) {
  if (NETWORK_ERROR.test(output)) return 'The network did not answer: this needs it once, later starts do not.';
  return NO_SPACE.test(output) ? 'The disk is full: make room and try again.' : otherwise;
}

/** Runs a command quietly; a failure shows what it said: the beginning, and the end of a long story. */
async function run(command, args, options, advice) {
  const child = spawn(command, args, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'], ...options });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (data) => {
      output += data;
      if (output.length > 2 * MAX_WORDS) output = `${output.slice(0, MAX_WORDS / 2)}\n…\n${output.slice(-MAX_WORDS)}`;
    });
  }
  const [code, failure] = await new Promise((done) => {
    child.once('error', (error) => done([1, error]));
    child.once('close', (exitCode) => done([exitCode ?? 1, null]));
  });
  if (failure) throw new Problem(`${command} could not be run: ${failure.message}. ${advice}`);
  if (code !== 0)
    throw new Problem(
      `${command} ${args[0]} failed (exit code ${code}). ${adviceFor(output, advice)}\n${output.trim()}`,
    );
}

const onPath = (name) => process.env.PATH.split(delimiter).some((folder) => existsSync(join(folder, name)));

/** What must be there before minutes are spent on fetching the rest. */
function checkMachine({ dev, services }) {
  if (!onPath('npm')) throw new Problem('No npm command was found: install it (Debian: apt-get install npm).');
  const { bavail, bsize } = statfsSync(root);
  const needed = dev ? MINIMUM_FREE_GIB.dev : MINIMUM_FREE_GIB.start;
  const freeGib = (bavail * bsize) / 1024 ** 3;
  if (freeGib < needed)
    throw new Problem(`Only ${freeGib.toFixed(1)} GiB are free for ${root}: make room for at least ${needed} GiB.`);
  if (dev && !(onPath('c++') && onPath('make')))
    throw new Problem(
      'The tests compile node-rdkafka: install a C++ compiler and make (Debian: apt-get install g++ make).',
    );
  if (dev && !onPath('python3'))
    throw new Problem('The tests check the ledger with Python: install python3 (Debian: apt-get install python3).');
  if (services && !process.env.KAFKA_BROKERS) checkKafkaTools();
}

function checkKafkaTools() {
  const otherwise = 'or set KAFKA_BROKERS to a Kafka of yours';
  const advice = `Kafka needs Java ${MINIMUM_JAVA} or newer: install it (Debian: apt-get install openjdk-17-jre-headless), ${otherwise}.`;
  const java = spawnSync('java', ['-version'], { encoding: 'utf8' });
  if (java.status !== 0) throw new Problem(`No java command was found. ${advice}`);
  const version = Number(/version "(\d+)/.exec(java.stderr)?.[1] ?? MINIMUM_JAVA);
  if (version < MINIMUM_JAVA) throw new Problem(`The java command is version ${version}. ${advice}`);
  if (!onPath('mvn'))
    throw new Problem(`No mvn command was found: install Maven (Debian: apt-get install maven), ${otherwise}.`);
}

/** The folder that holds bin/node and include/ of Node 24: the system's when it is new enough, else npm's package. */
async function prepareNode() {
  if (systemNode >= MINIMUM_NODE) return { node: process.execPath, headers: null };
  const name = `node-${process.platform}-${process.arch}`;
  const folders = [home, join(root, '.tidemark')].map((base) => join(base, 'tools', `node-${NODE_VERSION}`));
  const folder = folders.find((candidate) => existsSync(join(candidate, 'complete'))) ?? folders[0];
  if (!existsSync(join(folder, 'complete'))) {
    await step(`fetching Node ${NODE_VERSION} (this is ${process.versions.node})`, async () => {
      mkdirSync(folder, { recursive: true });
      const options = ['--no-save', '--no-audit', '--no-fund', '--prefix', folder];
      const advice = 'Install Node 24 yourself, or mend what it says:';
      await run('npm', ['install', ...options, `${name}@${NODE_VERSION}`], {}, advice);
      writeFileSync(join(folder, 'complete'), NODE_VERSION);
    });
  }
  const headers = join(folder, 'node_modules', name);
  return { node: join(headers, 'bin', 'node'), headers };
}

/** What the packages must be made from, and what they were made from: null when they are not there. */
function packagesState() {
  const lock = readFileSync(join(root, 'package-lock.json'));
  // What is compiled fits one major version of Node.
  const wanted = createHash('sha256')
    .update(lock)
    .update(String(Math.max(systemNode, MINIMUM_NODE)))
    .digest('hex');
  const stamp = existsSync(stampFile) ? JSON.parse(readFileSync(stampFile, 'utf8')) : null;
  return { wanted, current: stamp?.lock === wanted, dev: stamp?.dev === true };
}

async function installPackages(node, headers, dev, state) {
  const text = dev
    ? 'installing packages with those for tests (node-rdkafka compiles for two minutes)'
    : 'installing packages';
  await step(text, async () => {
    const env = { ...process.env, PATH: `${dirname(node)}${delimiter}${process.env.PATH}` };
    // A user's setting may name the headers of another Node: what is compiled must fit the one that runs it.
    if (headers) env.npm_config_nodedir = headers;
    // Its install script would fetch CUDA's libraries from elsewhere: the package has what a CPU needs.
    env.ONNXRUNTIME_NODE_INSTALL ??= 'skip';
    // node-rdkafka needs its parts compiled in order, whatever the user has set.
    for (const name of ['JOBS', 'MAKEFLAGS', 'npm_config_jobs']) delete env[name];
    // Only those for tests are missing: `npm ci` would take the rest away from a system that runs.
    const command = state.current ? ['install', '--no-save'] : ['ci'];
    const args = [...command, '--no-audit', '--no-fund', ...(dev ? [] : ['--omit=dev'])];
    await run('npm', args, { env }, 'What it said:');
    writeFileSync(stampFile, JSON.stringify({ lock: state.wanted, dev }));
  });
}

/** The browser test wants a browser: root on Debian gets one, others are told. */
async function prepareBrowser() {
  if (['chromium', 'chromium-browser', 'google-chrome'].some(onPath)) return;
  if (process.getuid?.() !== 0 || !onPath('apt-get')) {
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
  const lock = join(root, '.tidemark', 'prepare.lock');
  mkdirSync(dirname(lock), { recursive: true });
  for (let told = false; ; ) {
    try {
      writeFileSync(lock, String(process.pid), { flag: 'wx' });
      break;
    } catch (error) {
      if (error.code !== 'EEXIST') throw error;
      const holder = existsSync(lock) ? Number(readFileSync(lock, 'utf8')) : 0;
      if (!isPreparing(holder)) {
        rmSync(lock, { force: true });
        continue;
      }
      if (!told) process.stderr.write(`  waiting for another preparation (process ${holder}) …\n`);
      told = true;
      await new Promise((done) => setTimeout(done, 500));
    }
  }
  try {
    return await work();
  } finally {
    rmSync(lock, { force: true });
  }
}

/** False for a stranger that has got the process id of one that is gone. */
function isPreparing(pid) {
  try {
    process.kill(pid || Number.NaN, 0);
  } catch {
    return false;
  }
  const commandLine = `/proc/${pid}/cmdline`;
  return (
    pid !== process.pid && (!existsSync(commandLine) || /prepare|tidemark/.test(readFileSync(commandLine, 'utf8')))
  );
}

/**
 * Makes everything ready and runs a script with Node 24; resolves with its exit code. `dev`: with what tests want; `services`:
 * embedded services will be started.
 */
export async function runPrepared(script, args, { dev = false, services = false } = {}) {
  let node;
  try {
    const isMissing = (state) => !state.current || (dev && !state.dev);
    if (isMissing(packagesState())) checkMachine({ dev, services });
    ({ node } = await alone(async () => {
      const prepared = await prepareNode();
      const state = packagesState();
      if (isMissing(state)) await installPackages(prepared.node, prepared.headers, dev, state);
      if (dev) await prepareBrowser();
      return prepared;
    }));
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    process.stderr.write(`\n${error.message}\n`);
    return 1;
  }
  const env = { ...process.env, PATH: `${dirname(node)}${delimiter}${process.env.PATH}` };
  const child = spawn(node, [join(root, script), ...args], { stdio: ['inherit', 'inherit', 'inherit', 'ipc'], env });
  const stop = () => child.connected && child.send('stop', () => {});
  // From the terminal Ctrl-C reaches the child by itself too; a message does not count as a second one.
  process.on('SIGINT', stop);
  process.on('SIGTERM', () => child.kill('SIGTERM'));
  if (process.env.npm_lifecycle_event) whenOrphaned(stop);
  return new Promise((done) => {
    child.once('exit', (code, signal) => done(code ?? (signal === 'SIGINT' ? 130 : 1)));
  });
}

/** Calls back when the npm that started this process has gone: killed, it could not hand on any signal. */
function whenOrphaned(callback) {
  const parent = process.ppid;
  const timer = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(timer);
    callback();
  }, 500);
  timer.unref();
}

if (resolve(process.argv[1] ?? '') === fileURLToPath(import.meta.url)) {
  const args = process.argv.slice(2);
  const dash = args.indexOf('--');
  const dev = args.slice(0, dash).includes('--dev');
  process.exitCode = await runPrepared(args[dash + 1], args.slice(dash + 2), { dev, services: dev });
}
