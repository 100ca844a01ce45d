import { Delay } from './delay.ts';
import { CyclePhase, DominantCycle } from './hilbert.ts';
import type { Memory } from './memory.ts';
import { factor } from './parameters.ts';
import type { IndicatorDefinition, SeriesIndicator } from './types.ts';

const DEGREES = 180 / Math.PI;
/** Bars that TA-Lib only smooths before its loop begins, and those before the first result. */
const SHORT = { first: 12, lookback: 32 } as const;
const LONG = { first: 37, lookback: 63 } as const;

/** Nothing but NaN until TA-Lib's first result. */
const after = (memory: Memory, lookback: number, indicator: SeriesIndicator): SeriesIndicator => {
  const state = memory.scalars(0);
  return {
    step: (value, outputs) => {
      indicator.step(value, outputs);
      state[0] = state[0]! + 1;
      if (state[0] <= lookback) outputs.fill(Number.NaN);
    },
  };
};

/** Average of the prices over the dominant cycle, and of the newest four of these: Ehlers' instantaneous trendline. */
class Trendline {
  readonly #prices: Delay;
  /** averages before */
  readonly #state: Float64Array;

  constructor(memory: Memory) {
    this.#prices = new Delay(memory, 50);
    this.#state = memory.scalars(0, 0, 0);
  }
  push(price: number): void {
    this.#prices.push(price);
  }
  next(period: number): number {
    const state = this.#state;
    const bars = Math.floor(period + 0.5);
    let sum = 0;
    for (let back = 0; back < bars; back++) sum += this.#prices.back(back);
    const average = bars > 0 ? sum / bars : sum;
    const result = (4 * average + 3 * state[0]! + 2 * state[1]! + state[2]!) / 10;
    state[2] = state[1]!;
    state[1] = state[0]!;
    state[0] = average;
    return result;
  }
}

/** 1 in a trend, 0 in a cycle. */
function trendMode(memory: Memory): SeriesIndicator {
  const phases = new CyclePhase(memory, LONG.first);
  const trendline = new Trendline(memory);
  /** bars in the trend, sine and lead sine and phase before */
  const state = memory.scalars(0, 0, 0, 0);
  return {
    step: (value, outputs) => {
      trendline.push(value);
      outputs[0] = 0;
      if (!phases.next(value)) return;
      const { phase } = phases;
      const { period, smoothed } = phases.cycle;
      const [sine, lead] = [Math.sin(phase / DEGREES), Math.sin((phase + 45) / DEGREES)];
      const line = trendline.next(period);
      const [sineBefore, leadBefore] = [state[1]!, state[2]!];
      const isCrossed = (sine > lead && sineBefore <= leadBefore) || (sine < lead && sineBefore >= leadBefore);
      state[0] = isCrossed ? 1 : state[0]! + 1;
      const turned = phase - state[3]!;
      const isCycle =
        isCrossed || state[0] < 0.5 * period || (turned > (0.67 * 360) / period && turned < (1.5 * 360) / period);
      const isFar = line !== 0 && Math.abs((smoothed - line) / line) >= 0.015;
      outputs[0] = isFar || !isCycle ? 1 : 0;
      state[1] = sine;
      state[2] = lead;
      state[3] = phase;
    },
  };
}

/** Ehlers' MESA adaptive moving average (2001), and the one that follows it. */
function mesa(memory: Memory, fastest: number, slowest: number): SeriesIndicator {
  const cycle = new DominantCycle(memory, SHORT.first);
  /** average, following average, phase before */
  const state = memory.scalars(0, 0, 0);
  return {
    step: (value, outputs) => {
      if (!cycle.next(value)) return;
      const phase = cycle.inPhase === 0 ? 0 : Math.atan(cycle.quadrature / cycle.inPhase) * DEGREES;
      const turned = Math.max(state[2]! - phase, 1);
      const weight = turned > 1 ? Math.max(fastest / turned, slowest) : fastest;
      state[2] = phase;
      state[0] = weight * value + (1 - weight) * state[0]!;
      state[1] = 0.5 * weight * state[0] + (1 - 0.5 * weight) * state[1]!;
      outputs[0] = state[0];
      outputs[1] = state[1];
    },
  };
}

const common = { group: 'cycle', parameters: [], outputs: ['real'] } as const;

/** Ehlers' cycles by the Hilbert transform. */
export const CYCLE: readonly IndicatorDefinition[] = [
  {
    ...common,
    name: 'HT_DCPERIOD',
    title: 'Dominant cycle period',
    lookback: () => SHORT.lookback,
    series: (memory) => {
      const cycle = new DominantCycle(memory, SHORT.first);
      return after(memory, SHORT.lookback, {
        step: (value, outputs) => {
          cycle.next(value);
          outputs[0] = cycle.period;
        },
      });
    },
  },
  {
    ...common,
    name: 'HT_PHASOR',
    title: 'Phasor components',
    outputs: ['inphase', 'quadrature'],
    lookback: () => SHORT.lookback,
    series: (memory) => {
      const cycle = new DominantCycle(memory, SHORT.first);
      return after(memory, SHORT.lookback, {
        step: (value, outputs) => {
          cycle.next(value);
          outputs[0] = cycle.inPhase;
          outputs[1] = cycle.quadrature;
        },
      });
    },
  },
  {
    ...common,
    name: 'HT_DCPHASE',
    title: 'Dominant cycle phase, degrees',
    lookback: () => LONG.lookback,
    series: (memory) => {
      const phases = new CyclePhase(memory, LONG.first);
      return after(memory, LONG.lookback, {
        step: (value, outputs) => {
          phases.next(value);
          outputs[0] = phases.phase;
        },
      });
    },
  },
  {
    ...common,
    name: 'HT_SINE',
    title: 'Sine wave',
    outputs: ['sine', 'leadsine'],
    lookback: () => LONG.lookback,
    series: (memory) => {
      const phases = new CyclePhase(memory, LONG.first);
      return after(memory, LONG.lookback, {
        step: (value, outputs) => {
          phases.next(value);
          outputs[0] = Math.sin(phases.phase / DEGREES);
          outputs[1] = Math.sin((phases.phase + 45) / DEGREES);
        },
      });
    },
  },
  {
    ...common,
    name: 'HT_TRENDMODE',
    title: 'Trend (1) or cycle (0)',
    outputs: ['integer'],
    lookback: () => LONG.lookback,
    series: (memory) => after(memory, LONG.lookback, trendMode(memory)),
  },
  {
    ...common,
    group: 'overlap',
    name: 'HT_TRENDLINE',
    title: 'Instantaneous trendline',
    lookback: () => LONG.lookback,
    series: (memory) => {
      const cycle = new DominantCycle(memory, LONG.first);
      const trendline = new Trendline(memory);
      return after(memory, LONG.lookback, {
        step: (value, outputs) => {
          trendline.push(value);
          if (cycle.next(value)) outputs[0] = trendline.next(cycle.period);
        },
      });
    },
  },
  {
    ...common,
    group: 'overlap',
    name: 'MAMA',
    title: 'MESA adaptive moving average',
    parameters: [factor('fastlimit', 0.5, 0.01, 0.99), factor('slowlimit', 0.05, 0.01, 0.99)],
    outputs: ['mama', 'fama'],
    lookback: () => SHORT.lookback,
    series: (memory, [fastest, slowest]) => after(memory, SHORT.lookback, mesa(memory, fastest!, slowest!)),
  },
];
