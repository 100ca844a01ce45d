import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type ServiceName, type System, startSystem } from '#ops/embedded/launcher.ts';

/** Settings that keep a test's system to itself: free ports, a home folder of its own. */
const isolated = (home: string) => ({
  TIDEMARK_HOME: home,
  TIDEMARK_HTTP_PORT: '0',
  TIDEMARK_KAFKA_PORT: '0',
  TIDEMARK_REGISTRY_PORT: '0',
  TIDEMARK_POSTGRES_PORT: '0',
  TIDEMARK_CLICKHOUSE_PORT: '0',
});

export type Services = Pick<
  System,
  'kafkaBrokers' | 'registryUrl' | 'databaseUrl' | 'clickhouseUrl' | 'stop' | 'home' | 'supervisor'
>;

/** Real embedded services on free ports with data of their own; `stop()` ends them and removes the data. */
export async function startServices(
  wanted: Partial<Record<ServiceName, boolean>>,
  env: Record<string, string> = {},
): Promise<Services> {
  const services = (Object.keys(wanted) as ServiceName[]).filter((name) => wanted[name]);
  return start({ env, services });
}

/** The whole system as `npm start` brings it up; without the demo unless the environment says otherwise. */
export const startTestSystem = (env: Record<string, string> = {}, without: readonly string[] = []): Promise<System> =>
  start({ env: { TIDEMARK_DEMO: 'false', ...env }, without });

async function start(options: {
  env: Record<string, string>;
  services?: readonly ServiceName[];
  without?: readonly string[];
}): Promise<System> {
  const home = options.env.TIDEMARK_HOME ?? mkdtempSync(join(tmpdir(), 'tidemark-'));
  const env = { ...isolated(home), ...options.env };
  const { services, without } = options;
  const removeHome = () => {
    if (!options.env.TIDEMARK_HOME) rmSync(home, { recursive: true, force: true });
  };
  try {
    const system = await startSystem({ env, ...(services ? { services } : {}), ...(without ? { without } : {}) });
    const stop = async () => {
      await system.stop();
      removeHome();
    };
    return { ...system, stop };
  } catch (error) {
    removeHome();
    throw error;
  }
}

/** The last lines that the services and the broker have written: what a failed test of them has to say. */
export function lastWords(home: string, lines = 40): string {
  const files = readdirSync(join(home, 'logs')).map((name) => join(home, 'logs', name));
  return [...files, join(home, 'kafka', 'broker.log')]
    .filter((file) => existsSync(file))
    .map(
      (file) => `--- ${basename(file)}\n${readFileSync(file, 'utf8').trimEnd().split('\n').slice(-lines).join('\n')}\n`,
    )
    .join('');
}

/** Waits for a condition, looking every few milliseconds; fails by name after the limit. */
export async function until(what: string, condition: () => boolean | Promise<boolean>, limitMs: number): Promise<void> {
  const deadline = Date.now() + limitMs;
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error(`waited ${limitMs} ms in vain for: ${what}`);
    await sleep(25);
  }
}
