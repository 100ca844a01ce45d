import { SETTINGS } from '#schemas/settings.ts';
import { readSettings, type Settings } from '#streams/kit/config.ts';
import { TidemarkError } from '#streams/kit/errors.ts';
import { homeFolder, runningSystem } from '../running.ts';
import { type Finding, well, wrong } from './finding.ts';
import { machineFindings } from './machine.ts';
import { portFindings } from './ports.ts';
import { serviceFindings, systemFinding } from './services.ts';

export type { Finding } from './finding.ts';

type Environment = Readonly<Record<string, string | undefined>>;

/** Looks at everything that a start needs and at what runs. Changes nothing. */
export async function examine(env: Environment): Promise<Finding[]> {
  const home = homeFolder(env);
  const running = runningSystem(home);
  const { finding, settings } = settingsFinding(env);
  const machine = machineFindings(home, !env.KAFKA_BROKERS, running !== null);
  const ports = settings ? portFindings(settings, running) : [];
  const system = running ? systemFinding(running.httpUrl) : well('System', 'not running (npm start starts it)');
  const services = serviceFindings(
    running ?? {
      kafkaBrokers: settings?.KAFKA_BROKERS ?? null,
      registryUrl: settings?.SCHEMA_REGISTRY_URL ?? null,
      databaseUrl: settings?.DATABASE_URL ?? null,
      clickhouseUrl: settings?.CLICKHOUSE_URL ?? null,
    },
  );
  return [...(await machine), finding, ...(await ports), await system, ...(await services)];
}

function settingsFinding(env: Environment): { finding: Finding; settings: Settings<typeof SETTINGS> | null } {
  try {
    const settings = readSettings(SETTINGS, env);
    const set = Object.keys(SETTINGS).filter((name) => env[name]);
    const detail = set.length === 0 ? 'all at their defaults' : `set: ${set.join(', ')}`;
    return { finding: well('Settings', detail), settings };
  } catch (error) {
    if (!(error instanceof TidemarkError)) throw error;
    const problems = error.message.split('\n  ').slice(1).join('\n');
    return { finding: wrong('Settings', problems, 'mend these environment variables'), settings: null };
  }
}
