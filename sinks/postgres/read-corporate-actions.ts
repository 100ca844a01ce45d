/** Splits and dividends, and what they make of closes. */
import type { CorporateAction } from '#schemas/generated/types.ts';
import { fieldsOf, type Queries } from './query.ts';

/** Exact amounts as decimal text. */
export type CorporateActionRow = Omit<CorporateAction, 'newUnits' | 'oldUnits' | 'amount'> &
  Readonly<Record<'newUnits' | 'oldUnits' | 'amount', string | null>>;
/** Last price of a UTC day. */
export interface DailyClose {
  readonly date: string;
  readonly close: number;
}
/** Units after a split for one before it. */
export interface SplitRow {
  readonly instrument: string;
  /** Microseconds UTC. */
  readonly exTime: number;
  readonly ratio: number;
}

export interface CorporateActionStore {
  /** As they were said last, of one instrument or of all (null); the newest ex time first. */
  corporateActions(instrument: string | null, limit: number): Promise<CorporateActionRow[]>;
  /** Splits of what a portfolio has ever held, the earliest ex time first. */
  splits(portfolioId: string): Promise<SplitRow[]>;
  /**
   * Final daily closes of an instrument from a day on (null: all), oldest first, in terms of the newest: earlier ones are adjusted for splits and
   * dividends after them, so that the quotient of two is one plus the total return, as in market.returns.
   */
  dailyCloses(instrument: string, from: string | null): Promise<DailyClose[]>;
}

/** An action by the UTC day from which closes are without it. */
export interface DatedAction {
  readonly date: string;
  /** Units after for one before; 1 of a dividend. */
  readonly ratio: number;
  /** Per unit; 0 of a split. */
  readonly amount: number;
}

/**
 * Closes by rising day in terms of the last: before a day with actions (by ex time, then id) they are multiplied by close ÷ (close × units +
 * dividends), with what one unit of the close before has become. Without actions they are as they came, to the bit.
 */
export function adjustedCloses(closes: readonly DailyClose[], actions: readonly DatedAction[]): DailyClose[] {
  const adjusted = [...closes];
  let factor = 1;
  let left = actions.length;
  for (let index = closes.length - 1; index > 0; index--) {
    const [before, after] = [closes[index - 1]!, closes[index]!];
    while (left > 0 && actions[left - 1]!.date > after.date) left--;
    const end = left;
    while (left > 0 && actions[left - 1]!.date > before.date) left--;
    let [units, dividends] = [1, 0];
    for (const { ratio, amount } of actions.slice(left, end)) {
      dividends += units * amount;
      units *= ratio;
    }
    if (end > left) factor *= after.close / (after.close * units + dividends);
    adjusted[index - 1] = { date: before.date, close: before.close * factor };
  }
  return adjusted;
}

const ACTIONS_SQL = `
  select ${fieldsOf('reference.corporate-actions')} from corporate_actions
  where $1::text is null or instrument = $1
  order by ex_time desc, instrument, action_id limit $2`;

const SPLITS_SQL = `
  select instrument, (extract(epoch from ex_time) * 1000000)::bigint as "exTime",
    (new_units / old_units)::float8 as ratio
  from corporate_actions join positions using (instrument)
  where portfolio = $1 and type = 'SPLIT'
  order by ex_time, instrument, action_id`;

const CLOSES_SQL = `
  select to_char(start_time at time zone 'UTC', 'YYYY-MM-DD') as date, close
  from market_bars where instrument = $1 and interval = 'DAY' and start_time >= coalesce($2::timestamptz, '-infinity')
  order by start_time`;

const DATED_SQL = `
  select to_char(ex_time at time zone 'UTC', 'YYYY-MM-DD') as date,
    coalesce((new_units / old_units)::float8, 1) as ratio, coalesce(amount::float8, 0) as amount
  from corporate_actions where instrument = $1
  order by ex_time, action_id collate "C"`;

export const corporateActionQueries = ({ rows }: Pick<Queries, 'rows'>): CorporateActionStore => ({
  corporateActions: (instrument, limit) => rows<CorporateActionRow>(ACTIONS_SQL, [instrument, limit]),
  splits: (portfolioId) => rows<SplitRow>(SPLITS_SQL, [portfolioId]),
  dailyCloses: async (instrument, from) => {
    const closes = await rows<DailyClose>(CLOSES_SQL, [instrument, from === null ? null : `${from}T00:00:00Z`]);
    return adjustedCloses(closes, await rows<DatedAction>(DATED_SQL, [instrument]));
  },
});
