import type { PortfolioPnl } from '#schemas/generated/types.ts';
import type { AvroSchema } from '#streams/kit/avro.ts';

/** A portfolio's currencies, as its newest P&L has them (schemas/fx.ts). */
export interface Currencies {
  readonly baseCurrency: string;
  /** Of the currencies that it has anything in, the base currency left out; by code. */
  readonly others: readonly OtherCurrency[];
}
export interface OtherCurrency {
  readonly currency: string;
  /** Units of the base currency for one of this one; null: not known. */
  readonly rate: number | null;
  readonly hasCash: boolean;
}

export const CURRENCIES_SCHEMA: AvroSchema = {
  type: 'record',
  name: 'Currencies',
  namespace: 'tidemark.risk',
  doc: 'Base currency and rates of a portfolio; key portfolio.',
  fields: [
    { name: 'baseCurrency', type: 'string' },
    {
      name: 'others',
      type: {
        type: 'array',
        items: {
          type: 'record',
          name: 'OtherCurrency',
          fields: [
            { name: 'currency', type: 'string' },
            { name: 'rate', type: ['null', 'double'] },
            { name: 'hasCash', type: 'boolean' },
          ],
        },
      },
    },
  ],
};

/** The currencies of a P&L; the ones before where they are the same. */
export function currenciesOf({ baseCurrency, currencies }: PortfolioPnl, before: Currencies): Currencies {
  if (currencies.length === 0 && before.others.length === 0 && baseCurrency === before.baseCurrency) return before;
  const others = currencies
    .filter(({ currency }) => currency !== baseCurrency)
    .map(({ currency, rate, cash }) => ({ currency, rate, hasCash: cash !== 0n }));
  const isSame =
    baseCurrency === before.baseCurrency &&
    others.length === before.others.length &&
    others.every((other, index) => {
      const { currency, rate, hasCash } = before.others[index]!;
      return other.currency === currency && other.rate === rate && other.hasCash === hasCash;
    });
  return isSame ? before : { baseCurrency, others };
}

/** Units of the base currency for one of a currency; NaN where it is not known. */
export function rateOf({ baseCurrency, others }: Currencies, currency: string): number {
  if (currency === baseCurrency) return 1;
  return others.find((other) => other.currency === currency)?.rate ?? Number.NaN;
}
