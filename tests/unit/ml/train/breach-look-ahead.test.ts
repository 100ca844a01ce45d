import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { beforeAll, describe, expect, it } from 'vitest';
import { type BreachModel, baselineOf, modelFor } from '#ml/features/breach-model.ts';
import { BreachSet, type LabelledRow } from '#ml/features/breach-set.ts';
import { FEATURES } from '#ml/features/breach-table.ts';
import { madeDesk } from '#ml/train/breach/desks.ts';
import { type Closes, loadCloses, marketReturns } from '#ml/train/breach/history.ts';
import { Labeller } from '#ml/train/breach/labeller.ts';
import { Random } from '#streams/kit/random.ts';
import { dateOf } from '#topologies/kit/days.ts';
import { root } from '../../../rules/sources.ts';

const FOLDER = join(root, 'ml', 'models', 'breach');
const DAYS = 420;
/** The last day that both pasts share, as a position. */
const KNOWN = 330;

/** Some of the history, with 250 trading days before 1995, when the first model may score. */
function part(closes: Closes, from: number): Closes {
  const cut = (rows: ReadonlyMap<string, Float64Array>) =>
    new Map([...rows].map(([name, row]) => [name, row.slice(from, from + DAYS)]));
  const slice = <T>(row: readonly T[]) => row.slice(from, from + DAYS);
  return {
    dates: slice(closes.dates),
    days: slice(closes.days),
    eventTimes: slice(closes.eventTimes),
    prices: cut(closes.prices),
    returns: cut(closes.returns),
  };
}

/** The same up to KNOWN; after it the days' closes in another order, and others. */
function otherFuture(closes: Closes): Closes {
  const random = new Random('another future');
  const order = Array.from({ length: DAYS }, (_, at) => ({
    at,
    key: at <= KNOWN ? at : KNOWN + 1 + random.uniform() * 1e6,
  }))
    .sort((a, b) => a.key - b.key)
    .map(({ at }) => at);
  const prices = new Map(
    [...closes.prices].map(([name, row]) => [
      name,
      Float64Array.from(order, (at, day) => row[at]! * (day > KNOWN ? 0.7 : 1)),
    ]),
  );
  const change = (row: Float64Array) => row.map((value, at) => (at === 0 ? 0 : value / row[at - 1]! - 1));
  const returns = new Map([...prices].map(([name, row]) => [name, change(row)]));
  for (const [name, row] of returns) row.set(closes.returns.get(name)!.subarray(0, KNOWN + 1));
  return { ...closes, prices, returns };
}

/** Positions, P&L and risk by the closes, limits set by the past, the limit engine, the features. */
function rowsOf(closes: Closes): LabelledRow[] {
  const set = new BreachSet(marketReturns(closes));
  for (const records of new Labeller(madeDesk('made-3', closes), closes).days())
    for (const record of records) set.take(record);
  return set.finish();
}

describe('a prediction knows nothing of what comes after it', () => {
  const all = loadCloses();
  const closes = part(all, all.dates.indexOf('1994-01-03'));
  const lastDay = closes.days[KNOWN]!;
  const { models } = JSON.parse(readFileSync(join(FOLDER, 'index.json'), 'utf8')) as { models: BreachModel[] };
  let actual: LabelledRow[] = [];
  let other: LabelledRow[] = [];

  async function predict({ day, type, values }: LabelledRow): Promise<readonly number[]> {
    const model = modelFor(models, dateOf(day), type);
    if (!model) return baselineOf(values);
    const session = await InferenceSession.create(join(FOLDER, model.file));
    const { scores } = await session.run({ features: new Tensor('float64', values, [1, FEATURES.length]) });
    return [...(scores!.data as Float64Array)];
  }

  beforeAll(() => {
    const known = (rows: LabelledRow[]) => rows.filter(({ day }) => day <= lastDay);
    const [one, two] = [rowsOf(closes), rowsOf(otherFuture(closes))];
    // The futures are different, or nothing would be shown.
    expect(two.filter(({ day }) => day > lastDay)).not.toEqual(one.filter(({ day }) => day > lastDay));
    [actual, other] = [known(one), known(two)];
  });

  it('has the same features to the bit, whatever the future', () => {
    expect(actual.length).toBeGreaterThan(2000);
    const plain = (rows: LabelledRow[]) =>
      rows.map(({ limitId, day, values }) => ({ limitId, day, values: [...values] }));
    expect(plain(other)).toEqual(plain(actual));
  });

  it('has the same probabilities to the bit, by models as by the baseline', async () => {
    const [first, last] = [
      actual.filter(({ day }) => day === closes.days[100]),
      actual.filter(({ day }) => day === lastDay),
    ];
    expect(modelFor(models, dateOf(first[0]!.day), first[0]!.type)).toBeNull();
    expect(modelFor(models, dateOf(lastDay), 'value-at-risk')).toBe(models[0]);
    for (const row of [...first, ...last]) {
      const same = other.find(({ limitId, day }) => limitId === row.limitId && day === row.day)!;
      expect(await predict(same)).toEqual(await predict(row));
    }
  });

  it('labels only what no record after the horizon could change', () => {
    const same = new Map(other.map((row) => [`${row.limitId}/${row.day}`, row.labels]));
    const before = closes.days[KNOWN - 20]!;
    const rows = actual.filter(({ day }) => day <= before);
    expect(rows.length).toBeGreaterThan(1500);
    for (const { limitId, day, labels } of rows) {
      const others = same.get(`${limitId}/${day}`)!;
      // A limit may be watched for longer in one future than in the other: then one of them knows, and the other does not.
      labels.forEach((label, horizon) => {
        if (label !== null && others[horizon] !== null) expect(others[horizon]).toBe(label);
      });
    }
  });
});
