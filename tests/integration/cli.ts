import { type ChildProcess, spawn } from 'node:child_process';
import type { Services } from './harness.ts';

export interface Outcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}
export interface ExportedLine {
  readonly partition: number;
  readonly offset: number;
  readonly timestamp: string;
  readonly key: string | null;
  readonly value: Record<string, unknown> | null;
  readonly error?: string;
  readonly valueBase64?: string;
}

/** The `tidemark` command as a process of its own, beside services of a test. */
export class CommandLine {
  readonly #env: NodeJS.ProcessEnv;

  constructor(services: Services, env: Record<string, string> = {}) {
    this.#env = {
      ...process.env,
      TIDEMARK_HOME: services.home,
      KAFKA_BROKERS: services.kafkaBrokers.join(),
      SCHEMA_REGISTRY_URL: services.registryUrl,
      ...env,
    };
  }

  start(...args: string[]): { child: ChildProcess; outcome: Promise<Outcome> } {
    const child = spawn(process.execPath, ['ops/cli/main.ts', ...args], {
      env: this.#env,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let stdout = '';
    let stderr = '';
    child.stdout.on('data', (data) => {
      stdout += data;
    });
    child.stderr.on('data', (data) => {
      stderr += data;
    });
    const outcome = new Promise<Outcome>((done) => child.once('close', (code) => done({ code, stdout, stderr })));
    return { child, outcome };
  }

  run(...args: string[]): Promise<Outcome> {
    return this.start(...args).outcome;
  }

  /** The lines of `export TOPIC` as jsonl; fails when the command does. */
  async exported(topic: string, ...args: string[]): Promise<ExportedLine[]> {
    const { code, stdout, stderr } = await this.run('export', topic, ...args);
    if (code !== 0) throw new Error(`export ended with ${code}: ${stderr}`);
    return parseLines(stdout);
  }
}

export const parseLines = (text: string): ExportedLine[] =>
  text
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as ExportedLine);
