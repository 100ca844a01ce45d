import java.io.BufferedReader;
import java.io.BufferedWriter;
import java.io.InputStreamReader;
import java.io.OutputStreamWriter;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.internals.RecordHeaders;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/**
 * Kafka's own client as a process that a test commands line by line, the reference for what a record batch is. Bytes are in hex,
 * "~" is null. Every command but "send" is answered with "ok" or "error ...".
 *
 *   open NAME COMPRESSION TRANSACTIONAL_ID    a producer; "~": no transactions
 *   send NAME TOPIC PARTITION TIMESTAMP KEY VALUE [HEADER_NAME:VALUE ...]
 *   begin|commit|abort|flush|close NAME
 *   read TOPIC PARTITIONS ISOLATION           every record as "record PARTITION OFFSET TIMESTAMP KEY VALUE [HEADER_NAME:VALUE ...]"
 */
public class KafkaPeer {
    private static final HexFormat HEX = HexFormat.of();
    private static final Duration LIMIT = Duration.ofSeconds(60);
    private final String brokers;
    private final PrintWriter out;
    private final Map<String, KafkaProducer<byte[], byte[]>> producers = new HashMap<>();
    /** The first failure of a send since the last flush or commit. */
    private volatile Exception failure;

    private KafkaPeer(String brokers, PrintWriter out) {
        this.brokers = brokers;
        this.out = out;
    }

    public static void main(String[] args) throws Exception {
        var in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        var out = new PrintWriter(new BufferedWriter(new OutputStreamWriter(System.out, StandardCharsets.UTF_8)));
        var peer = new KafkaPeer(args[0], out);
        for (String line = in.readLine(); line != null; line = in.readLine()) {
            String answer = peer.obey(line.split(" ", -1));
            if (answer != null) out.println(answer);
            if (!in.ready()) out.flush();
        }
        for (var producer : peer.producers.values()) producer.close(Duration.ZERO);
    }

    private String obey(String[] words) {
        try {
            switch (words[0]) {
                case "open" -> producers.put(words[1], open(words[2], words[3]));
                case "send" -> {
                    send(words);
                    return null;
                }
                case "begin" -> producers.get(words[1]).beginTransaction();
                case "commit" -> producers.get(words[1]).commitTransaction();
                case "abort" -> {
                    // Without a flush an abort may drop what was not sent yet, and nothing aborted would lie in the log.
                    producers.get(words[1]).flush();
                    producers.get(words[1]).abortTransaction();
                }
                case "flush" -> producers.get(words[1]).flush();
                case "close" -> producers.remove(words[1]).close();
                case "read" -> read(words[1], Integer.parseInt(words[2]), words[3]);
                default -> throw new IllegalArgumentException("unknown command " + words[0]);
            }
            Exception failed = failure;
            failure = null;
            return failed == null ? "ok" : "error " + failed;
        } catch (Exception e) {
            return "error " + e;
        }
    }

    private KafkaProducer<byte[], byte[]> open(String compression, String transactionalId) {
        var config = new Properties();
        config.put(ProducerConfig.BOOTSTRAP_SERVERS_CONFIG, brokers);
        config.put(ProducerConfig.COMPRESSION_TYPE_CONFIG, compression);
        config.put(ProducerConfig.LINGER_MS_CONFIG, 50);
        config.put(ProducerConfig.BATCH_SIZE_CONFIG, 100_000);
        if (!transactionalId.equals("~")) config.put(ProducerConfig.TRANSACTIONAL_ID_CONFIG, transactionalId);
        var producer = new KafkaProducer<>(config, new ByteArraySerializer(), new ByteArraySerializer());
        if (!transactionalId.equals("~")) producer.initTransactions();
        return producer;
    }

    private void send(String[] words) {
        var headers = new RecordHeaders();
        for (int index = 7; index < words.length; index++) {
            String[] header = words[index].split(":", -1);
            headers.add(new String(HEX.parseHex(header[0]), StandardCharsets.UTF_8), bytes(header[1]));
        }
        var record = new ProducerRecord<>(
            words[2], Integer.valueOf(words[3]), Long.valueOf(words[4]), bytes(words[5]), bytes(words[6]), headers);
        producers.get(words[1]).send(record, (metadata, e) -> {
            if (e != null && failure == null) failure = e;
        });
    }

    private void read(String topic, int partitions, String isolation) {
        var config = new Properties();
        config.put(ConsumerConfig.BOOTSTRAP_SERVERS_CONFIG, brokers);
        config.put(ConsumerConfig.ISOLATION_LEVEL_CONFIG, isolation);
        config.put(ConsumerConfig.CHECK_CRCS_CONFIG, true);
        List<TopicPartition> assigned = new ArrayList<>();
        for (int partition = 0; partition < partitions; partition++) assigned.add(new TopicPartition(topic, partition));
        try (var consumer = new KafkaConsumer<>(config, new ByteArrayDeserializer(), new ByteArrayDeserializer())) {
            consumer.assign(assigned);
            consumer.seekToBeginning(assigned);
            var ends = consumer.endOffsets(assigned);
            long deadline = System.nanoTime() + LIMIT.toNanos();
            while (assigned.stream().anyMatch(partition -> consumer.position(partition) < ends.get(partition))) {
                if (System.nanoTime() > deadline) throw new IllegalStateException(topic + " was not read to its end");
                for (var record : consumer.poll(Duration.ofMillis(100))) print(record);
            }
        }
    }

    private void print(ConsumerRecord<byte[], byte[]> record) {
        var line = new StringBuilder("record ").append(record.partition()).append(' ').append(record.offset());
        line.append(' ').append(record.timestamp()).append(' ').append(text(record.key())).append(' ').append(text(record.value()));
        for (Header header : record.headers())
            line.append(' ').append(text(header.key().getBytes(StandardCharsets.UTF_8))).append(':').append(text(header.value()));
        out.println(line);
    }

    private static byte[] bytes(String text) {
        return text.equals("~") ? null : HEX.parseHex(text);
    }

    private static String text(byte[] bytes) {
        return bytes == null ? "~" : HEX.formatHex(bytes);
    }
}
