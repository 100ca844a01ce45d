package tidemark.bench;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import org.apache.avro.io.BinaryDecoder;
import org.apache.avro.io.BinaryEncoder;
import org.apache.avro.io.DecoderFactory;
import org.apache.avro.io.EncoderFactory;
import org.apache.kafka.common.errors.SerializationException;
import org.apache.kafka.common.serialization.Deserializer;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.serialization.Serializer;

/**
 * Avro in the Confluent wire format (byte 0, four bytes of schema id, body), field by field with encoders that are used
 * again: no generic records, no reflection, no client of a registry in the way. Stream threads share a serde: what is
 * used again is each thread's.
 */
final class Wire {
  private static final int PREFIX_BYTES = 5;

  private Wire() {}

  interface FieldReader<T> {
    T read(BinaryDecoder decoder) throws IOException;
  }

  interface FieldWriter<T> {
    void write(T value, BinaryEncoder encoder) throws IOException;
  }

  private static final class Buffer {
    final ByteArrayOutputStream bytes = new ByteArrayOutputStream(64);
    final BinaryEncoder encoder = EncoderFactory.get().directBinaryEncoder(bytes, null);
  }

  static final class Writing<T> implements Serializer<T> {
    private final int schemaId;
    private final FieldWriter<T> fields;
    private final ThreadLocal<Buffer> buffers = ThreadLocal.withInitial(Buffer::new);

    Writing(int schemaId, FieldWriter<T> fields) {
      this.schemaId = schemaId;
      this.fields = fields;
    }

    @Override
    public byte[] serialize(String topic, T value) {
      if (value == null) return null;
      Buffer buffer = buffers.get();
      ByteArrayOutputStream bytes = buffer.bytes;
      bytes.reset();
      bytes.write(0);
      bytes.write(schemaId >>> 24);
      bytes.write(schemaId >>> 16);
      bytes.write(schemaId >>> 8);
      bytes.write(schemaId);
      try {
        fields.write(value, buffer.encoder);
      } catch (IOException error) {
        throw new UncheckedIOException(error);
      }
      return bytes.toByteArray();
    }
  }

  static final class Reading<T> implements Deserializer<T> {
    private final int schemaId;
    private final FieldReader<T> fields;
    private final ThreadLocal<BinaryDecoder> decoders =
        ThreadLocal.withInitial(() -> DecoderFactory.get().binaryDecoder(new byte[0], null));

    Reading(int schemaId, FieldReader<T> fields) {
      this.schemaId = schemaId;
      this.fields = fields;
    }

    @Override
    public T deserialize(String topic, byte[] data) {
      if (data == null) return null;
      if (data.length < PREFIX_BYTES || data[0] != 0 || ByteBuffer.wrap(data).getInt(1) != schemaId)
        throw new SerializationException("not the wire format of schema " + schemaId);
      BinaryDecoder decoder = decoders.get();
      DecoderFactory.get().binaryDecoder(data, PREFIX_BYTES, data.length - PREFIX_BYTES, decoder);
      try {
        return fields.read(decoder);
      } catch (IOException error) {
        throw new SerializationException(error);
      }
    }
  }

  static Serde<Trade> trades(int schemaId) {
    return Serdes.serdeFrom(
        new Writing<>(schemaId, (trade, encoder) -> {
          encoder.writeLong(trade.eventTime());
          encoder.writeDouble(trade.price());
          encoder.writeDouble(trade.quantity());
        }),
        new Reading<>(schemaId, (decoder) ->
            new Trade(decoder.readLong(), decoder.readDouble(), decoder.readDouble())));
  }

  /** State, also in the changelog. Its schema id is never looked up: 0. */
  static Serde<Position> state() {
    return Serdes.serdeFrom(
        new Writing<>(0, (position, encoder) -> {
          encoder.writeLong(position.eventTime());
          encoder.writeDouble(position.quantity());
          encoder.writeDouble(position.cost());
          encoder.writeDouble(position.lastPrice());
        }),
        new Reading<>(0, (decoder) ->
            new Position(decoder.readLong(), decoder.readDouble(), decoder.readDouble(), decoder.readDouble())));
  }

  /** Output: event time, quantity, cost, P&amp;L. */
  static Serializer<Position> output(int schemaId) {
    return new Writing<>(schemaId, (position, encoder) -> {
      encoder.writeLong(position.eventTime());
      encoder.writeDouble(position.quantity());
      encoder.writeDouble(position.cost());
      encoder.writeDouble(position.pnl());
    });
  }
}
