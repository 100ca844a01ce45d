package tidemark.bench;

/** One trade as it is read. Times are microseconds since 1970 UTC. */
record Trade(long eventTime, double price, double quantity) {}
