/** Order books: what they are now, and each change. */
import type { Depth } from '#schemas/generated/types.ts';
import { CONFLATE, checkConflate, requireLoaded } from './arguments.ts';
import { topicType } from './topic-type.ts';
import { builder } from './types.ts';

const OrderBookType = topicType<Depth>('market.depth', 'OrderBook', {
  description:
    "An instrument's order book: best prices, spread, microprice, imbalance, depth and the best ten levels a side. Only a SOUND one has figures.",
  items: { depths: 'LevelDepth', bands: 'BandDepth', bids: 'BookBid', asks: 'BookAsk' },
});

builder.queryFields((t) => ({
  orderBook: t.field({
    type: OrderBookType,
    nullable: true,
    args: { instrument: t.arg.string({ required: true }) },
    description: 'The book of an instrument as it stands; null where there is none.',
    resolve: (_root, { instrument }, context) => {
      requireLoaded(context);
      return context.views.books.values(instrument).next().value ?? null;
    },
  }),
  orderBookInstruments: t.stringList({
    description: 'Instruments that have an order book, by id.',
    resolve: (_root, _args, context) => {
      requireLoaded(context);
      return context.views.books.groups().sort();
    },
  }),
}));

builder.subscriptionField('orderBook', (t) =>
  t.field({
    type: OrderBookType,
    description: 'The book of an instrument: as it stands, then each change.',
    args: {
      instrument: t.arg.string({ required: true }),
      conflateMs: t.arg.int({ defaultValue: 0, description: CONFLATE }),
    },
    subscribe: (_root, { instrument, conflateMs }, context) => {
      requireLoaded(context);
      return context.views.books.subscribe([instrument], checkConflate(conflateMs));
    },
    resolve: (value) => value,
  }),
);
