import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { csvField, splitCsvLine } from '#connectors/file/csv.ts';

const split = (line: string) => {
  const fields: string[] = [];
  return splitCsvLine(line, fields) ?? fields;
};

describe('splitCsvLine', () => {
  it.each([
    ['a,b,c', ['a', 'b', 'c']],
    ['', ['']],
    [',', ['', '']],
    [' a ,\tb', ['a', 'b']],
    ['"a,b",c', ['a,b', 'c']],
    ['"say ""hi""", "x" ', ['say "hi"', 'x']],
    ['a,"",', ['a', '', '']],
    ['"a","b"', ['a', 'b']],
  ])('splits %s', (line, fields) => {
    expect(split(line)).toEqual(fields);
  });

  it.each([
    ['a,"b', 'not closed'],
    ['"a""', 'not closed'],
    ['"a"b,c', 'follows a closing quote'],
    ['a"b,c', 'inside a field'],
  ])('says what is wrong with %s', (line, reason) => {
    expect(split(line)).toContain(reason);
  });

  it('reads back whatever csvField wrote', () => {
    const field = fc.string().map((text) => text.replace(/[\r\n]/g, ' ').trim());
    fc.assert(
      fc.property(fc.array(field, { minLength: 1 }), (fields) => {
        expect(split(fields.map(csvField).join(','))).toEqual(
          fields.map((text) => text.replace(/^[ \t]+|[ \t]+$/g, '')),
        );
      }),
    );
  });
});
