import { describe, expect, it } from 'vitest';
import { generateTypes } from '#schemas/generate.ts';
import { SETTINGS } from '#schemas/settings.ts';
import { TOPICS } from '#schemas/topics.ts';
import { files, read } from './sources.ts';

const code = files(/\.(ts|tsx|mjs)$/).filter((file) => !file.includes('/generated/'));

describe('tidiness', () => {
  it('keeps files under 500 lines', () => {
    const long = code.map((file) => [file, read(file).split('\n').length] as const).filter(([, lines]) => lines > 500);
    expect(long).toEqual([]);
  });

  it('keeps functions under 70 lines', () => {
    const long = code
      .filter((file) => !file.startsWith('tests/'))
      .flatMap((file) => longFunctions(read(file)).map((found) => `${file}: ${found}`));
    expect(long).toEqual([]);
  });

  it('has no generated types older than their schemas', () => {
    expect(read('schemas/generated/types.ts')).toBe(generateTypes());
  });

  it('documents every field of every schema', () => {
    for (const topic of Object.keys(TOPICS)) {
      const { doc, fields } = JSON.parse(read(`schemas/avro/${topic}.avsc`)) as {
        doc: string;
        fields: { name: string; doc?: string }[];
      };
      expect(doc, topic).toBeTruthy();
      expect(fields.filter((field) => !field.doc).map((field) => `${topic}.${field.name}`)).toEqual([]);
    }
  });

  it('reads no environment variable that the settings table does not have', () => {
    const others = ['PATH', 'NODE_ENV', 'UV_THREADPOOL_SIZE'];
    const known = new Set<string>([...Object.keys(SETTINGS), ...others]);
    const unknown = code
      .filter((file) => !file.startsWith('tests/'))
      .flatMap((file) =>
        [...read(file).matchAll(/process\.env\.([A-Z_][A-Z0-9_]*)/g)]
          .map((match) => match[1]!)
          .filter((name) => !known.has(name))
          .map((name) => `${file}: ${name}`),
      );
    expect(unknown).toEqual([]);
  });

  it('names no path of one machine and no host to fetch packages from', () => {
    const machine = /(?<![\w./-])\/(?:work|Users|home\/\w|opt\/n\d)[/\w]/;
    const paths = files(/\.(ts|tsx|mjs|py|json|md|yml|yaml|sql|sh|xml|html|css)$|^\.ci\/|^\.npmrc$/)
      .filter((file) => !file.startsWith('tests/rules/'))
      .flatMap((file) =>
        read(file)
          .split('\n')
          .filter((line) => machine.test(line))
          .map((line) => `${file}: ${line.trim()}`),
      );
    expect(paths).toEqual([]);
    expect(read('package-lock.json')).not.toContain('"resolved"');
    expect(read('.npmrc')).not.toMatch(/registry|_auth/i);
  });

  it('has nothing unfinished, focused or skipped without a reason', () => {
    const marks = code
      .filter((file) => !file.startsWith('tests/rules/'))
      .flatMap((file) =>
        read(file)
          .split('\n')
          .filter((line) => /\b(TODO|FIXME|XXX|HACK)\b|\.(only|todo)\(/.test(line))
          .map((line) => `${file}: ${line.trim()}`),
      );
    expect(marks).toEqual([]);
  });
});

/** Functions of more than 70 lines, told by the indentation of their first and closing lines. */
function longFunctions(text: string): string[] {
  const lines = text.split('\n');
  const found: string[] = [];
  lines.forEach((line, index) => {
    const match =
      /^(\s*)(?:export )?(?:default )?(?:async )?(?:static |get |readonly )?(?:async )?(?:function\*?\s+(\w+)|([#\w]+)\s*\([^)]*\)[^;=]*\{$|const (\w+) = (?:async )?\([^)]*\)[^;]*=> \{$)/.exec(
        line,
      );
    if (!match || /^\s*(if|for|while|switch|catch|return|describe|it)\b/.test(line) || !line.trimEnd().endsWith('{'))
      return;
    const end = lines.findIndex((candidate, at) => at > index && candidate.startsWith(`${match[1]}}`));
    if (end - index > 70) found.push(`${match[2] ?? match[3] ?? match[4]} has ${end - index + 1} lines`);
  });
  return found;
}
