import {
  CrosshairMode,
  createChart,
  type IChartApi,
  type ISeriesApi,
  LineSeries,
  LineStyle,
  type MouseEventParams,
  PriceScaleMode,
  type UTCTimestamp,
} from 'lightweight-charts';
import { formatCompact, formatNumber } from './format.ts';
import { colorOf, cssColor } from './palette.ts';
import type { Change, Point, Series } from './series.ts';

export type Range = '3M' | '1Y' | '5Y' | 'ALL';
export type Scale = 'log' | 'linear' | 'percent';

/** The points under the pointer. */
export interface Readout {
  readonly time: number;
  readonly points: Readonly<Record<string, { readonly equity: number; readonly drawdown: number }>>;
}

export interface ChartEvents {
  onReadout(readout: Readout | null): void;
  /** The reader has moved or zoomed the chart: it no longer follows. */
  onMoved(): void;
}

interface Curves {
  readonly equity: ISeriesApi<'Line'>;
  readonly drawdown: ISeriesApi<'Line'>;
  series: Series;
}

const DAY_SECONDS = 86_400;
const RANGE_SECONDS = { '3M': 91 * DAY_SECONDS, '1Y': 365 * DAY_SECONDS, '5Y': 1826 * DAY_SECONDS } as const;
/** The visible range follows new points this often. */
const FOLLOW_INTERVAL_MS = 200;
const MODES = {
  log: PriceScaleMode.Logarithmic,
  linear: PriceScaleMode.Normal,
  percent: PriceScaleMode.Percentage,
} as const;

const equityOf = ({ time, equity }: Point) => ({ time: time as UTCTimestamp, value: equity });
const drawdownOf = ({ time, drawdown }: Point) => ({ time: time as UTCTimestamp, value: -drawdown });

/** Equity of every portfolio above, drawdown beneath, on one time axis. Wraps the chart library; knows nothing of React. */
export class CurveChart {
  readonly #chart: IChartApi;
  readonly #box: HTMLElement;
  readonly #events: ChartEvents;
  readonly #curves = new Map<string, Curves>();
  readonly #waiting = new Map<string, Series>();
  readonly #onGesture = () => this.#events.onMoved();
  #ids: readonly string[] = [];
  #selected: string | null = null;
  #range: Range | null = 'ALL';
  #followTimer: ReturnType<typeof setTimeout> | undefined;

  constructor(box: HTMLElement, events: ChartEvents) {
    this.#box = box;
    this.#events = events;
    this.#chart = createChart(box, {
      autoSize: true,
      // Its logo brings a style element, which the page's security policy forbids; the footer names and links the library.
      layout: { attributionLogo: false, panes: { enableResize: true }, fontSize: 12 },
      crosshair: { mode: CrosshairMode.Magnet },
      timeScale: { minBarSpacing: 0.005, rightOffset: 2, timeVisible: false, borderVisible: false },
      rightPriceScale: { borderVisible: false, scaleMargins: { top: 0.08, bottom: 0.06 } },
    });
    this.applyTheme();
    this.#chart.subscribeCrosshairMove((param) => this.#readOut(param));
    // Only what a hand does counts as a move; following moves the range too.
    for (const gesture of ['wheel', 'pointerdown'] as const)
      box.addEventListener(gesture, this.#onGesture, { passive: true });
  }

  remove(): void {
    clearTimeout(this.#followTimer);
    for (const gesture of ['wheel', 'pointerdown'] as const) this.#box.removeEventListener(gesture, this.#onGesture);
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
      crosshair: {
        vertLine: { color: cssColor('muted'), labelBackgroundColor: cssColor('raised') },
        horzLine: { color: cssColor('muted'), labelBackgroundColor: cssColor('raised') },
      },
    });
    this.#style();
  }

  /** Says which portfolios there are; those drawn first stand behind. */
  setPortfolios(ids: readonly string[], selected: string | null): void {
    this.#ids = ids;
    this.#selected = selected;
    for (const id of ids) {
      const series = this.#waiting.get(id);
      if (!series || this.#curves.has(id)) continue;
      this.#waiting.delete(id);
      this.draw(id, series, 'all');
    }
    this.#style();
  }

  setScale(scale: Scale): void {
    this.#chart.priceScale('right', 0).applyOptions({ mode: MODES[scale] });
  }

  setRange(range: Range | null): void {
    this.#range = range;
    this.#follow();
  }

  draw(id: string, series: Series, change: Change): void {
    if (!this.#ids.includes(id)) {
      this.#waiting.set(id, series);
      return;
    }
    const known = this.#curves.get(id);
    const curves = known ?? this.#add(id, series);
    curves.series = series;
    const last = series.last;
    if (known && change === 'last' && last) {
      curves.equity.update(equityOf(last));
      curves.drawdown.update(drawdownOf(last));
    } else {
      curves.equity.setData(series.points.map(equityOf));
      curves.drawdown.setData(series.points.map(drawdownOf));
    }
    this.#followTimer ??= setTimeout(() => {
      this.#followTimer = undefined;
      this.#follow();
    }, FOLLOW_INTERVAL_MS);
  }

  #add(id: string, series: Series): Curves {
    const shared = { priceLineVisible: false, crosshairMarkerRadius: 3 } as const;
    const custom = (formatter: (value: number) => string, minMove: number) =>
      ({ priceFormat: { type: 'custom', formatter, minMove } }) as const;
    const amount = custom(formatCompact, 0.01);
    const percent = custom((value) => `${formatNumber(value * 100, 0)} %`, 0.0001);
    const curves: Curves = {
      equity: this.#chart.addSeries(LineSeries, { ...shared, ...amount, lastValueVisible: true }, 0),
      drawdown: this.#chart.addSeries(LineSeries, { ...shared, ...percent, lastValueVisible: false }, 1),
      series,
    };
    if (this.#curves.size === 0) {
      this.#chart.panes()[0]?.setStretchFactor(3);
      this.#chart.panes()[1]?.setStretchFactor(1);
      // A new pane takes over the first one's scale; drawdown is linear whatever equity is.
      curves.drawdown.priceScale().applyOptions({ mode: PriceScaleMode.Normal });
      curves.drawdown.createPriceLine({
        price: 0,
        color: cssColor('border'),
        lineStyle: LineStyle.Solid,
        lineWidth: 1,
        axisLabelVisible: false,
        title: '',
      });
    }
    this.#curves.set(id, curves);
    this.#style();
    return curves;
  }

  #style(): void {
    for (const [id, { equity, drawdown }] of this.#curves) {
      const color = colorOf(Math.max(0, this.#ids.indexOf(id)));
      const lineWidth = id === this.#selected ? 2 : 1;
      equity.applyOptions({ color, lineWidth });
      drawdown.applyOptions({ color, lineWidth });
    }
  }

  #follow(): void {
    const range = this.#range;
    if (range === null || this.#curves.size === 0) return;
    const scale = this.#chart.timeScale();
    const curves = [...this.#curves.values()];
    const last = Math.max(...curves.map(({ series }) => series.last?.time ?? 0));
    const first = Math.min(...curves.map(({ series }) => series.points[0]?.time ?? last));
    if (last === 0) return;
    if (range === 'ALL' || last - RANGE_SECONDS[range] <= first) scale.fitContent();
    else scale.setVisibleRange({ from: (last - RANGE_SECONDS[range]) as UTCTimestamp, to: last as UTCTimestamp });
  }

  #readOut({ time, seriesData }: MouseEventParams): void {
    if (time === undefined || seriesData.size === 0) {
      this.#events.onReadout(null);
      return;
    }
    const points: Record<string, { equity: number; drawdown: number }> = {};
    for (const [id, curves] of this.#curves) {
      const equity = seriesData.get(curves.equity);
      const drawdown = seriesData.get(curves.drawdown);
      if (equity && 'value' in equity && drawdown && 'value' in drawdown)
        points[id] = { equity: equity.value, drawdown: -drawdown.value };
    }
    this.#events.onReadout({ time: time as number, points });
  }
}
