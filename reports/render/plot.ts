import type { ChartSection } from '../model.ts';
import type { Plot } from './marks.ts';
import { plotBars } from './plot-bars.ts';
import { plotDays } from './plot-days.ts';

/** Lays a chart out over a width, points. It must have data. */
export const plot = (chart: ChartSection, width: number): Plot =>
  chart.axis.field.type === 'date' ? plotDays(chart, width) : plotBars(chart, width);
