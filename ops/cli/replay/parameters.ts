import { join } from 'node:path';
import { DatedModels } from '#ml/model/dated.ts';
import { SHIPPED_MODELS } from '#ml/model/registry.ts';
import { isCurrencyCode } from '#schemas/fx.ts';
import { SETTINGS } from '#schemas/settings.ts';
import { closest, readSettings } from '#streams/kit/config.ts';
import { TidemarkError } from '#streams/kit/errors.ts';
import type { TopologyDefinition } from '#streams/topology/types.ts';
import { bars } from '#topologies/bars/graph.ts';
import { book } from '#topologies/book/graph.ts';
import { execution } from '#topologies/execution/graph.ts';
import { indicators } from '#topologies/indicators/graph.ts';
import { limits, PRETRADE_SETTINGS } from '#topologies/limits/graph.ts';
import { portfolio } from '#topologies/portfolio/graph.ts';
import { positions } from '#topologies/positions/graph.ts';
import { predictions } from '#topologies/predictions/graph.ts';
import { ModelFiles } from '#topologies/predictions/model-files.ts';
import { regimes } from '#topologies/regimes/graph.ts';
import { response } from '#topologies/response/graph.ts';
import { risk } from '#topologies/risk/graph.ts';
import { RISK_SETTINGS } from '#topologies/risk/settings.ts';
import type { TOPOLOGIES } from '../describe.ts';
import { boolean, day, duration, durationText, list, number, type Parse, text } from './values.ts';

/** What `--set` may change of a topology. */
export interface Parameter<V = unknown> {
  readonly doc: string;
  /** As it would be written; what the live topology runs with. */
  readonly default: string;
  /** The setting of the environment that the live topology takes it from; its name may be used as well. */
  readonly setting?: keyof typeof SETTINGS;
  readonly parse: Parse<V>;
}
/** How a topology is replayed. */
export interface Replayable {
  readonly parameters: Readonly<Record<string, Parameter>>;
  /**
   * Event time between two cuts at most, milliseconds. Of what a topology says of a portfolio or a book it writes the newest at each cut; null
   * where each input has its own output, and cuts only cost time.
   */
  readonly cutEveryMs: number | null;
  /** The topology with these values; `texts` as written, by name. Throws CONFIG_INVALID. */
  define(texts: Readonly<Record<string, string>>): TopologyDefinition;
}

type Values<P extends Readonly<Record<string, Parameter>>> = { readonly [K in keyof P]: ReturnType<P[K]['parse']> };

function replayable<P extends Readonly<Record<string, Parameter>>>(
  parameters: P,
  cutEveryMs: number | null,
  make: (values: Values<P>) => TopologyDefinition,
): Replayable {
  const define = (texts: Readonly<Record<string, string>>) => {
    const values = Object.entries(parameters).map(([name, parameter]) => [
      name,
      parameter.parse(texts[name] ?? parameter.default),
    ]);
    return make(Object.fromEntries(values) as Values<P>);
  };
  return { parameters, cutEveryMs, define };
}

const SECOND_MS = 1_000;
const MINUTE_MS = 60_000;
const { window, confidences, horizonsDays, paths, benchmark, participation, turnoverDays, stress } = RISK_SETTINGS;

type Settings = ReturnType<typeof readSettings<typeof SETTINGS>>;
const sessionOf = ({ TIDEMARK_ONNX_PROVIDERS: providers, TIDEMARK_ONNX_THREADS: threads }: Settings) => ({
  providers,
  threads,
});
/** A replay says what the models say, or nothing. */
const fail = (reason: string): never => {
  throw new TidemarkError('MODEL_FAILED', reason);
};

/** How every topology is replayed. */
export const replayables = (
  env: Readonly<Record<string, string | undefined>> = process.env,
): Readonly<Record<keyof typeof TOPOLOGIES, Replayable>> => {
  const settings = readSettings(SETTINGS, env);
  return {
    positions: replayable(
      { 'conflate-marks': { doc: 'only the newest mark of each holding and cut', default: 'false', parse: boolean } },
      null,
      (values) => positions({ conflateMarks: values['conflate-marks'] }),
    ),
    portfolio: replayable(
      {
        'pivot-currency': {
          doc: 'currency that rates without a pair of their own go over, ISO 4217',
          default: settings.TIDEMARK_FX_PIVOT,
          setting: 'TIDEMARK_FX_PIVOT',
          parse: text('a currency code such as USD', isCurrencyCode),
        },
        conflate: { doc: 'only the newest figures of each portfolio and cut', default: 'false', parse: boolean },
      },
      null,
      ({ conflate, 'pivot-currency': pivotCurrency }) => portfolio({ conflate, pivotCurrency }),
    ),
    bars: replayable({}, null, () => bars()),
    indicators: replayable(
      {
        indicators: {
          doc: 'indicators separated by spaces, as docs/indicators.md lists them',
          default: settings.TIDEMARK_INDICATORS,
          setting: 'TIDEMARK_INDICATORS',
          parse: text('indicators such as "SMA(20) RSI(14)"', (value) => value.trim() !== ''),
        },
        intervals: {
          doc: 'lengths of bars: SECOND, MINUTE, HOUR, DAY, joined by commas',
          default: settings.TIDEMARK_INDICATOR_INTERVALS.join(','),
          setting: 'TIDEMARK_INDICATOR_INTERVALS',
          parse: list(text('a length of bars such as DAY', (value) => value !== '')),
        },
      },
      null,
      ({ indicators: texts, intervals }) => indicators({ indicators: texts, intervals }),
    ),
    regimes: replayable({}, null, () =>
      regimes({ models: new DatedModels(join(SHIPPED_MODELS, 'regimes'), sessionOf(settings)), onFailure: fail }),
    ),
    predictions: replayable(
      {
        market: { doc: 'index whose returns are the market', default: 'SP500', parse: text('an instrument', Boolean) },
      },
      null,
      ({ market }) =>
        predictions({
          market,
          onFailure: fail,
          // Without the registry: what counts in it now is not of the recorded past.
          models: new ModelFiles({
            shipped: join(SHIPPED_MODELS, 'breach'),
            registry: null,
            session: sessionOf(settings),
            now: Date.now,
          }),
        }),
    ),
    book: replayable({}, SECOND_MS, () => book()),
    risk: replayable(
      {
        window: { doc: 'trading days of history', default: String(window), parse: number(30, 10_000, 'whole') },
        confidences: {
          doc: 'levels of VaR and ES, rising, joined by commas',
          default: confidences.join(','),
          parse: levels,
        },
        horizons: {
          doc: 'trading days ahead, joined by commas; the first is 1',
          default: horizonsDays.join(','),
          parse: horizons,
        },
        paths: {
          doc: 'drawn for each simulated figure',
          default: String(paths),
          parse: number(100, 1_000_000, 'whole'),
        },
        benchmark: { doc: 'instrument that beta is against', default: benchmark, parse: instrument },
        participation: {
          doc: 'share of what is traded a day that a position is liquidated at',
          default: String(participation),
          parse: number(0.001, 1),
        },
        'turnover-days': {
          doc: 'days with trades that what is traded a day is the average of',
          default: String(turnoverDays),
          parse: number(1, 1_000, 'whole'),
        },
        'stress-from': { doc: 'first day of the window of stressed VaR', default: stress.from, parse: day },
        'stress-to': { doc: 'last day of it', default: stress.to, parse: day },
      },
      MINUTE_MS,
      ({ horizons: horizonsDays, 'stress-from': from, 'stress-to': to, 'turnover-days': turnoverDays, ...rest }) => {
        if (from >= to) throw new TidemarkError('CONFIG_INVALID', `stress-from ${from} is not before stress-to ${to}`);
        return risk({ ...RISK_SETTINGS, ...rest, horizonsDays, turnoverDays, stress: { from, to } });
      },
    ),
    execution: replayable(
      {
        horizon: {
          doc: 'event time after its arrival at which an order that is not filled has expired',
          default: '5d',
          parse: duration(MINUTE_MS),
        },
      },
      null,
      ({ horizon: horizonMs }) => execution({ horizonMs }),
    ),
    limits: replayable(
      {
        'price-max-age': {
          doc: 'how old a price may be for an order to be checked against it',
          default: durationText(PRETRADE_SETTINGS.priceMaxAgeMs),
          parse: duration(SECOND_MS),
        },
        'order-horizon': {
          doc: 'how long an accepted order counts as open',
          default: durationText(PRETRADE_SETTINGS.orderHorizonMs),
          parse: duration(SECOND_MS),
        },
        window: {
          doc: 'trading days of history of what-if figures',
          default: String(PRETRADE_SETTINGS.window),
          parse: number(30, 10_000, 'whole'),
        },
      },
      MINUTE_MS,
      ({ 'price-max-age': priceMaxAgeMs, 'order-horizon': orderHorizonMs, window: days }) =>
        limits({ priceMaxAgeMs, orderHorizonMs, window: days }),
    ),
    response: replayable({}, null, () => response()),
  };
};

function levels(value: string): readonly number[] {
  const parsed = list(number(0.5, 0.9999))(value);
  if (parsed.every((level, index) => index === 0 || level > parsed[index - 1]!)) return parsed;
  throw new RangeError('levels that rise, such as 0.95,0.99');
}

function horizons(value: string): readonly number[] {
  const parsed = list(number(1, 250, 'whole'))(value);
  if (parsed[0] === 1 && parsed.every((days, index) => index === 0 || days > parsed[index - 1]!)) return parsed;
  throw new RangeError('days that rise, 1 first, such as 1,10');
}

const instrument = text('the id of an instrument such as SP500', (value) => value.trim() !== '');

/** `name=value` as it stands in `--set`. Throws PARAMETER_INVALID. */
export function splitSetting(setting: string): readonly [name: string, value: string] {
  const at = setting.indexOf('=');
  if (at > 0) return [setting.slice(0, at).trim(), setting.slice(at + 1)];
  throw new TidemarkError('PARAMETER_INVALID', `--set ${setting}: expected name=value`);
}

/**
 * The values of `--set name=value`, by the parameters' names. Throws PARAMETER_UNKNOWN and PARAMETER_INVALID, which say what there is.
 */
export function parseParameters(
  topology: string,
  { parameters }: Pick<Replayable, 'parameters'>,
  settings: readonly string[],
): Record<string, string> {
  const given: Record<string, string> = {};
  for (const setting of settings) {
    const [wanted, value] = splitSetting(setting);
    const name = Object.keys(parameters).find((each) => each === wanted || parameters[each]!.setting === wanted);
    if (name === undefined) throw unknown(topology, parameters, wanted);
    if (Object.hasOwn(given, name))
      throw new TidemarkError('PARAMETER_INVALID', `--set ${name} is there twice: give it one value`);
    try {
      parameters[name]!.parse(value);
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      const message = `--set ${name}=${value}: expected ${error.message} (${parameters[name]!.doc})`;
      throw new TidemarkError('PARAMETER_INVALID', message);
    }
    given[name] = value;
  }
  return given;
}

function unknown(topology: string, parameters: Replayable['parameters'], wanted: string): TidemarkError {
  const names = Object.keys(parameters);
  if (names.length === 0)
    return new TidemarkError('PARAMETER_UNKNOWN', `${topology} has no parameters: leave out --set ${wanted}`);
  const message = `${topology} has no parameter "${wanted}"${closest(wanted, names)}\n${parameterLines(parameters).join('\n')}`;
  return new TidemarkError('PARAMETER_UNKNOWN', message);
}

/** A line for each parameter: name, what it is, default. */
export function parameterLines(parameters: Replayable['parameters']): string[] {
  const width = Math.max(0, ...Object.keys(parameters).map((name) => name.length));
  return Object.entries(parameters).map(([name, { doc, default: value }]) => {
    const shown = value.length > SHOWN_CHARACTERS ? `${value.slice(0, SHOWN_CHARACTERS)}…` : value;
    return `  ${name.padEnd(width)}  ${doc} (default: ${shown})`;
  });
}

const SHOWN_CHARACTERS = 40;
