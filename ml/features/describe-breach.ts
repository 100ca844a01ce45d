/** Writes breach-table.json beside itself: the table of features for those who cannot read TypeScript. A test holds it to the table. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { FEATURES, GROUPS, HORIZONS_DAYS } from './breach-table.ts';

export const tableText = (): string =>
  `${JSON.stringify({ horizonsDays: HORIZONS_DAYS, groups: GROUPS, features: FEATURES }, null, 1)}\n`;

/** The table as docs/predictions.md has it. */
export const tableMarkdown = (): string =>
  ['| feature | group | unit | what |', '|---|---|---|---|']
    .concat(FEATURES.map(({ name, group, unit, doc }) => `| \`${name}\` | ${group} | ${unit} | ${doc} |`))
    .join('\n');

if (import.meta.main) writeFileSync(join(import.meta.dirname, 'breach-table.json'), tableText());
