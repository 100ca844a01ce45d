import { buildSchema, parse, specifiedRules, validate } from 'graphql';
import { describe, expect, it } from 'vitest';
import { QUERY_LIMITS, queryLimitsRule } from '#api/graphql/limits.ts';

const schema = buildSchema('type Query { a: Query, n: Int }');
const problems = (query: string) =>
  validate(schema, parse(query), [...specifiedRules, queryLimitsRule]).map(({ message }) => message);
const nested = (levels: number) => `{ ${'a { '.repeat(levels - 1)}n${' }'.repeat(levels - 1)} }`;

describe('the size of an operation', () => {
  it('may be as deep as the limit and no deeper', () => {
    expect(problems(nested(QUERY_LIMITS.depth))).toEqual([]);
    expect(problems(nested(QUERY_LIMITS.depth + 1))).toEqual([
      `The operation is ${QUERY_LIMITS.depth + 1} levels deep; ${QUERY_LIMITS.depth} are allowed`,
    ]);
  });

  it('is bounded at the top, where each field may be a database query', () => {
    const aliases = (count: number) => `{ ${Array.from({ length: count }, (_, i) => `x${i}: n`).join(' ')} }`;
    expect(problems(aliases(QUERY_LIMITS.rootFields))).toEqual([]);
    expect(problems(aliases(QUERY_LIMITS.rootFields + 1))[0]).toContain('fields at the top');
  });

  it('counts what fragments spread out to: each doubles the one before, 2^30 fields in 30 lines', () => {
    const fragments = Array.from(
      { length: 30 },
      (_, i) => `fragment F${i} on Query { ...F${i + 1} x: a { ...F${i + 1} } }`,
    ).join('\n');
    const query = `{ ...F0 } ${fragments} fragment F30 on Query { n }`;
    const startedMs = performance.now();
    expect(problems(query).join()).toMatch(/asks for \d+ fields/);
    expect(performance.now() - startedMs).toBeLessThan(5_000);
  });

  it('ends on fragments that spread themselves', () => {
    expect(problems('{ ...F } fragment F on Query { a { ...F } }')[0]).toContain('Cannot spread fragment');
  });

  it('leaves introspection alone', () => {
    expect(problems('{ __schema { types { fields { type { ofType { ofType { name } } } } } } }')).toEqual([]);
  });
});
