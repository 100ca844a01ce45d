/**
 * How good the regimes were on the shipped history, every day by what could have been known then:
 *
 *   node ml/train/regimes/evaluate.ts [--out ../models/regimes/evaluation.json]
 *
 * Walk-forward are the days since the first classifier; of these the ones from 2007 on were looked at by nobody before: weights and steps of the pools
 * were chosen on the days before (quant/regimes/ensemble.ts). In sample means: scored by a classifier that was trained on these very days (the last one).
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { type RegimeDay, RegimeEnsemble, VOTERS } from '#quant/regimes/ensemble.ts';
import { LABEL_DAYS, labelAt } from '#quant/regimes/labels.ts';
import { REGIME_NAMES } from '#quant/regimes/regimes.ts';
import { ReturnWindow } from '#quant/regimes/return-window.ts';
import { regimeRow } from '../../features/regime.ts';
import { DatedModels } from '../../model/dated.ts';
import { type Closes, loadCloses } from '../breach/history.ts';

const MARKET = 'SP500';
const PERIODS = { walkForward: ['1995-02-01', '2023'], from2007: ['2007-01-01', '2023'] } as const;
const CRISES = ['2008-10-01', '2020-03-01'];
const BINS = 10;
/** As a voter with one: what it cannot rule out. */
const LEAST = 0.002;

interface Track {
  readonly dates: readonly string[];
  readonly returns: Float64Array;
  /** -1: not known. */
  readonly labels: Int8Array;
  readonly days: readonly (RegimeDay | null)[];
}

const folder = join(import.meta.dirname, '../../models/regimes');
const { values: flags } = parseArgs({
  options: { out: { type: 'string', default: join(folder, 'evaluation.json') } },
});
const models = new DatedModels(folder, { providers: ['cpu'], threads: 1 });
const closes = loadCloses();
const last = models.fileAt(Number.MAX_SAFE_INTEGER)!;
const tracks = new Map<string, Track>();
for (const instrument of closes.returns.keys())
  tracks.set(instrument, await trackOf(closes, instrument, (time) => models.fileAt(time)));
const inSample = await trackOf(closes, MARKET, () => last);
const report = {
  market: {
    walkForward: judge(tracks.get(MARKET)!, PERIODS.walkForward),
    from2007: judge(tracks.get(MARKET)!, PERIODS.from2007),
    inSample: judge(inSample, PERIODS.walkForward),
    crises: CRISES.map((from) => crisisAfter(tracks.get(MARKET)!, from)),
    named: crisesOf(tracks.get(MARKET)!),
  },
  instruments: Object.fromEntries([...tracks].map(([name, track]) => [name, brief(judge(track, PERIODS.from2007))])),
};
writeFileSync(flags.out, `${JSON.stringify(report, null, 1)}\n`);
process.stdout.write(`${JSON.stringify(report.market.walkForward, null, 1)}\n`);
process.exit(0);

async function trackOf(closes: Closes, instrument: string, fileAt: (eventTime: number) => string | undefined) {
  const simple = closes.returns.get(instrument)!;
  const track = {
    dates: closes.dates.slice(1),
    returns: simple.slice(1).map(Math.log1p),
    labels: new Int8Array(simple.length - 1).fill(-1),
    days: [] as (RegimeDay | null)[],
  };
  const [window, ensemble] = [new ReturnWindow(), new RegimeEnsemble()];
  for (const [at, value] of track.returns.entries()) {
    window.push(value);
    if (at >= LABEL_DAYS) track.labels[at - LABEL_DAYS] = labelAt(window);
    const row = regimeRow(window);
    const file = row ? fileAt(closes.eventTimes[at + 1]!) : undefined;
    track.days.push(ensemble.take(value, file ? await (await models.scorer(file)).score(row!, 1) : null));
  }
  return track;
}

function judge({ dates, returns, labels, days }: Track, [from, until]: readonly [string, string]) {
  const confusion = REGIME_NAMES.map(() => REGIME_NAMES.map(() => 0));
  const bins = Array.from({ length: BINS }, () => ({ rows: 0, said: 0, happened: 0 }));
  const seen = REGIME_NAMES.map(() => 1);
  const sums = { labelled: 0, days: 0, loss: 0, marginal: 0, named: 0, likeliest: 0, qlike: 0, changes: 0 };
  const voters = VOTERS.map(() => ({ days: 0, loss: 0, labelled: 0, qlike: 0 }));
  for (let at = 0; at + 1 < days.length; at++) {
    const day = days[at]!;
    if (!day || dates[at]! < from || dates[at]! >= until) continue;
    sums.days++;
    if (day.days === 1) sums.changes++;
    const square = returns[at + 1]! ** 2;
    sums.qlike += Math.log(day.variance) + square / day.variance;
    for (const [voter, seat] of day.voters.entries()) {
      if (!seat) continue;
      voters[voter]!.days++;
      voters[voter]!.qlike += Math.log(seat.variance) + square / seat.variance;
    }
    const label = labels[at]!;
    if (label < 0) continue;
    sums.labelled++;
    sums.loss -= Math.log(day.probabilities[label]!);
    sums.marginal -= Math.log(seen[label]! / seen.reduce((sum, count) => sum + count, 0));
    seen[label]!++;
    const named = REGIME_NAMES.indexOf(day.regime);
    confusion[label]![named]!++;
    if (named === label) sums.named++;
    if (day.probabilities[label] === Math.max(...day.probabilities)) sums.likeliest++;
    for (const [voter, seat] of day.voters.entries()) {
      if (!seat) continue;
      voters[voter]!.labelled++;
      voters[voter]!.loss -= Math.log((1 - 6 * LEAST) * seat.probabilities[label]! + LEAST);
    }
    for (const [regime, p] of day.probabilities.entries()) {
      const bin = bins[Math.min(BINS - 1, Math.floor(p * BINS))]!;
      bin.rows++;
      bin.said += p;
      if (regime === label) bin.happened++;
    }
  }
  return {
    days: sums.days,
    accuracyNamed: sums.named / sums.labelled,
    accuracyLikeliest: sums.likeliest / sums.labelled,
    changesOfName: sums.changes,
    logLoss: sums.loss / sums.labelled,
    logLossOfShares: sums.marginal / sums.labelled,
    qlike: sums.qlike / sums.days,
    voters: Object.fromEntries(
      VOTERS.map((name, voter) => {
        const own = voters[voter]!;
        return [name, { logLoss: own.loss / own.labelled, qlike: own.qlike / own.days }];
      }),
    ),
    calibrationError:
      bins.reduce((sum, { said, happened }) => sum + Math.abs(said - happened), 0) /
      bins.reduce((sum, { rows }) => sum + rows, 0),
    reliability: bins.map(({ rows, said, happened }) => ({ rows, said: said / rows, happened: happened / rows })),
    confusion,
  };
}

/** The first day on or after `from` on which a crisis is named, and how many trading days that took. */
function crisisAfter({ dates, days }: Track, from: string) {
  const first = dates.findIndex((date) => date >= from);
  const named = days.findIndex((day, at) => at >= first && day?.regime === 'CRISIS');
  const began = named - days[named]!.days + 1;
  return { from, named: dates[named], tradingDays: named - first, namedSince: dates[began] };
}

function crisesOf({ dates, days }: Track): string[] {
  return days.flatMap((day, at) => {
    if (day?.regime !== 'CRISIS' || days[at + 1]?.regime === 'CRISIS') return [];
    return [`${dates[at - day.days + 1]}..${dates[at]}`];
  });
}

function brief({ qlike, logLoss, logLossOfShares, accuracyNamed, voters, calibrationError }: ReturnType<typeof judge>) {
  return { accuracyNamed, logLoss, logLossOfShares, qlike, voters, calibrationError };
}
