import { existsSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { Command } from 'commander';
import { ModelRegistry } from '#ml/model/registry.ts';
import { TidemarkError } from '#streams/kit/errors.ts';
import { LockHeld, takeLock } from '#streams/kit/lock.ts';
import { action, ask, printLine } from './command.ts';
import { homeFolder } from './running.ts';

/** What Tidemark keeps in its home folder and can do without; whatever else lies there is not ours to remove. */
const STATE = [
  'kafka',
  'registry',
  'postgres',
  'clickhouse',
  'state',
  'replays',
  'locks',
  'logs',
  'running.json',
  'running.json.new',
];
const EXTERNAL = ['KAFKA_BROKERS', 'SCHEMA_REGISTRY_URL', 'DATABASE_URL', 'CLICKHOUSE_URL'];

export const resetCommand = (): Command =>
  new Command('reset')
    .description('remove all data of the embedded services and start from nothing')
    .option('--yes', 'do not ask')
    .addHelpText(
      'after',
      `\nRemoves ${STATE.slice(0, 8).join(', ')} in TIDEMARK_HOME and keeps downloaded tools and models. Services of yours (${EXTERNAL.join(', ')}) are never touched.`,
    )
    .action(
      action(async ({ yes = false }: { yes?: boolean }) => {
        for (const line of await reset(
          homeFolder(),
          process.env,
          yes ? async () => true : (question) => ask(question, 'RESET_REFUSED'),
        ))
          printLine(line);
        return 0;
      }),
    );

/**
 * Removes the embedded state after `confirm`; returns what to tell. Throws SYSTEM_RUNNING, RESET_REFUSED (not confirmed).
 */
export async function reset(
  home: string,
  env: Readonly<Record<string, string | undefined>>,
  confirm: (question: string) => Promise<boolean>,
): Promise<string[]> {
  const external = EXTERNAL.filter((name) => env[name]);
  const untouched = external.map((name) => `${name} is set: that service and its data are left as they are.`);
  const found = existsSync(home) ? readdirSync(home).filter((name) => STATE.includes(name)) : [];
  if (found.length === 0) return [...untouched, `There is nothing to remove in ${home}.`];
  const release = holdHome(home);
  try {
    if (!(await confirm(`Remove ${found.join(', ')} in ${home}? All topics, positions and history there are lost.`)))
      throw new TidemarkError('RESET_REFUSED', 'Nothing was removed.');
    for (const name of found) rmSync(join(home, name), { recursive: true, force: true });
    // Models stay: what happened to them goes into the new topics.
    new ModelRegistry({ folder: join(home, 'models') }).forgetSent();
  } finally {
    release();
  }
  return [...untouched, `Removed ${found.join(', ')} in ${home}. The next start begins from nothing.`];
}

/** Nothing may start on the folder while it is emptied. */
function holdHome(home: string): () => void {
  try {
    return takeLock(join(home, 'lock'));
  } catch (error) {
    if (!(error instanceof LockHeld)) throw error;
    const message = `Tidemark is running here (process ${error.pid}): stop it first, with Ctrl-C where it was started`;
    throw new TidemarkError('SYSTEM_RUNNING', message, { cause: error });
  }
}
