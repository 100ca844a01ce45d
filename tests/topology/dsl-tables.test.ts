import fc from 'fast-check';
import { expect, it } from 'vitest';
import { StreamsBuilder } from '#streams/dsl/builder.ts';
import { untilTimeLimit } from '#streams/dsl/suppress.ts';
import { TopologyTestDriver } from '#streams/testing/driver.ts';

/** `group` and `amount` of a row, or its deletion. */
const rowOf = fc.option(fc.record({ group: fc.constantFrom('x', 'y', 'z'), amount: fc.integer({ min: 1, max: 9 }) }), {
  freq: 4,
});
type Row = { readonly group: string; readonly amount: number } | null;
const inputsOf = fc.array(fc.record({ key: fc.constantFrom('a', 'b', 'c', 'd'), row: rowOf, abort: fc.boolean() }), {
  maxLength: 50,
});
const ROW = {
  type: 'record',
  name: 'Row',
  fields: [
    { name: 'group', type: 'string' },
    { name: 'amount', type: 'int' },
  ],
} as const;

function topology() {
  const builder = new StreamsBuilder({ name: 'tables' });
  const rows = builder.table<NonNullable<Row>>('rows', ROW as never);
  const groups = rows.groupBy(({ group, amount }) => ({ key: group, value: amount }), { value: 'int' });
  const large = rows
    .filter(({ amount }) => amount > 4)
    .groupBy(({ group }) => ({ key: group, value: 0 }), { value: 'int' });
  groups.reduce(
    (sum, amount) => sum + amount,
    (sum, amount) => sum - amount || null,
    { store: 'sums' },
  );
  large.count({ store: 'counts' });
  const calm = rows.mapValues(({ amount }) => amount, { value: 'int' });
  calm.toStream().to('every');
  calm
    .suppress(untilTimeLimit({ limitMs: 5, maxRecords: 3 }))
    .toStream()
    .to('calm');
  return builder.build();
}
const partitions = 3;
function entries(driver: TopologyTestDriver, store: string): Record<string, number> {
  const all = Array.from({ length: partitions }, (_, partition) => [
    ...driver.store<number>(store, partition).entries(),
  ]);
  return Object.fromEntries(all.flat().filter(([, value]) => value !== 0));
}

it('groups of a table hold what the rows that are left give, with aborts between', () => {
  const property = fc.property(inputsOf, (inputs) => {
    const driver = new TopologyTestDriver(topology(), { partitions });
    const table = new Map<string, Row>();
    const sums: Record<string, number> = {};
    const counts: Record<string, number> = {};
    inputs.forEach(({ key, row, abort }, offset) => {
      if (abort) {
        // Undone, and not done again.
        driver.commit();
        driver.pipe('rows', { key, value: row, timestampMs: offset });
        driver.abort();
        return;
      }
      driver.pipe('rows', { key, value: row, timestampMs: offset });
      table.set(key, row);
    });
    for (const row of table.values()) {
      if (!row) continue;
      sums[row.group] = (sums[row.group] ?? 0) + row.amount;
      if (row.amount > 4) counts[row.group] = (counts[row.group] ?? 0) + 1;
    }
    expect(entries(driver, 'sums')).toEqual(sums);
    expect(entries(driver, 'counts')).toEqual(counts);
  });
  fc.assert(property, { numRuns: 150 });
});

it('a table that is held back says the same in the end, in fewer words', () => {
  const property = fc.property(inputsOf, (inputs) => {
    const driver = new TopologyTestDriver(topology());
    inputs.forEach(({ key, row, abort }, timestampMs) => {
      driver.pipe('rows', { key, value: row, timestampMs });
      if (abort) driver.commit();
    });
    driver.pipe('rows', { key: 'end', value: { group: 'x', amount: 1 }, timestampMs: 1000 });
    const every = driver.read<number | null>('every');
    const calm = driver.read<number | null>('calm');
    const last = (outputs: typeof every) =>
      [...new Map(outputs.map(({ key, value }) => [key, value]))].filter(
        ([key, value]) => key !== 'end' && value !== null,
      );
    expect(new Map(last(calm))).toEqual(new Map(last(every)));
    expect(calm.length).toBeLessThanOrEqual(every.length);
  });
  fc.assert(property, { numRuns: 150 });
});
