/** Order books as they stand. */
import type { Depth } from '#schemas/generated/types.ts';
import { fieldsOf, type Queries } from './query.ts';

export interface OrderBookStore {
  /** The newest of every instrument, by instrument. */
  orderBooks(): Promise<Depth[]>;
}

const ORDER_BOOKS_SQL = `select ${fieldsOf('market.depth')} from order_books order by instrument`;

export const orderBookQueries = ({ rows }: Pick<Queries, 'rows'>): OrderBookStore => ({
  orderBooks: () => rows<Depth>(ORDER_BOOKS_SQL),
});
