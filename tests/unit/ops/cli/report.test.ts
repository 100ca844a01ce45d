import { afterEach, expect, it } from 'vitest';
import { tidemark } from '#ops/cli/main.ts';

const { isTTY } = process.stdout;
afterEach(() => {
  process.stdout.isTTY = isTTY;
});

it.each(['pdf', 'xlsx'])('tidemark report puts no %s onto a terminal, and says what to add', async (format) => {
  process.stdout.isTTY = true;
  const run = tidemark().parseAsync(['report', 'performance', '--portfolio', 'p', '--format', format], {
    from: 'user',
  });
  await expect(run).rejects.toThrow(`${format} is no text for a terminal: add --out FILE`);
});
