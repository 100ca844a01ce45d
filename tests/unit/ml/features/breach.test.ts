import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BreachFeatures, type BreachSnapshot } from '#ml/features/breach.ts';
import { FEATURE_NAMES, FEATURES, GROUP_NAMES } from '#ml/features/breach-table.ts';
import { tableMarkdown, tableText } from '#ml/features/describe-breach.ts';
import { firstPassage } from '#ml/features/first-passage.ts';
import type { LimitUtilisation, PortfolioPnl, RiskBreach } from '#schemas/generated/types.ts';
import { read } from '../../../rules/sources.ts';
import { breachOf, breachPnl, dayMicros, limitUtilisation } from './records.ts';

const value = (features: BreachFeatures, limitId: string, name: string) =>
  features.peek(limitId).values?.[FEATURE_NAMES.indexOf(name)];

/** A portfolio with a VaR limit over some days: of each day equity, and the figure of a limit of 100. */
function fed(days: readonly (readonly [equity: number, figure: number | null])[]): BreachFeatures {
  const features = new BreachFeatures();
  let before = days[0]![0];
  days.forEach(([equity, figure], day) => {
    features.onPnl(breachPnl(dayMicros(day), { equity, dayPnl: equity - before }));
    features.onUtilisation('var', limitUtilisation('value-at-risk', dayMicros(day), figure, 100));
    before = equity;
  });
  return features;
}

type Input =
  | { readonly kind: 'pnl'; readonly value: PortfolioPnl }
  | { readonly kind: 'utilisation'; readonly value: LimitUtilisation }
  | { readonly kind: 'breach'; readonly value: RiskBreach }
  | { readonly kind: 'market'; readonly day: number; readonly change: number };
const give = (features: BreachFeatures, input: Input) => {
  if (input.kind === 'pnl') features.onPnl(input.value);
  else if (input.kind === 'utilisation') features.onUtilisation(input.value.limitId, input.value);
  else if (input.kind === 'breach') features.onBreach(input.value);
  else features.onMarket(input.day, input.change);
};

/** Records of some days: P&L, the market of the day before, two limits, at times a breach. */
const histories = fc
  .array(
    fc.tuple(
      fc.double({ min: -0.2, max: 0.25, noNaN: true }),
      fc.double({ min: 0, max: 150, noNaN: true }),
      fc.boolean(),
    ),
    {
      minLength: 2,
      maxLength: 300,
    },
  )
  .map((days) =>
    days.flatMap(([change, figure, isBroken], day): Input[] => {
      const eventTime = dayMicros(day);
      return [
        { kind: 'pnl', value: breachPnl(eventTime, { equity: 1e6 * (1 + change), dayPnl: 1e6 * change }) },
        ...(day > 0 ? [{ kind: 'market', day: day - 1, change } as const] : []),
        { kind: 'utilisation', value: limitUtilisation('value-at-risk', eventTime, figure, 100) },
        { kind: 'utilisation', value: limitUtilisation('daily-loss', eventTime, Math.max(0, -change), 0.05) },
        ...(isBroken ? [{ kind: 'breach', value: breachOf('daily-loss', eventTime) } as const] : []),
      ];
    }),
  );

describe('the table of features', () => {
  it('names each once, gives every group some, and is what Python and the docs say', () => {
    expect(new Set(FEATURE_NAMES).size).toBe(FEATURES.length);
    expect(new Set(FEATURES.map(({ group }) => group))).toEqual(new Set(GROUP_NAMES));
    expect(read('ml/features/breach-table.json')).toBe(tableText());
    expect(read('docs/predictions.md')).toContain(tableMarkdown());
  });
});

describe('features of breach prediction', () => {
  it('are of the day as it stands, whenever they are asked for', () => {
    const features = fed([
      [1e6, 50],
      [1e6, 60],
    ]);
    expect(value(features, 'var', 'change1')).toBeCloseTo(0.1, 12);
    features.onUtilisation('var', limitUtilisation('value-at-risk', dayMicros(1, 18), 90, 100));
    expect(value(features, 'var', 'change1')).toBeCloseTo(0.4, 12);
    expect(value(features, 'var', 'historyDays')).toBe(2);
    expect(value(features, 'var', 'utilisation')).toBe(0.9);
  });

  it('are unchanged by being asked for', () => {
    const features = fed([
      [1e6, 50],
      [1.1e6, 60],
    ]);
    const before = features.snapshot();
    features.peek('var');
    features.peek('nothing');
    expect(features.snapshot()).toEqual(before);
  });

  it('count a day by its last figure, and no day without P&L', () => {
    const features = fed([[1e6, 50]]);
    // A weekend: the limit engine swept, nothing was earned.
    features.onUtilisation('var', limitUtilisation('value-at-risk', dayMicros(1), 70, 100));
    features.onPnl(breachPnl(dayMicros(2)));
    features.onUtilisation('var', limitUtilisation('value-at-risk', dayMicros(2), 80, 100));
    expect(value(features, 'var', 'historyDays')).toBe(2);
    expect(value(features, 'var', 'change1')).toBeCloseTo(0.3, 12);
  });

  it('carry a figure over a day that told no other', () => {
    const features = fed([[1e6, 50]]);
    features.onPnl(breachPnl(dayMicros(1)));
    features.onPnl(breachPnl(dayMicros(2)));
    expect(value(features, 'var', 'historyDays')).toBe(3);
    expect(value(features, 'var', 'change5')).toBe(0);
  });

  it('remember a breach that was over before the day was', () => {
    const features = fed([[1e6, 50]]);
    features.onBreach(breachOf('var', dayMicros(0, 17), 'WARNING'));
    expect(value(features, 'var', 'daysSinceBreach')).toBe(1250);
    features.onBreach(breachOf('var', dayMicros(0, 18)));
    expect(value(features, 'var', 'daysSinceBreach')).toBe(0);
    for (const day of [1, 2, 3]) features.onPnl(breachPnl(dayMicros(day)));
    expect(value(features, 'var', 'daysSinceBreach')).toBe(3);
    expect(value(features, 'var', 'breachShare')).toBeCloseTo(1 / 4, 12);
  });

  it('say why there are none', () => {
    const features = fed([[1e6, null]]);
    expect(features.peek('var')).toMatchObject({ values: null, reason: 'NO_FIGURE' });
    expect(features.peek('other')).toMatchObject({ values: null, reason: 'LIMIT_UNKNOWN' });
    features.onUtilisation('var', limitUtilisation('value-at-risk', dayMicros(0), 50, 100));
    features.onPnl(breachPnl(dayMicros(1), { equity: -5 }));
    expect(features.peek('var')).toMatchObject({ values: null, reason: 'NO_EQUITY' });
    features.onPnl(breachPnl(dayMicros(1)));
    features.onUtilisation('var', null);
    expect(features.peek('var')).toMatchObject({ values: null, reason: 'LIMIT_UNKNOWN' });
  });

  it('say that a limit is broken already', () => {
    expect(fed([[1e6, 101]]).peek('var').isBroken).toBe(true);
    expect(fed([[1e6, 99]]).peek('var').isBroken).toBe(false);
  });

  it('take what comes late as of now, and the same record twice as once', () => {
    const late = fed([
      [1e6, 50],
      [1e6, 60],
    ]);
    late.onUtilisation('var', limitUtilisation('value-at-risk', dayMicros(0), 70, 100));
    late.onUtilisation('var', limitUtilisation('value-at-risk', dayMicros(0), 70, 100));
    expect(late.day).toBe(1);
    expect(late.peek('var').values).toEqual(
      fed([
        [1e6, 50],
        [1e6, 70],
      ]).peek('var').values,
    );
  });

  it('begin anew when a limit becomes one of something else', () => {
    const features = fed([
      [1e6, 50],
      [1e6, 60],
    ]);
    features.onUtilisation('var', limitUtilisation('drawdown', dayMicros(1), 0.1, 0.2));
    expect(value(features, 'var', 'historyDays')).toBe(1);
    expect(value(features, 'var', 'is-drawdown')).toBe(1);
  });

  it('refuse what is no number, by name, and stay as they were', () => {
    const features = fed([
      [1e6, 50],
      [1e6, 60],
    ]);
    const before = features.peek('var').values;
    const whole = features.snapshot();
    const bad = (code: string, act: () => void) => expect(act).toThrow(expect.objectContaining({ code }));
    bad('PNL_INVALID', () => features.onPnl(breachPnl(dayMicros(1), { equity: Number.NaN })));
    bad('PNL_INVALID', () => features.onPnl(breachPnl(dayMicros(1), { dayPnl: Number.POSITIVE_INFINITY })));
    bad('UTILISATION_INVALID', () =>
      features.onUtilisation('var', limitUtilisation('value-at-risk', dayMicros(1), Number.NaN, 100)),
    );
    bad('UTILISATION_INVALID', () =>
      features.onUtilisation('var', limitUtilisation('value-at-risk', dayMicros(1), 1, 0)),
    );
    bad('LIMIT_TYPE_UNKNOWN', () => features.onUtilisation('var', limitUtilisation('luck', dayMicros(1), 1, 2)));
    bad('EVENT_TIME_INVALID', () => features.advance(Number.NaN));
    bad('MARKET_AHEAD', () => features.onMarket(1, 0.01));
    bad('RETURN_INVALID', () => features.onMarket(0, -1));
    bad(
      'SNAPSHOT_INVALID',
      () => new BreachFeatures({ ...features.snapshot(), returns: new Array<number>(21).fill(0) }),
    );
    expect(features.peek('var').values).toEqual(before);
    expect(features.snapshot()).toEqual(whole);
  });

  it('are numbers within their bounds, whatever comes', () => {
    fc.assert(
      fc.property(histories, (inputs) => {
        const features = new BreachFeatures();
        for (const input of inputs) give(features, input);
        for (const limitId of features.limitIds) {
          const { values } = features.peek(limitId);
          for (const [at, { name, unit }] of FEATURES.entries()) {
            const figure = values![at]!;
            expect(Number.isFinite(figure), `${name} is ${figure}`).toBe(true);
            if (unit === 'sigmas') expect(Math.abs(figure)).toBeLessThanOrEqual(50);
            if (unit === 'probability') expect(figure >= 0 && figure <= 1).toBe(true);
          }
        }
      }),
      { numRuns: 60 },
    );
  });

  it('go on from a snapshot bit by bit', () => {
    fc.assert(
      fc.property(histories, fc.double({ min: 0, max: 1, noNaN: true }), (inputs, share) => {
        const cut = Math.floor(share * inputs.length);
        const whole = new BreachFeatures();
        for (const input of inputs) give(whole, input);
        const first = new BreachFeatures();
        for (const input of inputs.slice(0, cut)) give(first, input);
        const second = new BreachFeatures(JSON.parse(JSON.stringify(first.snapshot())) as BreachSnapshot);
        for (const input of inputs.slice(cut)) give(second, input);
        for (const limitId of whole.limitIds) expect(second.peek(limitId)).toEqual(whole.peek(limitId));
      }),
      { numRuns: 60 },
    );
  });
});

describe('first passage', () => {
  it('is certain at the barrier, rises with time, and falls with distance', () => {
    const positive = fc.double({ min: 0.001, max: 3, noNaN: true });
    fc.assert(
      fc.property(positive, fc.double({ min: -1, max: 1, noNaN: true }), positive, (barrier, drift, volatility) => {
        const near = firstPassage(barrier, drift, volatility, 5);
        expect(near).toBeGreaterThanOrEqual(0);
        expect(near).toBeLessThanOrEqual(1);
        expect(firstPassage(barrier, drift, volatility, 20)).toBeGreaterThanOrEqual(near - 1e-12);
        expect(firstPassage(barrier * 2, drift, volatility, 5)).toBeLessThanOrEqual(near + 1e-12);
      }),
    );
    expect(firstPassage(0, -1, 0.1, 1)).toBe(1);
    expect(firstPassage(1, 0.3, 0, 5)).toBe(1);
    expect(firstPassage(1, 0.1, 0, 5)).toBe(0);
    expect(firstPassage(Number.NaN, 0, 1, 1)).toBeNaN();
    expect(firstPassage(1, 0, 1, 0)).toBeNaN();
  });
});
