import {
  BASEL_DAYS,
  type Backtest,
  conditionalCoverage,
  independence,
  isException,
  judge,
  kupiec,
  NO_DAYS,
  recentLight,
  shortfallTests,
  trafficLight,
} from '#quant/backtest.ts';
import { METHOD_NAMES, METHODS } from '#quant/methods.ts';
import { tailProbability } from '#quant/tail.ts';
import type { BacktestResult, RiskBacktest } from '#schemas/generated/types.ts';
import type { PnlDay } from '#sinks/postgres/read.ts';
import {
  COMMON_NOTES,
  countField,
  currencyOf,
  dateField,
  figure,
  finite,
  methodNotes,
  numberField,
  ratio,
  section,
  shareField,
  textField,
  tried,
} from './fields.ts';
import type { Cell, ChartSection, Field, FiguresSection, Report, Subject, TableSection } from './model.ts';
import { knownDays } from './returns.ts';
import { endMicros, type Period, type ReportSource, startMicros } from './source.ts';

/** Days held against the forecasts of the evening before. */
export interface MarketRiskBacktestData {
  readonly asked: Period;
  /** Judged in the period, oldest first; without a period the newest 250. */
  readonly days: readonly RiskBacktest[];
  /** Of the same days, with trading and fees; a day may be missing. */
  readonly actual: readonly PnlDay[];
}

const LEVEL = 0.99;
const METHOD = 'historical';
const MOST_DAYS = 10_000;
const MOST_EXCEPTIONS = 100;
const NO_HEADLINE = 'No day of the period had a historical VaR at 99 %.';
/** A p-value below this refuses the model. */
const SIGNIFICANCE = 0.05;

export async function loadMarketRiskBacktest(source: ReportSource, portfolioId: string, asked: Period) {
  // Basel's window, unless a beginning is asked for.
  const limit = asked.from === null ? BASEL_DAYS : MOST_DAYS;
  const days = await source.reports.backtests(portfolioId, asked.from, asked.to, limit);
  const [first, last] = [days[0]?.date, days.at(-1)?.date];
  const actual =
    first === undefined || last === undefined
      ? []
      : await source.read.pnlDays(portfolioId, startMicros(first), endMicros(last)! - 1);
  return { asked, days, actual } satisfies MarketRiskBacktestData;
}

/** Basel's backtest of market risk: exceptions, traffic light, multiplier, and tests of the forecasts. */
export function marketRiskBacktest(subject: Subject, given: MarketRiskBacktestData): Report {
  const data = { ...given, actual: knownDays(given.actual) };
  const currency = currencyOf(subject);
  const [first, last] = [data.days[0]?.date, data.days.at(-1)?.date];
  const { from, to } = data.asked;
  const none =
    from === null && to === null
      ? 'No day of this portfolio was judged yet: the first one is when a trading day follows a day that ended with risk.'
      : `No day was judged ${from === null ? '' : `from ${from} `}${to === null ? 'on' : `to ${to}`}.`;
  const series = judgedSeries(data);
  return {
    ...subject,
    kind: 'market-risk-backtest',
    title: 'Market-risk backtest',
    asOf: last ?? null,
    period: first === undefined || last === undefined ? null : { from: first, to: last },
    sections: [
      keyFigures(data, series, none),
      backtestChart(data, currency, none),
      periodTable(series, none),
      testsTable(series, none),
      toDateTable(data, none),
      exceptionsTable(data, currency, none),
      zonesTable(headline(series), none),
      daysTable(data, currency, none),
      notes(),
    ],
  };
}

/** How a method at a level has done in the period, against the hypothetical and the actual P&L. */
interface Judged {
  readonly method: string;
  readonly confidence: number;
  readonly hypothetical: Backtest;
  readonly actual: Backtest;
}

function judgedSeries({ days, actual }: MarketRiskBacktestData): Judged[] {
  const profits = new Map(actual.map(({ date, dayPnl }) => [date, dayPnl]));
  const found = new Map<string, Judged>();
  for (const { date, profit, results } of days) {
    for (const { method, confidence, valueAtRisk, expectedShortfall } of results) {
      const key = `${method} ${confidence}`;
      const before = found.get(key) ?? { method, confidence, hypothetical: NO_DAYS, actual: NO_DAYS };
      const own = profits.get(date);
      found.set(key, {
        ...before,
        hypothetical: judge(before.hypothetical, profit, valueAtRisk, expectedShortfall),
        actual: own === undefined ? before.actual : judge(before.actual, own, valueAtRisk, expectedShortfall),
      });
    }
  }
  return [...found.values()];
}

const headline = (series: readonly Judged[]): Judged | null =>
  series.find(({ method, confidence }) => method === METHOD && confidence === LEVEL) ?? null;

/** Basel takes the larger number of exceptions of the two. */
const exceptionsOf = ({ hypothetical, actual }: Judged) =>
  Math.max(hypothetical.recent.length, actual.observations === 0 ? 0 : actual.recent.length);
const lightOf = (judged: Judged) =>
  recentLight(judged.hypothetical, tailProbability(judged.confidence)) === null
    ? null
    : trafficLight(exceptionsOf(judged), BASEL_DAYS, tailProbability(judged.confidence));

function keyFigures({ days }: MarketRiskBacktestData, series: readonly Judged[], none: string): FiguresSection {
  const judged = headline(series);
  const light = judged && lightOf(judged);
  const { hypothetical = NO_DAYS, actual = NO_DAYS } = judged ?? {};
  const early = `Known from ${BASEL_DAYS} days on; the period has ${hypothetical.observations}`;
  const figures = [
    figure(dateField('lastDay', 'Last day judged'), days.at(-1)?.date),
    figure(countField('observations', 'Days judged in the period'), hypothetical.observations),
    figure(
      countField('exceptions', 'Exceptions, hypothetical P&L'),
      hypothetical.exceptions,
      `${(hypothetical.observations * (1 - LEVEL)).toFixed(1)} expected`,
    ),
    figure(
      countField('actualExceptions', 'Exceptions, actual P&L'),
      actual.observations > 0 ? actual.exceptions : null,
      `of ${actual.observations} days with a P&L of their own`,
    ),
    figure(
      countField('recentExceptions', `Exceptions in the last ${BASEL_DAYS} days`),
      judged && exceptionsOf(judged),
      'The larger of the two',
    ),
    figure(textField('zone', 'Traffic light'), light?.zone, light ? null : early),
    figure(numberField('multiplier', 'Multiplier'), light?.multiplier, light ? 'Of the capital requirement' : early),
  ];
  return section<FiguresSection>(
    {
      kind: 'figures',
      name: 'key-figures',
      title: 'Key figures',
      about: 'Historical VaR at 99 %, one day ahead.',
      figures: judged ? figures : [],
    },
    days.length > 0 ? NO_HEADLINE : none,
  );
}

const resultOf = ({ results }: RiskBacktest): BacktestResult | undefined =>
  results.find(({ method, confidence }) => method === METHOD && confidence === LEVEL);

function backtestChart({ days }: MarketRiskBacktestData, currency: string, none: string): ChartSection {
  const shown = days.filter((day) => resultOf(day));
  const minus = (value: number) => finite(value === 0 ? 0 : -value);
  return section<ChartSection>(
    {
      kind: 'chart',
      name: 'days',
      title: 'Daily P&L against historical VaR 99 %',
      about: 'An exception is a day whose hypothetical loss was above the VaR of the evening before.',
      axis: { field: dateField('date', 'Day'), values: shown.map(({ date }) => date) },
      scale: { type: 'number', unit: currency, decimals: 2 },
      series: [
        { name: 'Hypothetical P&L', mark: 'bar', values: shown.map(({ profit }) => finite(profit)) },
        { name: 'VaR as a loss', mark: 'line', values: shown.map((day) => minus(resultOf(day)!.valueAtRisk)) },
        {
          name: 'Exception',
          mark: 'point',
          values: shown.map((day) => (resultOf(day)!.exception ? finite(day.profit) : null)),
        },
      ],
    },
    days.length > 0 ? NO_HEADLINE : none,
  );
}

const KEYS: readonly Field[] = [textField('method', 'Method'), shareField('confidence', 'Level', 1)];

function periodTable(series: readonly Judged[], none: string): TableSection {
  return section<TableSection>(
    {
      kind: 'table',
      name: 'period',
      title: 'Exceptions in the period',
      about: `Traffic light and multiplier are of the last ${BASEL_DAYS} days, by the larger number of exceptions.`,
      columns: [
        ...KEYS,
        countField('observations', 'Days'),
        numberField('expected', 'Expected', null, 1),
        countField('exceptions', 'Exceptions, hypothetical'),
        countField('actualDays', 'Days, actual'),
        countField('actualExceptions', 'Exceptions, actual'),
        countField('recentExceptions', `Of the last ${BASEL_DAYS}`),
        textField('zone', 'Light'),
        numberField('multiplier', 'Multiplier'),
      ],
      rows: series.map((judged) => {
        const light = lightOf(judged);
        const { hypothetical, actual, confidence } = judged;
        return [
          judged.method,
          confidence,
          hypothetical.observations,
          hypothetical.observations * tailProbability(confidence),
          hypothetical.exceptions,
          actual.observations,
          actual.observations === 0 ? null : actual.exceptions,
          exceptionsOf(judged),
          light?.zone ?? null,
          light?.multiplier ?? null,
        ];
      }),
    },
    none,
  );
}

function testsTable(series: readonly Judged[], none: string): TableSection {
  return section<TableSection>(
    {
      kind: 'table',
      name: 'tests',
      title: 'Tests of the forecasts in the period',
      about: `Hypothetical P&L. A p-value below ${SIGNIFICANCE} refuses the model.`,
      columns: [
        ...KEYS,
        numberField('kupiecP', 'Kupiec p', null, 4),
        numberField('independenceP', 'Independence p', null, 4),
        numberField('coverageP', 'Coverage p', null, 4),
        numberField('z1', 'Z1', null, 3),
        numberField('z2', 'Z2', null, 3),
        textField('verdict', 'Coverage'),
      ],
      rows: series.map(({ method, confidence, hypothetical }): Cell[] => {
        const p = tailProbability(confidence);
        const coverage = tried(() => conditionalCoverage(hypothetical, p).pValue).value;
        const { z1, z2 } = shortfallTests(hypothetical, p);
        return [
          method,
          confidence,
          tried(() => kupiec(hypothetical, p).pValue).value,
          tried(() => independence(hypothetical).pValue).value,
          coverage,
          finite(z1),
          finite(z2),
          coverage === null ? 'too few days' : coverage < SIGNIFICANCE ? 'refused' : 'not refused',
        ];
      }),
    },
    none,
  );
}

function toDateTable({ days }: MarketRiskBacktestData, none: string): TableSection {
  const last = days.at(-1);
  return section<TableSection>(
    {
      kind: 'table',
      name: 'to-date',
      title: 'All days to date',
      about: `As risk.backtests has them${last ? ` at ${last.date}` : ''}: every day judged since the beginning, hypothetical P&L.`,
      columns: [
        ...KEYS,
        countField('observations', 'Days'),
        numberField('expected', 'Expected', null, 1),
        countField('exceptions', 'Exceptions'),
        countField('recentExceptions', `Of the last ${BASEL_DAYS}`),
        textField('zone', 'Light'),
        numberField('kupiecP', 'Kupiec p', null, 4),
        numberField('independenceP', 'Independence p', null, 4),
        numberField('coverageP', 'Coverage p', null, 4),
        numberField('z2', 'Z2', null, 3),
      ],
      rows: (last?.results ?? []).map((result) => [
        result.method,
        result.confidence,
        result.observations,
        result.observations * tailProbability(result.confidence),
        result.exceptions,
        result.recentExceptions,
        result.zone,
        finite(result.kupiecP),
        finite(result.independenceP),
        finite(result.coverageP),
        finite(result.z2),
      ]),
    },
    none,
  );
}

/** A day with the headline forecast for it, and by which P&L it is an exception. */
function dayRows({ days, actual }: MarketRiskBacktestData): { readonly cells: Cell[]; readonly by: string | null }[] {
  const profits = new Map(actual.map(({ date, dayPnl }) => [date, dayPnl]));
  return days.flatMap((day) => {
    const result = resultOf(day);
    if (!result) return [];
    const own = profits.get(day.date) ?? null;
    const ownException = own !== null && isException(own, result.valueAtRisk);
    const by = result.exception ? (ownException ? 'both' : 'hypothetical') : ownException ? 'actual' : null;
    const cells = [
      day.date,
      day.forecastDate,
      finite(result.valueAtRisk),
      finite(result.expectedShortfall),
      finite(day.profit),
      finite(own),
      ratio(-Math.min(day.profit, own ?? day.profit), finite(result.valueAtRisk)),
      by,
    ];
    return [{ cells, by }];
  });
}

const dayColumns = (currency: string) => [
  dateField('date', 'Day'),
  dateField('forecastDate', 'Forecast of'),
  numberField('valueAtRisk', 'VaR', currency),
  numberField('expectedShortfall', 'ES', currency),
  numberField('profit', 'Hypothetical P&L', currency),
  numberField('actualProfit', 'Actual P&L', currency),
  numberField('lossOverVar', 'Loss / VaR'),
  textField('exception', 'Exception by'),
];

/** `Historical VaR 99 %; the newest 100 of 140.` */
const aboutDays = (found: number, most: number) =>
  `Historical VaR 99 %${found > most ? `; the newest ${most} of ${found}` : ''}. Loss is the larger of the two.`;

function exceptionsTable(data: MarketRiskBacktestData, currency: string, none: string): TableSection {
  const rows = dayRows(data).filter(({ by }) => by !== null);
  return section<TableSection>(
    {
      kind: 'table',
      name: 'exceptions',
      title: 'Days with an exception',
      about: aboutDays(rows.length, MOST_EXCEPTIONS),
      columns: dayColumns(currency),
      rows: rows.slice(-MOST_EXCEPTIONS).map(({ cells }) => cells),
    },
    data.days.length > 0 ? 'There was no exception in the period.' : none,
  );
}

function daysTable(data: MarketRiskBacktestData, currency: string, none: string): TableSection {
  const rows = dayRows(data);
  return section<TableSection>(
    {
      kind: 'table',
      name: 'daily',
      title: 'Every day',
      about: aboutDays(rows.length, BASEL_DAYS),
      columns: dayColumns(currency),
      rows: rows.slice(-BASEL_DAYS).map(({ cells }) => cells),
    },
    data.days.length > 0 ? NO_HEADLINE : none,
  );
}

/** Exceptions in 250 days at 99 %, and what follows from them. */
function zonesTable(judged: Judged | null, none: string): TableSection {
  const reached = judged && lightOf(judged) ? Math.min(exceptionsOf(judged), 10) : null;
  const rows = Array.from({ length: 11 }, (_, exceptions): Cell[] => {
    const { zone, multiplier } = trafficLight(exceptions);
    return [
      exceptions === 10 ? '10 or more' : String(exceptions),
      zone,
      multiplier,
      exceptions === reached ? 'here' : null,
    ];
  });
  return section<TableSection>(
    {
      kind: 'table',
      name: 'zones',
      title: "Basel's zones",
      about: `Exceptions in ${BASEL_DAYS} days at 99 %.`,
      columns: [
        textField('exceptions', 'Exceptions'),
        textField('zone', 'Zone'),
        numberField('multiplier', 'Multiplier'),
        textField('reached', 'This portfolio'),
      ],
      rows: judged ? rows : [],
    },
    none,
  );
}

const notes = () =>
  methodNotes([
    [
      'Hypothetical P&L',
      "What the day's returns brought to the holdings of the evening before: no trading, no fees. Each day is held against the VaR that was forecast for it then.",
    ],
    [
      'Actual P&L',
      "Change of the portfolio's equity on the UTC day less net deposits: with trading, and with commission, which Basel's actual P&L leaves out. Days without a value of their own are not counted.",
    ],
    [
      'Traffic light and multiplier',
      'Basel Framework MAR32 and MAR99: exceptions of VaR at 99 % in 250 days; green to 4, yellow to 9, red from 10; multiplier 1.50 to 2.00. Exceptions of the hypothetical and of the actual P&L are counted apart, and the larger number counts. Other levels have the zone of the same probabilities and no multiplier.',
    ],
    [
      'Not in this report',
      "It is of one portfolio as a whole: no desk-level backtest, no P&L attribution test, and no supervisor's allowance for days out of the model's control.",
    ],
    [
      'Tests',
      'Kupiec (1995): is the share of exceptions right? Christoffersen (1998): do they come in clusters (independence), and both at once (coverage)? Acerbi and Székely (2014), tests 1 and 2 of expected shortfall: 0 is expected, below it losses beyond VaR were larger, or more, than forecast.',
    ],
    ...METHOD_NAMES.map((name) => [`Method ${name}`, METHODS[name]] as const),
    ...COMMON_NOTES,
  ]);
