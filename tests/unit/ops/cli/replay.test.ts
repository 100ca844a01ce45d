import { describe, expect, it } from 'vitest';
import { TOPOLOGIES } from '#ops/cli/describe.ts';
import { topicFields } from '#ops/cli/export/fields.ts';
import { checkSpans, inputFilter, isStanding, shortfall } from '#ops/cli/replay/inputs.ts';
import type { ReplayEntry } from '#ops/cli/replay/journal.ts';
import { parseParameters, replayables } from '#ops/cli/replay/parameters.ts';
import { isWithin, parseRange, rangeText } from '#ops/cli/replay/range.ts';
import { isReplayName, replayOf, sideTopology } from '#ops/cli/replay/side.ts';
import { boolean, day, duration, durationText, list, number } from '#ops/cli/replay/values.ts';
import { defaultName, listLines, replayableOf, statusOf, summaryLines } from '#ops/cli/replay.ts';
import { TopologyTestDriver } from '#streams/testing/driver.ts';
import { compileTopology } from '#streams/topology/topology.ts';
import type { TopologyDefinition } from '#streams/topology/types.ts';

const at = (iso: string) => Date.parse(iso);

describe('the range of a replay', () => {
  it('is of whole days, the last one within, or of times', () => {
    expect(parseRange('2007-06-01', '2009-06-30')).toEqual({ fromMs: at('2007-06-01'), toMs: at('2009-07-01') });
    expect(parseRange('2007-06-01', '2007-06-01')).toEqual({ fromMs: at('2007-06-01'), toMs: at('2007-06-02') });
    const times = parseRange('2007-06-01T09:30:00.0005Z', '2007-06-01T16:00:00Z');
    expect(times).toEqual({ fromMs: at('2007-06-01T09:30:00.001Z'), toMs: at('2007-06-01T16:00:00.001Z') });
    expect(isWithin(times, at('2007-06-01T16:00:00Z'))).toBe(true);
    expect(isWithin(times, at('2007-06-01T16:00:00.001Z'))).toBe(false);
    expect(parseRange(undefined, undefined)).toEqual({ fromMs: null, toMs: null });
  });

  it('is refused with what would be right', () => {
    expect(() => parseRange('2009-06-30', '2007-06-01')).toThrow(
      '--from 2009-06-30 is after --to 2007-06-01: --from 2007-06-01 --to 2009-06-30 would be a range',
    );
    expect(() => parseRange('2009-02-30', undefined)).toThrow('--from 2009-02-30 is not a day of the calendar');
    expect(() => parseRange(undefined, 'soon')).toThrow('--to soon expected ISO 8601');
  });

  it('is said as it was meant', () => {
    expect(rangeText(parseRange('2007-06-01', '2009-06-30'))).toBe('2007-06-01 to 2009-06-30');
    expect(rangeText(parseRange(undefined, '2009-06-30T12:00:00Z'))).toBe('the beginning to 2009-06-30T12:00:00.000Z');
    expect(rangeText(parseRange('2009-06-30', undefined))).toBe('2009-06-30 to the end');
    expect(rangeText(parseRange(undefined, undefined))).toBe('all times');
  });
});

describe('values', () => {
  it('are read, or refused with what is expected', () => {
    expect([boolean('Yes'), number(1, 10, 'whole')('7'), day('2008-09-15'), list(number(0, 1))('0.1, 0.2')]).toEqual([
      true,
      7,
      '2008-09-15',
      [0.1, 0.2],
    ]);
    expect(['500ms', '30s', '1m', '2h', '5d'].map((text) => duration()(text))).toEqual([
      500, 30_000, 60_000, 7_200_000, 432_000_000,
    ]);
    expect([500, 30_000, 60_000, 5_400_000, 432_000_000].map(durationText)).toEqual([
      '500ms',
      '30s',
      '1m',
      '90m',
      '5d',
    ]);
    expect(() => number(1, 10, 'whole')('7.5')).toThrow('a whole number from 1 to 10');
    expect(() => number(1, 10)('')).toThrow('a number from 1 to 10');
    expect(() => boolean('maybe')).toThrow('true or false');
    expect(() => day('2008-02-30')).toThrow('a day such as 2008-09-15');
    expect(() => duration(60_000)('1s')).toThrow('a duration of 1m or more');
    expect(() => duration()('5 weeks')).toThrow('such as 30s, 1m, 2h or 5d');
  });
});

describe('parameters of a replay', () => {
  const all = replayables({});

  it('are declared for every topology, and their defaults give the live one', () => {
    for (const [name, replayable] of Object.entries(all)) {
      expect(parseParameters(name, replayable, []), name).toEqual({});
      expect(replayable.define({}).name).toBe(name);
      const defaults = Object.entries(replayable.parameters).map(([key, parameter]) => `${key}=${parameter.default}`);
      const live = compileTopology(TOPOLOGIES[name as keyof typeof TOPOLOGIES]);
      const replayed = compileTopology(replayable.define(parseParameters(name, replayable, defaults)));
      expect(JSON.stringify(replayed)).toBe(JSON.stringify(live));
    }
    expect(Object.keys(all)).toEqual(Object.keys(TOPOLOGIES));
  });

  it('take the environment for what the live topology takes from it, under either name', () => {
    const { indicators } = replayables({ TIDEMARK_INDICATORS: 'SMA(7)' });
    expect(indicators.parameters.indicators!.default).toBe('SMA(7)');
    expect(parseParameters('indicators', indicators, ['TIDEMARK_INDICATORS=SMA(9)'])).toEqual({ indicators: 'SMA(9)' });
  });

  it('are refused with what there is', () => {
    const refusal = (topology: keyof typeof TOPOLOGIES, ...settings: string[]) => {
      expect(() => parseParameters(topology, all[topology], settings)).toThrow();
      try {
        return parseParameters(topology, all[topology], settings);
      } catch (error) {
        return (error as Error).message;
      }
    };
    expect(refusal('risk', 'windw=250')).toMatch(/^risk has no parameter "windw"; did you mean window\?\n {2}window /);
    expect(refusal('risk', 'window=x')).toBe(
      '--set window=x: expected a whole number from 30 to 10000 (trading days of history)',
    );
    expect(refusal('risk', 'window=250', 'window=300')).toBe('--set window is there twice: give it one value');
    expect(refusal('risk', 'window')).toBe('--set window: expected name=value');
    expect(refusal('risk', 'horizons=10,1')).toContain('days that rise, 1 first');
    expect(refusal('portfolio', 'pivot-currency=dollars')).toContain('a currency code such as USD');
    expect(refusal('bars', 'x=1')).toBe('bars has no parameters: leave out --set x');
    const stress = { 'stress-from': '2009-01-01', 'stress-to': '2008-01-01' };
    expect(() => all.risk.define(stress)).toThrow('stress-from 2009-01-01 is not before stress-to 2008-01-01');
    expect(() => all.indicators.define({ indicators: 'SMO(3)' })).toThrow('there is no SMO');
  });

  it('are of a topology that is there', () => {
    expect(() => replayableOf('postions', all)).toThrow('There is no topology "postions"; did you mean positions?');
    expect(() => replayableOf('toString', all)).toThrow('; there are positions, portfolio,');
  });
});

describe('a topology beside itself', () => {
  it('writes nothing to where the live one writes, and reads where it reads', () => {
    for (const definition of Object.values(TOPOLOGIES) as TopologyDefinition[]) {
      const live = compileTopology(definition);
      const side = compileTopology(sideTopology(definition, 'what-if', () => true));
      expect(side.subTopologies.map(({ sources }) => sources.filter(({ internal }) => !internal))).toMatchObject(
        live.subTopologies.map(({ sources }) =>
          sources.filter(({ internal }) => !internal).map(({ topic }) => ({ topic })),
        ),
      );
      const written = [
        side.name,
        side.deadLetterTopic,
        side.lateTopic,
        ...side.subTopologies.flatMap(({ outputs, stores }) => [
          ...outputs.map(({ topic }) => topic),
          ...stores.map(({ changelog }) => changelog),
        ]),
      ];
      expect(written.filter((topic) => !topic.startsWith('replay.what-if.'))).toEqual([]);
    }
  });

  it('keeps the outputs of its range', async () => {
    const passing: TopologyDefinition = {
      name: 'passing',
      version: 1,
      sources: { numbers: { topic: 'in', value: 'long' } },
      processors: {
        pass: {
          inputs: ['numbers'],
          create: (context) => ({
            process: ({ key, value, timestampMs }) => context.forward('out', key, value, timestampMs),
          }),
        },
      },
      sinks: { out: { inputs: ['pass'], topic: 'out', value: 'long' } },
    };
    const driver = new TopologyTestDriver(sideTopology(passing, 'x', (timeMs) => timeMs >= 10));
    for (const timestampMs of [9, 10, 11]) driver.pipe('in', { key: 'k', value: timestampMs, timestampMs });
    expect(driver.read('replay.x.out').map(({ value }) => value)).toEqual([10, 11]);
  });

  it('has a name that topics can have', () => {
    expect(['a', 'bars-2007-06-01', 'x9'].every(isReplayName)).toBe(true);
    expect(['', '9x', 'A', 'a.b', 'a_b', 'a b', 'a'.repeat(81)].some(isReplayName)).toBe(false);
    expect(defaultName('bars', { from: '2007-06-01', to: '2009-06-30' })).toBe('bars-2007-06-01-to-2009-06-30');
    expect(defaultName('risk', { to: '2009-06-30T12:00:00Z' })).toBe('risk-to-2009-06-30t12-00-00z');
    expect(defaultName('risk', {})).toBe('risk-all');
    expect(replayOf('replay.a.market.bars')).toEqual({ name: 'a', topic: 'market.bars' });
    expect([replayOf('market.bars'), replayOf('replay.a'), replayOf('replays.a.b')]).toEqual([null, null, null]);
    expect(topicFields('replay.a.market.returns')).toEqual(topicFields('market.returns'));
  });
});

describe('what a replay reads', () => {
  const range = parseRange('2008-01-01', '2008-12-31');
  const [before, within, after] = [at('2007-12-31'), at('2008-06-01'), at('2009-01-01')];

  it('goes up to the range, and with empty state begins with it, but for what holds', () => {
    const warm = inputFilter(range, false);
    const cold = inputFilter(range, true);
    expect([before, within, after].map((time) => warm('market.trades', time))).toEqual([true, true, false]);
    expect([before, within, after].map((time) => cold('market.trades', time))).toEqual([false, true, false]);
    expect([before, within, after].map((time) => cold('risk.limits', time))).toEqual([true, true, false]);
    const standing = ['reference.instruments', 'risk.limits', 'risk.controls', 'risk.workflows'];
    expect(standing.every(isStanding)).toBe(true);
    expect(['market.trades', 'market.returns', 'risk.utilisation', 'no.such.topic'].some(isStanding)).toBe(false);
  });

  it('is not there at all, says the error, and what is', () => {
    const span = (firstMs: number, newestMs: number) => ({ firstMs, newestMs });
    expect(() => checkSpans('bars', new Map([['market.trades', null]]), range)).toThrow(
      'There is nothing to replay: market.trades, which bars reads, hold nothing yet',
    );
    const later = new Map([
      ['a', span(at('2009-01-01'), at('2010-01-01'))],
      ['b', null],
    ]);
    expect(() => checkSpans('bars', later, range)).toThrow(
      'Nothing that bars reads is of 2008-01-01 to 2008-12-31. There is:\n  a: 2009-01-01 to 2010-01-01',
    );
    checkSpans('bars', new Map([...later, ['c', span(before, within)]]), range);
    expect(shortfall(new Map([['c', span(before, within)]]), range)).toBe(
      'The range goes on after what is recorded: c ends 2008-06-01',
    );
    expect(shortfall(new Map([['c', span(before, at('2008-12-29'))]]), range)).toBeNull();
  });
});

describe('replays in words', () => {
  const entry: ReplayEntry = {
    name: 'crisis',
    topology: 'risk',
    from: '2007-06-01T00:00:00.000Z',
    before: '2009-07-01T00:00:00.000Z',
    cold: true,
    cutEveryMs: 60_000,
    parameters: { window: '250' },
    state: 'DONE',
    startedAt: '2024-01-05T10:11:12.000Z',
    doneAt: '2024-01-05T10:12:12.000Z',
    ends: {},
    recordsIn: 1_200,
    durationMs: 600,
    outputs: [
      { topic: 'replay.crisis.risk.measures', records: 1_000, digest: 'a' },
      { topic: 'replay.crisis.risk.backtests', records: 7, digest: 'b' },
    ],
  };

  it('say what came of them', () => {
    expect(summaryLines(entry).slice(0, 3)).toEqual([
      'Replay crisis of risk: 1,200 records in, 1,007 out in 0.6 s (2,000 records/s), conflated to one per 1m.',
      '  replay.crisis.risk.measures   1,000',
      '  replay.crisis.risk.backtests      7',
    ]);
  });

  it('are listed with what is to be done about them', () => {
    expect(listLines([])).toEqual(['There are no replays.']);
    const broken = { ...entry, name: 'broken', state: 'STARTED' as const, outputs: [], cold: false, parameters: {} };
    const lines = listLines([entry, broken].map((each) => ({ ...each, status: statusOf(each, null) })));
    expect(lines[1]).toMatch(
      /^crisis +complete +risk +2007-06-01 +2009-07-01 +1,007 +2024-01-05 10:11:12 +cold window=250$/,
    );
    expect(lines[2]).toMatch(/^broken +INCOMPLETE .* -$/);
    expect(lines.at(-1)).toContain('--replace does it again');
    expect(statusOf(entry, 77)).toBe('running (process 77)');
  });
});
