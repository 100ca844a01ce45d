import { IndicatorSet } from '#quant/indicators/set.ts';
import { type IndicatorSpec, parseIndicator } from '#quant/indicators/spec.ts';
import { AVRO } from '#schemas/avro.ts';
import type { Bar } from '#schemas/generated/types.ts';
import { SETTINGS } from '#schemas/settings.ts';
import { TOPICS } from '#schemas/topics.ts';
import { describeError, TidemarkError } from '#streams/kit/errors.ts';
import type { TopologyDefinition } from '#streams/topology/types.ts';
import { KEPT_STATE_SCHEMA } from '../kit/journal.ts';
import { Calculator } from './calculator.ts';
import { KEPT_BAR_SCHEMA } from './stored.ts';

const BARS = TOPICS['market.bars'].name;
const INDICATORS = TOPICS['market.indicators'].name;
const INTERVALS: readonly Bar['interval'][] = ['SECOND', 'MINUTE', 'HOUR', 'DAY'];
/** A state must fit into a record, whatever else is in it. */
const MAX_STATE_BYTES = 512 * 1024;

export interface IndicatorSettings {
  /** As TIDEMARK_INDICATORS. */
  readonly indicators?: string;
  /** As TIDEMARK_INDICATOR_INTERVALS. */
  readonly intervals?: readonly string[];
}

/**
 * Indicators of every instrument's bars (calculator.ts). CONFIG_INVALID where one of them is unknown, with all that is wrong; where they remember
 * more than fits into a record; where there is no such length of bars.
 */
export const indicators = ({
  indicators: texts = SETTINGS.TIDEMARK_INDICATORS.default,
  intervals = [SETTINGS.TIDEMARK_INDICATOR_INTERVALS.default],
}: IndicatorSettings = {}): TopologyDefinition => {
  const options = { specs: parseSpecs(texts), intervals: parseIntervals(intervals) };
  return {
    name: 'indicators',
    version: 1,
    sources: { bars: { topic: BARS, value: AVRO[BARS], onPoison: 'DEAD_LETTER' } },
    processors: {
      calculate: {
        inputs: ['bars'],
        stores: ['kept-bars', 'kept-states'],
        create: (context) => new Calculator(context, BARS, options),
      },
    },
    stores: { 'kept-bars': { value: KEPT_BAR_SCHEMA }, 'kept-states': { value: KEPT_STATE_SCHEMA } },
    sinks: { 'to-indicators': { inputs: ['calculate'], topic: INDICATORS, value: AVRO[INDICATORS] } },
  };
};

function parseSpecs(texts: string): readonly IndicatorSpec[] {
  const specs: IndicatorSpec[] = [];
  const problems: string[] = [];
  for (const text of texts.trim().split(/\s+/).filter(Boolean)) {
    try {
      specs.push(parseIndicator(text));
    } catch (error) {
      problems.push(describeError(error));
    }
  }
  const seen = new Set<string>();
  for (const { text } of specs) {
    if (seen.has(text)) problems.push(`Indicator "${text}" is there twice`);
    seen.add(text);
  }
  if (specs.length === 0 && problems.length === 0) problems.push('There is no indicator in it');
  if (problems.length > 0)
    throw new TidemarkError('CONFIG_INVALID', `TIDEMARK_INDICATORS:\n  ${problems.join('\n  ')}`);
  const bytes = new IndicatorSet(specs).snapshot().byteLength;
  if (bytes > MAX_STATE_BYTES) {
    const reason = `they remember ${bytes} bytes of each instrument, at most ${MAX_STATE_BYTES} fit; take fewer or shorter ones`;
    throw new TidemarkError('CONFIG_INVALID', `TIDEMARK_INDICATORS: ${reason}`);
  }
  return specs;
}

function parseIntervals(names: readonly string[]): readonly Bar['interval'][] {
  return names.map((name) => {
    const known = INTERVALS.find((interval) => interval === name.toUpperCase());
    if (known) return known;
    const reason = `there are no bars of "${name}", only ${INTERVALS.join(', ')}`;
    throw new TidemarkError('CONFIG_INVALID', `TIDEMARK_INDICATOR_INTERVALS: ${reason}`);
  });
}
