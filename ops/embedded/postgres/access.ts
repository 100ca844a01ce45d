import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export const USER = 'tidemark';
export const DATABASE = 'tidemark';

/** The embedded server's password: made once, readable by its owner only. */
export function postgresPassword(folder: string): string {
  const file = join(folder, 'password');
  mkdirSync(folder, { recursive: true });
  if (!existsSync(file)) writeFileSync(file, randomBytes(18).toString('base64url'), { mode: 0o600 });
  return readFileSync(file, 'utf8').trim();
}

/** DATABASE_URL of the embedded server of a home folder. */
export const embeddedDatabaseUrl = (home: string, port: number): string =>
  `postgres://${USER}:${postgresPassword(join(home, 'postgres'))}@127.0.0.1:${port}/${DATABASE}`;
