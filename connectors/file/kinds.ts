import type { BookUpdate, CorporateAction, Types } from '#schemas/generated/types.ts';
import type { TopicName } from '#schemas/topics.ts';
import type { Row } from './row.ts';

/** Who a row's record says it comes from. */
export interface Origin {
  /** Id of the ingest. */
  readonly id: string;
  /** `file:<ingest id>`. */
  readonly source: string;
}
export interface Column {
  readonly name: string;
  /** False: the column may be missing from the file. */
  readonly required: boolean;
  readonly doc: string;
}

/** A kind of file: its columns, and what record a row becomes. */
interface KindOf<T extends TopicName, R extends Types[T] = Types[T]> {
  readonly topic: T;
  readonly columns: readonly Column[];
  /** The row's record; of use only when the row has no problems then. */
  readonly record: (row: Row, origin: Origin) => R;
  /** The Kafka key. */
  readonly key: (record: R) => string;
  /** What tells a record of this ingest from its others, the same whenever the file is read: row number or id. */
  readonly identity: (record: R, origin: Origin) => number | string;
  readonly isFrom: (record: R, origin: Origin) => boolean;
  /** True: the row takes back what was said under its key, with a record that has no value. Its identity is its key then. */
  readonly takesBack?: (record: R) => boolean;
}

const column = (name: string, doc: string, required = true): Column => ({ name, doc, required });
const TIME = column('time', 'ISO 8601 (without a zone: UTC), or s, ms, µs or ns since 1970, told by magnitude');
const INSTRUMENT = column('instrument', 'id, at most 100 characters, no "/"');
const PORTFOLIO = column('portfolio', 'id, at most 100 characters, no "/"');
const exact = (text: string) => `${text}, exact, at most 9 decimals`;

const trades: KindOf<'market.trades'> = {
  topic: 'market.trades',
  columns: [
    TIME,
    INSTRUMENT,
    column('price', 'per unit, greater than zero'),
    column('size', 'units traded, greater than zero; empty where unknown', false),
  ],
  record: (row, { source }) => ({
    eventTime: row.time('time'),
    instrument: row.id('instrument'),
    price: row.positiveNumber('price'),
    size: row.isEmpty('size') ? null : row.positiveNumber('size'),
    source,
    sequence: row.number,
  }),
  key: ({ instrument }) => instrument,
  identity: ({ sequence }) => sequence!,
  isFrom: (trade, { source }) => trade.source === source,
};

const fills: KindOf<'orders.fills'> = {
  topic: 'orders.fills',
  columns: [
    TIME,
    PORTFOLIO,
    INSTRUMENT,
    column('side', 'BUY or SELL'),
    column('quantity', exact('units, greater than zero')),
    column('price', exact('per unit, greater than zero')),
    column('commission', exact('paid; negative for a rebate')),
    column(
      'fillId',
      'id unique within the portfolio; empty: made from the ingest and the row number, <ingest id>:<row>',
      false,
    ),
    column(
      'action',
      'NEW (also where empty), or CORRECT or CANCEL of the fill with that fillId; time is then that of the decision',
      false,
    ),
  ],
  record: (row, { id, source }) => {
    const portfolio = row.id('portfolio');
    const action = row.isEmpty('action') ? 'NEW' : row.oneOf('action', ['NEW', 'CORRECT', 'CANCEL']);
    return {
      eventTime: row.time('time'),
      fillId: action === 'NEW' ? newFillId(row, portfolio, id) : row.recordId('fillId'),
      action,
      portfolio,
      instrument: row.id('instrument'),
      side: row.oneOf('side', ['BUY', 'SELL']),
      quantity: row.positiveDecimal('quantity'),
      price: row.positiveDecimal('price'),
      commission: row.decimal('commission'),
      orderId: null,
      venue: source,
    };
  },
  key: ({ portfolio }) => portfolio,
  identity: (fill, { id }) => {
    const { portfolio, fillId, action } = fill;
    if (action !== 'NEW') return amendmentIdentity(fill);
    return fillId.startsWith(`${id}:`) ? Number(fillId.slice(id.length + 1)) : `${portfolio}/${fillId}`;
  },
  isFrom: (fill, { source }) => fill.venue === source,
};

const newFillId = (row: Row, portfolio: string, ingest: string): string =>
  row.isEmpty('fillId') ? `${ingest}:${row.number}` : row.uniqueId('fillId', portfolio, ingest && `${ingest}:`);

/** All that an amendment says: several rows may amend one fill, and what says the same again changes nothing. */
const amendmentIdentity = ({
  eventTime,
  portfolio,
  fillId,
  action,
  instrument,
  side,
  ...amounts
}: Types['orders.fills']) =>
  JSON.stringify([
    eventTime,
    portfolio,
    fillId,
    action,
    instrument,
    side,
    ...[amounts.quantity, amounts.price, amounts.commission].map(String),
  ]);

const cash: KindOf<'portfolio.cash'> = {
  topic: 'portfolio.cash',
  columns: [
    TIME,
    PORTFOLIO,
    column('amount', exact('positive deposits, negative withdraws, not zero')),
    column('currency', "ISO 4217 code, e.g. EUR; empty: the portfolio's base currency", false),
  ],
  record: (row, { id, source }) => ({
    eventTime: row.time('time'),
    cashId: `${id}:${row.number}`,
    portfolio: row.id('portfolio'),
    amount: row.nonZeroDecimal('amount'),
    currency: row.isEmpty('currency') ? null : row.currency('currency'),
    source,
  }),
  key: ({ portfolio }) => portfolio,
  identity: ({ cashId }, { id }) => Number(cashId.slice(id.length + 1)),
  isFrom: (movement, { source }) => movement.source === source,
};

const actionKey = ({ instrument, actionId }: CorporateAction) => `${instrument}/${actionId}`;
const ACTION_TYPES = ['SPLIT', 'CASH_DIVIDEND'] as const;
interface ActionRow extends CorporateAction {
  readonly isTakenBack: boolean;
}

/** The action that a row says. */
function actionOf(row: Row, source: string): ActionRow {
  const instrument = row.id('instrument');
  const before = row.problems.length;
  const type = row.oneOf('type', ACTION_TYPES);
  const isType = (wanted: typeof type) => (row.problems.length === before ? type === wanted : null);
  const [isSplit, isDividend] = [isType('SPLIT'), isType('CASH_DIVIDEND')];
  const termOf = (name: string, isWanted: boolean | null) => {
    if (isWanted) return row.positiveDecimal(name);
    if (isWanted === false) row.mustBeEmpty(name, `must be empty: a ${type} has none`);
    return null;
  };
  const exTime = row.timeToCome('exTime');
  const isKnown = row.problems.length === before;
  const made = isKnown ? `${type}:${new Date(exTime / 1000).toISOString().slice(0, 10)}` : null;
  const isTakenBack = !row.isEmpty('action') && row.oneOf('action', ['SET', 'CANCEL']) === 'CANCEL';
  return {
    eventTime: announced(row, exTime, isTakenBack),
    actionId: row.ownId('actionId', instrument, made),
    instrument,
    type,
    exTime,
    newUnits: termOf('newUnits', isSplit),
    oldUnits: termOf('oldUnits', isSplit),
    amount: termOf('amount', isDividend),
    source,
    isTakenBack,
  };
}

function announced(row: Row, exTime: number, isTakenBack: boolean): number {
  if (!row.isEmpty('time')) return row.time('time');
  if (isTakenBack) row.report('time', '', 'is empty: say when the action was taken back');
  else if (exTime > row.nowMs * 1000)
    row.report('time', '', 'is empty, and exTime lies ahead of the clock: give the time of the announcement');
  return exTime;
}

const corporateActions: KindOf<'reference.corporate-actions', ActionRow> = {
  topic: 'reference.corporate-actions',
  columns: [
    INSTRUMENT,
    column('type', ACTION_TYPES.join(' or ')),
    column('exTime', 'from when trades are without it, a time as others, which may lie ahead; a date is its 00:00 UTC'),
    column('newUnits', exact('of a SPLIT: units after it, 2 of a 2-for-1'), false),
    column('oldUnits', exact('of a SPLIT: units before it that these stand for, 1 of a 2-for-1'), false),
    column('amount', exact('of a CASH_DIVIDEND: gross, per unit, in the currency of the price'), false),
    column(
      'actionId',
      'id unique within the instrument, no "/"; empty: made from type and ex date, such as SPLIT:2020-08-31',
      false,
    ),
    column('time', 'when it was announced or corrected; empty: at exTime, which must not lie ahead then', false),
    column(
      'action',
      'SET (also where empty): as the row says from now on, whatever was said of that actionId; CANCEL: taken back, time says when',
      false,
    ),
  ],
  record: (row, { source }) => actionOf(row, source),
  key: actionKey,
  identity: actionKey,
  isFrom: (action, { source }) => action.source === source,
  takesBack: ({ isTakenBack }) => isTakenBack,
};

const bookKey = ({ instrument, kind, epoch, sequence }: BookUpdate) => `${instrument}/${kind}/${epoch}/${sequence}`;

const book: KindOf<'market.book'> = {
  topic: 'market.book',
  columns: [
    TIME,
    INSTRUMENT,
    column('kind', 'SNAPSHOT (the whole book) or DELTA (what changed)'),
    column(
      'sequence',
      'number of the update, or the last one that it covers; rising by one unless the next two say otherwise',
    ),
    column('bids', 'price:size of levels, a space between them, e.g. 99.5:3 99:0; size 0 removes a level'),
    column('asks', 'the same of the asks'),
    column('firstSequence', 'first number that the update covers; empty: its sequence alone', false),
    column('previousSequence', 'number of the update before, where some are left out', false),
    column('epoch', 'higher when the numbering begins anew; empty: 0', false),
    column('depth', 'of a SNAPSHOT: levels a side that the venue keeps up; empty: all', false),
  ],
  record: (row, { source }) => {
    const optional = (name: string) => (row.isEmpty(name) ? null : row.count(name));
    const instrument = row.id('instrument');
    const update: BookUpdate = {
      eventTime: row.time('time'),
      instrument,
      kind: row.oneOf('kind', ['SNAPSHOT', 'DELTA']),
      source,
      epoch: optional('epoch') ?? 0,
      firstSequence: optional('firstSequence'),
      sequence: row.count('sequence'),
      previousSequence: optional('previousSequence'),
      depth: optional('depth'),
      levels: [
        ...row.levels('bids').map((level) => ({ side: 'BID' as const, ...level })),
        ...row.levels('asks').map((level) => ({ side: 'ASK' as const, ...level })),
      ],
    };
    row.uniqueId('sequence', `${instrument}/${update.kind}/${update.epoch}`, '');
    return update;
  },
  key: ({ instrument }) => instrument,
  identity: bookKey,
  isFrom: (update, { source }) => update.source === source,
};

export const FILE_KINDS = { trades, fills, cash, 'corporate-actions': corporateActions, book };
export type FileKindName = keyof typeof FILE_KINDS;
/** The record types that files carry. */
export type FileRecord = Types[(typeof FILE_KINDS)[FileKindName]['topic']];
/** Any kind; its record goes only where the kind itself made it. */
export interface FileKind {
  readonly topic: TopicName;
  readonly columns: readonly Column[];
  readonly record: (row: Row, origin: Origin) => FileRecord;
  readonly key: (record: FileRecord) => string;
  readonly identity: (record: FileRecord, origin: Origin) => number | string;
  readonly isFrom: (record: FileRecord, origin: Origin) => boolean;
  readonly takesBack?: (record: FileRecord) => boolean;
}
export const fileKind = (name: FileKindName): FileKind => FILE_KINDS[name] as unknown as FileKind;
