package tidemark.bench;

import java.time.Duration;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.utils.Bytes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.errors.StreamsUncaughtExceptionHandler.StreamThreadExceptionResponse;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.Grouped;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.kstream.Produced;
import org.apache.kafka.streams.processor.api.Processor;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.Record;
import org.apache.kafka.streams.state.BuiltInDslStoreSuppliers;
import org.apache.kafka.streams.state.KeyValueStore;
import org.apache.kafka.streams.state.Stores;

/**
 * Position and P&amp;L per key on Kafka Streams, exactly once. Arguments are name=value: brokers, application, input,
 * output, inputSchema, outputSchema, threads, commitIntervalMs, cacheBytes (0: one output per input), batchBytes (of
 * the producer), stateDir. Says on standard output when the first record comes; runs until it is told to end.
 */
public final class PositionsJob {
  private static final AtomicBoolean SAID = new AtomicBoolean();
  /** Read for every record: no fence is wanted there. */
  private static boolean begun;

  public static void main(String[] args) {
    Map<String, String> options =
        Stream.of(args).map(arg -> arg.split("=", 2)).collect(Collectors.toMap(pair -> pair[0], pair -> pair[1]));
    long cacheBytes = Long.parseLong(options.get("cacheBytes"));
    KafkaStreams streams =
        new KafkaStreams(cacheBytes == 0 ? onePerInput(options) : conflated(options), properties(options));
    streams.setUncaughtExceptionHandler(error -> {
      error.printStackTrace();
      return StreamThreadExceptionResponse.SHUTDOWN_CLIENT;
    });
    Runtime.getRuntime().addShutdownHook(new Thread(() -> streams.close(Duration.ofSeconds(20))));
    streams.setStateListener((now, before) -> {
      if (now == KafkaStreams.State.ERROR) new Thread(() -> System.exit(1)).start();
    });
    streams.start();
  }

  private static Properties properties(Map<String, String> options) {
    Properties properties = new Properties();
    properties.put(StreamsConfig.APPLICATION_ID_CONFIG, options.get("application"));
    properties.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, options.get("brokers"));
    properties.put(StreamsConfig.PROCESSING_GUARANTEE_CONFIG, StreamsConfig.EXACTLY_ONCE_V2);
    properties.put(StreamsConfig.NUM_STREAM_THREADS_CONFIG, options.get("threads"));
    properties.put(StreamsConfig.COMMIT_INTERVAL_MS_CONFIG, options.get("commitIntervalMs"));
    properties.put(StreamsConfig.STATESTORE_CACHE_MAX_BYTES_CONFIG, options.get("cacheBytes"));
    properties.put(StreamsConfig.STATE_DIR_CONFIG, options.get("stateDir"));
    properties.put(StreamsConfig.REPLICATION_FACTOR_CONFIG, "1");
    properties.put(StreamsConfig.consumerPrefix("auto.offset.reset"), "earliest");
    properties.put(StreamsConfig.producerPrefix("batch.size"), options.get("batchBytes"));
    return properties;
  }

  private static void began() {
    if (begun) return;
    begun = true;
    if (SAID.compareAndSet(false, true))
      System.out.println("{\"firstMs\":" + System.currentTimeMillis() + "}");
  }

  /** By the Processor API, which costs least. */
  private static Topology onePerInput(Map<String, String> options) {
    Topology topology = new Topology();
    Serde<Trade> trades = Wire.trades(Integer.parseInt(options.get("inputSchema")));
    topology.addSource("trades", Serdes.String().deserializer(), trades.deserializer(), options.get("input"));
    topology.addProcessor("positions", PositionProcessor::new, "trades");
    topology.addStateStore(
        Stores.keyValueStoreBuilder(Stores.inMemoryKeyValueStore("state"), Serdes.String(), Wire.state())
            .withCachingDisabled(),
        "positions");
    int outputSchema = Integer.parseInt(options.get("outputSchema"));
    topology.addSink(
        "output", options.get("output"), Serdes.String().serializer(), Wire.output(outputSchema), "positions");
    return topology;
  }

  private static final class PositionProcessor implements Processor<String, Trade, String, Position> {
    private ProcessorContext<String, Position> context;
    private KeyValueStore<String, Position> state;

    @Override
    public void init(ProcessorContext<String, Position> context) {
      this.context = context;
      this.state = context.getStateStore("state");
    }

    @Override
    public void process(Record<String, Trade> record) {
      began();
      Position old = state.get(record.key());
      Position now = (old == null ? Position.EMPTY : old).after(record.value());
      state.put(record.key(), now);
      context.forward(record.withValue(now));
    }
  }

  /**
   * By the DSL: only there does the record cache hold back what is forwarded, and gives the newest per key at a commit.
   */
  private static Topology conflated(Map<String, String> options) {
    StreamsBuilder builder = new StreamsBuilder();
    Serde<Trade> trades = Wire.trades(Integer.parseInt(options.get("inputSchema")));
    int outputSchema = Integer.parseInt(options.get("outputSchema"));
    Serde<Position> output = Serdes.serdeFrom(Wire.output(outputSchema), Wire.state().deserializer());
    builder.stream(options.get("input"), Consumed.with(Serdes.String(), trades))
        .groupByKey(Grouped.with(Serdes.String(), trades))
        .aggregate(
            () -> Position.EMPTY,
            (key, trade, position) -> {
              began();
              return position.after(trade);
            },
            Materialized.<String, Position, KeyValueStore<Bytes, byte[]>>as("state")
                .withStoreType(BuiltInDslStoreSuppliers.IN_MEMORY)
                .withKeySerde(Serdes.String())
                .withValueSerde(Wire.state())
                .withCachingEnabled())
        .toStream()
        .to(options.get("output"), Produced.with(Serdes.String(), output));
    return builder.build();
  }
}
