import { DriftMonitor } from '#ml/drift/monitor.ts';
import { Random } from '#streams/kit/random.ts';
import { closesOf } from '../../golden/history.ts';
import { KIND_NAMES, KINDS, type Kind, referenceOf } from '../../unit/ml/drift/simulated.ts';
import { machine, quantile } from '../figures.ts';

const DAY_MICROS = 86_400_000_000;
/** Ten years of training, as a reference has them. */
const TRAINING_DAYS = 2_520;
const YEAR = 252;
/** Days before an injected change, and after which it counts as missed. */
const BEFORE_DAYS = 252;
const GIVE_UP_DAYS = 2_016;

/** What is done to a value from a day on. */
export const CHANGES = {
  'mean + 0.5 σ': (value: number, deviation: number) => value + 0.5 * deviation,
  'mean + 1 σ': (value: number, deviation: number) => value + deviation,
  'variance × 2': (value: number) => Math.SQRT2 * value,
  'deviation × 2': (value: number) => 2 * value,
} as const;

/** Days of a simulated model with its own training: `columns` columns of a kind, of which the first changes after `days` (null: never). */
export function simulate(
  kind: Kind,
  columns: number,
  seed: string,
  days: number,
  change: ((value: number, deviation: number) => number) | null,
): { readonly alarmDays: number[]; readonly names: string[] } {
  const sources = Array.from({ length: columns }, (_, column) => KINDS[kind](new Random(`${seed}/${column}`)));
  const references = sources.map((next, column) =>
    referenceOf(`c${column}`, Float64Array.from({ length: TRAINING_DAYS }, next)),
  );
  const monitor = new DriftMonitor({ blockMicros: DAY_MICROS, columns: references });
  const alarmDays: number[] = [];
  const names: string[] = [];
  const row = new Float64Array(columns);
  const none = new Float64Array(0);
  for (let day = 0; day < days; day++) {
    sources.forEach((next, column) => {
      row[column] = next();
    });
    if (change && day >= BEFORE_DAYS) row[0] = change(row[0]!, references[0]!.deviation);
    const alarm = monitor.observe((day + 1) * DAY_MICROS, row, none, 1);
    if (!alarm) continue;
    alarmDays.push(day);
    names.push(...alarm.columns.map(({ name }) => name));
    if (change && day >= BEFORE_DAYS) break;
  }
  return { alarmDays, names };
}

/** False alarms of models that do not drift, and how many days a change takes to be found. */
export function driftBenchmark(seeds: number, columns: number, log: (text: string) => void): unknown {
  const stationary = KIND_NAMES.map((kind) => {
    let alarms = 0;
    let years = 0;
    for (let seed = 0; seed < seeds; seed++) {
      alarms += simulate(kind, columns, `still ${kind} ${seed}`, YEAR, null).alarmDays.length;
      years++;
    }
    const long = simulateLong(kind, Math.ceil(seeds / 33));
    log(`${kind}: ${alarms} false alarms in ${years} years of ${columns} columns`);
    return { kind, columns, years, falseAlarms: alarms, falseAlarmsAYear: alarms / years, long };
  });
  const changes = KIND_NAMES.flatMap((kind) =>
    (Object.keys(CHANGES) as (keyof typeof CHANGES)[]).map((change) => {
      const delays: number[] = [];
      let missed = 0;
      const runs = Math.max(10, Math.ceil(seeds / 20));
      for (let seed = 0; seed < runs; seed++) {
        const days = BEFORE_DAYS + GIVE_UP_DAYS;
        const { alarmDays, names } = simulate(kind, columns, `${change} ${kind} ${seed}`, days, CHANGES[change]);
        const found = alarmDays.at(-1);
        if (found === undefined || found < BEFORE_DAYS || !names.includes('c0')) missed++;
        else delays.push(found - BEFORE_DAYS + 1);
      }
      const delay = delays.length === 0 ? null : { median: quantile(delays, 0.5), p90: quantile(delays, 0.9) };
      log(`${kind}, ${change}: found after ${JSON.stringify(delay)} days, missed ${missed} of ${runs}`);
      return { kind, change, runs, missed, delayDays: delay };
    }),
  );
  return { benchmark: 'drift', machine: machine(), seeds, columns, stationary, changes, history: history() };
}

/** Thirty-three years without a change, in which the error of what training said adds up. */
function simulateLong(kind: Kind, runs: number) {
  let alarms = 0;
  for (let seed = 0; seed < runs; seed++)
    alarms += simulate(kind, 1, `long ${kind} ${seed}`, 33 * YEAR, null).alarmDays.length;
  return { columns: 1, years: 33 * runs, falseAlarms: alarms };
}

const HISTORY_FEATURES = ['return1', 'return21', 'log volatility', 'surprise', 'drawdown'];

/**
 * Features of the shipped S&P 500 from 2000 on by a reference of the ten years before, taken anew after each alarm as a retraining does. Nobody knows
 * which of these alarms are right: they are no false alarms, but what to expect of markets.
 */
function history(): { readonly date: string; readonly columns: readonly string[] }[] {
  const { dates, prices } = closesOf('SP500');
  const rows: number[][] = [];
  let variance = 1e-4;
  for (let day = YEAR; day < prices.length; day++) {
    const change = prices[day]! / prices[day - 1]! - 1;
    const surprise = Math.abs(change) / Math.sqrt(variance);
    variance = 0.94 * variance + 0.06 * change ** 2;
    const peak = prices.slice(day - YEAR, day + 1).reduce((highest, price) => Math.max(highest, price));
    const month = prices[day]! / prices[day - 21]! - 1;
    rows.push([change, month, Math.log(variance) / 2, surprise, 1 - prices[day]! / peak]);
  }
  const days = dates.slice(YEAR);
  const trained = (to: number) => {
    const sample = rows.slice(Math.max(0, to - TRAINING_DAYS), to);
    const columns = HISTORY_FEATURES.map((name, at) =>
      referenceOf(
        name,
        sample.map((row) => row[at]!),
      ),
    );
    return new DriftMonitor({ blockMicros: DAY_MICROS, columns });
  };
  const first = days.findIndex((date) => date >= '2000');
  let monitor = trained(first);
  const alarms: { date: string; columns: string[] }[] = [];
  for (let day = first; day < rows.length; day++) {
    const row = Float64Array.from(rows[day]!);
    const alarm = monitor.observe(Date.parse(days[day]!) * 1000, row, new Float64Array(0), 1);
    if (!alarm) continue;
    alarms.push({ date: days[day]!, columns: alarm.columns.map(({ name }) => name) });
    monitor = trained(day);
  }
  return alarms;
}

if (import.meta.main) {
  const [seeds = '1000', columns = '30'] = process.argv.slice(2);
  const result = driftBenchmark(Number(seeds), Number(columns), (text) => process.stderr.write(`${text}\n`));
  process.stdout.write(`${JSON.stringify(result)}\n`);
}
