import { FIELDS } from '#quant/indicators/bars.ts';
import { INDICATORS } from '#quant/indicators/table.ts';
import type { Group, IndicatorDefinition, Parameter } from '#quant/indicators/types.ts';

const GROUPS: Readonly<Record<Group, string>> = {
  overlap: 'Overlap',
  momentum: 'Momentum',
  volume: 'Volume',
  volatility: 'Volatility',
  'price-transform': 'Price transform',
  cycle: 'Cycle',
  statistic: 'Statistics',
  math: 'Mathematics',
  pattern: 'Candle patterns',
};

const HEAD = `# Indicators

Made from the table in \`quant/indicators/table.ts\`, which the stream, GraphQL and the page's picker go by too.

All of them equal TA-Lib 0.8.2 from the first bar that it defines, within 1e-9 of the value (\`tests/golden/indicators_reference.py\`): on the
NASDAQ's days of 1999–2018, after a million bars, and candle patterns on 200,000 candles of every shape. An update takes constant time whatever
the period, but for CCI and AVGDEV, whose mean deviation has no running form. Sums carry what they round off, so that they do not drift.

**How to ask for one**: \`RSI(14)\`, parameters in the order below and those left out at their defaults; of another series than closes, where it is
calculated of one, \`EMA(20;high)\` (${FIELDS.join(', ')}). \`TIDEMARK_INDICATORS\` lists, separated by spaces, what \`market.indicators\` has of every bar;
GraphQL's \`indicatorHistory\` and the page calculate any of them over the bars that are kept.

**Of which bars**: as they were traded, so a split shows. The bar that lasts is taken as if it ended now; a late trade changes the bars since. A bar
without volume begins the indicators that need it anew. Moving average types (\`matype\`): 0 SMA, 1 EMA, 2 WMA, 3 DEMA, 4 TEMA, 5 TRIMA, 6 KAMA, 8 T3.
Patterns give 0 where there is none, above zero where they are bullish, below where they are bearish. Lookback: bars before the first value, with the
defaults.
`;

const number = (value: number): string =>
  Math.abs(value) >= 1e30 ? (value < 0 ? '-∞' : '∞') : value.toLocaleString('en-US');
const shown = ({ name, default: value, min, max }: Parameter) =>
  `${name} ${number(value)} (${number(min)}–${number(max)})`;

function row(definition: IndicatorDefinition): string {
  const { name, title, parameters, outputs, lookback } = definition;
  const inputs = 'bars' in definition ? definition.inputs.join(', ') : 'one series';
  const first = lookback(parameters.map((parameter) => parameter.default));
  return `| ${name} | ${title} | ${inputs} | ${parameters.map(shown).join('; ')} | ${outputs.join(', ')} | ${first} |`;
}

/** docs/indicators.md as the table wants it. */
export function indicatorsDocument(): string {
  const groups = Object.entries(GROUPS).map(([group, title]) => {
    const rows = INDICATORS.filter((definition) => definition.group === group).map(row);
    const head = '| name | what | of | parameters: default (range) | outputs | lookback |\n|---|---|---|---|---|---|';
    return `\n## ${title}\n\n${head}\n${rows.join('\n')}\n`;
  });
  return `${HEAD}${groups.join('')}`;
}
