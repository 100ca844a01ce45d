import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { IndicatorSet } from '#quant/indicators/set.ts';
import { parseIndicator } from '#quant/indicators/spec.ts';
import { INDICATORS } from '#quant/indicators/table.ts';
import type { Group } from '#quant/indicators/types.ts';
import { type BarColumns, generated } from '../../golden/indicator-series.ts';
import { machine, quantile, spread } from '../figures.ts';
import { pythonOf } from '../python.ts';

const COUNT = 100;
const BARS = 30_000;
const WARM_UP_BARS = 5_000;
/** Ticks within a bar: the bar that lasts is replaced. */
const PEER = join(import.meta.dirname, '..', 'peers', 'talib');
const COLUMNS = ['open', 'high', 'low', 'close', 'volume'] as const;

interface Ticks {
  readonly updates: readonly number[];
  readonly replaces: readonly number[];
  readonly bytesATick: number;
}
interface PeerFigures {
  readonly functions: number;
  /** Microseconds for all functions, of single ticks. */
  readonly micros: readonly number[];
  /** Values after the last tick, by name. */
  readonly values: Readonly<Record<string, number>>;
}

/** As many of each group as it has of the table, evenly over its names, so that none is chosen for being fast. */
export function chosen(count: number): string[] {
  const groups = Map.groupBy(
    // What TA-Lib's wheel streams too; indices there are counted from the window's beginning.
    INDICATORS.filter(({ name }) => !/INDEX$/.test(name)),
    ({ group }) => group,
  );
  const all = [...groups.values()].reduce((sum, { length }) => sum + length, 0);
  const names: string[] = [];
  for (const [, group] of [...groups.entries()] as [Group, { name: string }[]][]) {
    const share = Math.round((group.length * count) / all);
    for (let place = 0; place < share; place++) names.push(group[Math.floor((place * group.length) / share)]!.name);
  }
  return names.slice(0, count);
}

/**
 * 100 indicators of one instrument, tick by tick: here (`update`, a bar's first tick, and `replace`, its others), and by TA-Lib's streaming
 * functions in Python, which calculate over the window they are given, in turns over the same bars. Both must say the same after the last.
 */
export async function indicatorsBenchmark(pairs: number, log: (text: string) => void): Promise<unknown> {
  const names = chosen(COUNT);
  const python = pythonOf('bench-talib', join(PEER, 'requirements.txt'), log);
  const bars = generated(BARS);
  const folder = mkdtempSync(join(tmpdir(), 'tidemark-bench-indicators-'));
  try {
    for (const column of COLUMNS) writeFileSync(join(folder, `${column}.bin`), new Uint8Array(bars[column].buffer));
    const peer = () => {
      const out = execFileSync(python, [join(PEER, 'stream.py'), folder, names.join(',')], { encoding: 'utf8' });
      return JSON.parse(out) as PeerFigures;
    };
    const runs: { own: Ticks; peer: PeerFigures }[] = [];
    let differs = 0;
    for (let pair = 1; pair <= pairs; pair++) {
      // Alternating, so that a machine that slows down slows both.
      const before = pair % 2 === 0 ? peer() : null;
      const { ticks, values } = runTicks(names, bars);
      const other = before ?? peer();
      differs = Math.max(differs, largestDifference(values, other.values));
      runs.push({ own: ticks, peer: other });
      log(
        `pair ${pair}: ${quantile(ticks.updates, 0.5).toFixed(1)} µs a tick, TA-Lib ${quantile(other.micros, 0.5).toFixed(1)} µs`,
      );
    }
    const of = (micros: (run: (typeof runs)[number]) => readonly number[]) => ({
      p50: spread(
        runs.map((run) => quantile(micros(run), 0.5)),
        2,
      ),
      p99: spread(
        runs.map((run) => quantile(micros(run), 0.99)),
        2,
      ),
    });
    return {
      benchmark: 'indicators',
      machine: machine(),
      indicators: names.length,
      bars: BARS,
      pairs,
      microsATick: {
        update: of(({ own }) => own.updates),
        replace: of(({ own }) => own.replaces),
        talibStream: of(({ peer: { micros } }) => micros),
      },
      bytesATick: spread(
        runs.map(({ own }) => own.bytesATick),
        1,
      ),
      largestDifference: differs,
    };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function runTicks(names: readonly string[], { open, high, low, close, volume }: BarColumns) {
  const set = new IndicatorSet(names.map(parseIndicator));
  const updates = new Float64Array(BARS - WARM_UP_BARS);
  const replaces = new Float64Array(BARS - WARM_UP_BARS);
  let heapBefore = 0;
  for (let bar = 0; bar < BARS; bar++) {
    if (bar === WARM_UP_BARS) heapBefore = process.memoryUsage().heapUsed;
    const began = performance.now();
    set.update(open[bar]!, high[bar]!, low[bar]!, close[bar]!, volume[bar]!);
    const between = performance.now();
    set.replace(open[bar]!, high[bar]!, low[bar]!, close[bar]!, volume[bar]!);
    if (bar < WARM_UP_BARS) continue;
    updates[bar - WARM_UP_BARS] = (between - began) * 1000;
    replaces[bar - WARM_UP_BARS] = (performance.now() - between) * 1000;
  }
  // Collections in between make it less, never more.
  const bytesATick = Math.max(0, process.memoryUsage().heapUsed - heapBefore) / (2 * (BARS - WARM_UP_BARS));
  const values = Object.fromEntries(set.names.map((name, index) => [name, set.values[index]!]));
  return { ticks: { updates: [...updates], replaces: [...replaces], bytesATick }, values };
}

/** Relative, over what both have; by the place of outputs, as the names of parameters differ. */
function largestDifference(own: Readonly<Record<string, number>>, other: PeerFigures['values']): number {
  const [ours, theirs] = [Object.values(own), Object.values(other)];
  if (ours.length !== theirs.length) throw new Error(`${ours.length} values here, ${theirs.length} by TA-Lib`);
  return ours.reduce((most, value, index) => {
    const error = Math.abs(value - theirs[index]!) / Math.max(Math.abs(theirs[index]!), 1);
    return Math.max(most, error);
  }, 0);
}

if (import.meta.main) {
  const result = await indicatorsBenchmark(3, (text) => process.stderr.write(`${text}\n`));
  process.stdout.write(`${JSON.stringify(result, null, 2)}\n`);
}
