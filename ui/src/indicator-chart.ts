import {
  BarSeries,
  CrosshairMode,
  createChart,
  type IChartApi,
  type ISeriesApi,
  LineSeries,
  type UTCTimestamp,
} from 'lightweight-charts';
import { formatNumber } from './format.ts';
import type { IndicatorHistory } from './indicators-api.ts';
import { colorOf, cssColor } from './palette.ts';

/** Prices, and indicators over them or each in a pane beneath. Wraps the chart library; knows nothing of React. */
export class IndicatorChart {
  readonly #chart: IChartApi;
  #drawn: ISeriesApi<'Line' | 'Bar'>[] = [];

  constructor(box: HTMLElement) {
    this.#chart = createChart(box, {
      autoSize: true,
      // Its logo brings a style element, which the page's security policy forbids; the footer names and links the library.
      layout: { attributionLogo: false, fontSize: 12 },
      crosshair: { mode: CrosshairMode.Magnet },
      timeScale: { minBarSpacing: 0.05, rightOffset: 2, borderVisible: false },
      rightPriceScale: { borderVisible: false },
    });
    this.applyTheme();
  }

  remove(): void {
    this.#chart.remove();
  }

  applyTheme(): void {
    const line = cssColor('line-soft');
    this.#chart.applyOptions({
      layout: {
        background: { color: 'transparent' },
        textColor: cssColor('muted'),
        fontFamily: getComputedStyle(document.body).fontFamily,
        panes: { separatorColor: cssColor('border'), separatorHoverColor: line },
      },
      grid: { vertLines: { color: line }, horzLines: { color: line } },
    });
  }

  /** Draws all anew. `paneOf`: by the place of a name, 0 over prices, else the pane beneath. */
  draw({ names, points }: IndicatorHistory, paneOf: (index: number) => number, timeVisible: boolean): void {
    for (const series of this.#drawn) this.#chart.removeSeries(series);
    const times = points.map(({ startTime }) => (Date.parse(startTime) / 1000) as UTCTimestamp);
    const muted = cssColor('muted');
    const prices = this.#chart.addSeries(BarSeries, {
      upColor: muted,
      downColor: muted,
      thinBars: true,
      priceLineVisible: false,
    });
    prices.setData(points.map(({ open, high, low, close }, at) => ({ time: times[at]!, open, high, low, close })));
    this.#drawn = [prices, ...names.map((_, index) => this.#line(points, times, index, paneOf(index)))];
    this.#chart.panes()[0]?.setStretchFactor(3);
    this.#chart.timeScale().applyOptions({ timeVisible });
    this.#chart.timeScale().fitContent();
  }

  #line(points: IndicatorHistory['points'], times: readonly UTCTimestamp[], index: number, pane: number) {
    const line = this.#chart.addSeries(
      LineSeries,
      {
        color: colorOf(index),
        lineWidth: 1,
        priceLineVisible: false,
        lastValueVisible: pane > 0,
        priceFormat: { type: 'custom', formatter: (value: number) => formatNumber(value, 2), minMove: 1e-6 },
      },
      pane,
    );
    line.setData(
      points.map(({ values }, at) => {
        const value = values[index];
        // A gap where there is no value.
        return value === null || value === undefined ? { time: times[at]! } : { time: times[at]!, value };
      }),
    );
    return line;
  }
}
