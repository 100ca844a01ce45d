package tidemark.bench;

/**
 * What is kept per key, and what is written for it. The arithmetic is that of tests/bench/job.ts, operation by
 * operation.
 */
record Position(long eventTime, double quantity, double cost, double lastPrice) {
  static final Position EMPTY = new Position(0, 0, 0, 0);

  Position after(Trade trade) {
    return new Position(
        trade.eventTime(),
        quantity + trade.quantity(),
        cost + trade.quantity() * trade.price(),
        trade.price());
  }

  double pnl() {
    return quantity * lastPrice - cost;
  }
}
