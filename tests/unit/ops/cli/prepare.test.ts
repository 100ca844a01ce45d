import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

const PREPARE = join(import.meta.dirname, '..', '..', '..', '..', 'ops', 'cli', 'prepare.mjs');

describe('prepare', () => {
  let root: string;
  const file = (...path: string[]) => join(root, ...path);

  /** A command of this name that does what a line of shell says. */
  function command(name: string, shell: string): void {
    writeFileSync(file('bin', name), `#!/bin/sh\n${shell}\n`);
    chmodSync(file('bin', name), 0o755);
  }
  function prepare(...flags: string[]): Promise<{ code: number; output: string }> {
    return new Promise((done) => {
      const env = { PATH: file('bin') };
      const args = [file('ops', 'cli', 'prepare.mjs'), ...flags, '--', 'hello.mjs', 'argument'];
      execFile(process.execPath, args, { env }, (error, stdout, stderr) =>
        done({ code: Number(error?.code ?? 0), output: stdout + stderr }),
      );
    });
  }
  const npmCalls = () => (existsSync(file('npm.log')) ? readFileSync(file('npm.log'), 'utf8').trim().split('\n') : []);

  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'tidemark-prepare-'));
    for (const folder of [join('ops', 'cli'), 'bin']) mkdirSync(file(folder), { recursive: true });
    copyFileSync(PREPARE, file('ops', 'cli', 'prepare.mjs'));
    writeFileSync(file('package-lock.json'), '{}');
    writeFileSync(file('hello.mjs'), 'console.log("hello", process.argv[2]); process.exitCode = 7;');
    command('npm', `echo "$@" >> ${file('npm.log')}; /bin/mkdir -p node_modules`);
    command('java', `echo 'openjdk version "17.0.1"' >&2`);
    for (const name of ['mvn', 'c++', 'make', 'python3', 'chromium']) command(name, 'exit 0');
  });
  afterEach(() => rmSync(root, { recursive: true, force: true }));

  it('installs once, then runs the script at once and hands on its exit code', async () => {
    const first = await prepare();
    expect(first.output).toContain('installing packages');
    expect(first.output).toContain('hello argument');
    expect(first.code).toBe(7);
    expect(await prepare()).toEqual({ code: 7, output: 'hello argument\n' });
    expect(npmCalls()).toEqual(['ci --no-audit --no-fund --omit=dev']);
  });

  it('adds the packages for tests without taking away those of a system that runs', async () => {
    await prepare();
    await prepare('--dev');
    await prepare();
    expect(npmCalls()).toEqual(['ci --no-audit --no-fund --omit=dev', 'install --no-save --no-audit --no-fund']);
  });

  it('installs again when the lock file has changed', async () => {
    await prepare('--dev');
    writeFileSync(file('package-lock.json'), '{ }');
    await prepare('--dev');
    expect(npmCalls()).toEqual(['ci --no-audit --no-fund', 'ci --no-audit --no-fund']);
  });

  it('shows what npm said when it fails, and tries again the next time', async () => {
    command('npm', 'echo "npm error code ENOTFOUND" >&2; exit 3');
    const { code, output } = await prepare();
    expect(code).toBe(1);
    expect(output).toContain('npm ci failed (exit code 3). The network did not answer');
    expect(output).toContain('npm error code ENOTFOUND');
    command('npm', '/bin/mkdir -p node_modules');
    expect((await prepare()).code).toBe(7);
  });

  it.each([
    ['java', 'No java command was found. Kafka needs Java 17 or newer'],
    ['mvn', 'No mvn command was found: install Maven'],
    ['c++', 'install a C++ compiler'],
    ['python3', 'install python3'],
    ['npm', 'No npm command was found'],
  ])('says what to do when there is no %s', async (name, sentence) => {
    rmSync(file('bin', name));
    const { code, output } = await prepare('--dev');
    expect(code).toBe(1);
    expect(output).toContain(sentence);
    expect(npmCalls()).toEqual([]);
  });

  it('refuses a Java that is too old, and asks for none where Kafka runs elsewhere', async () => {
    command('java', `echo 'openjdk version "11.0.2"' >&2`);
    expect((await prepare('--dev')).output).toContain('The java command is version 11. Kafka needs Java 17');
    // A start of single commands needs no Kafka either: only `start` and the tests bring it up.
    expect((await prepare()).code).toBe(7);
  });

  describe('asked to stop', () => {
    beforeEach(() => {
      writeFileSync(
        file('hello.mjs'),
        `import { writeFileSync } from 'node:fs';
        process.on('SIGINT', () => {});
        process.on('message', () => { writeFileSync(${JSON.stringify(file('stopped'))}, ''); process.exit(5); });
        process.on('disconnect', () => process.exit(6));
        console.log('up');`,
      );
    });
    const script = () => [file('ops', 'cli', 'prepare.mjs'), '--', 'hello.mjs'];
    const env = () => ({ PATH: file('bin'), npm_lifecycle_event: 'start' });

    it('tells the script, which hears Ctrl-C of a terminal by itself', async () => {
      const child = spawn(process.execPath, script(), { env: env(), stdio: ['ignore', 'pipe', 'ignore'] });
      await once(child.stdout, 'data');
      child.kill('SIGINT');
      expect(await once(child, 'exit')).toEqual([5, null]);
    });

    it('tells it too when the npm that started it was killed', async () => {
      const command = `${process.execPath} ${script().join(' ')} & wait`;
      const parent = spawn('/bin/sh', ['-c', command], { env: env(), stdio: ['ignore', 'pipe', 'ignore'] });
      await once(parent.stdout, 'data');
      parent.kill('SIGKILL');
      // The pipe closes with the last process that writes to it.
      await once(parent.stdout, 'close');
      expect(existsSync(file('stopped'))).toBe(true);
    });
  });

  it('sees through the lock of a preparation that was killed', async () => {
    mkdirSync(file('.tidemark'));
    writeFileSync(file('.tidemark', 'prepare.lock'), '1');
    expect((await prepare()).code).toBe(7);
    expect(existsSync(file('.tidemark', 'prepare.lock'))).toBe(false);
  });
});
