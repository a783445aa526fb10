import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.time.Duration;

import org.apache.avro.Schema;
import org.apache.avro.SchemaBuilder;
import org.apache.avro.generic.GenericDatumReader;
import org.apache.avro.generic.GenericRecord;
import org.apache.avro.io.BinaryDecoder;
import org.apache.avro.io.DecoderFactory;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.utils.Bytes;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.processor.PunctuationType;
import org.apache.kafka.streams.processor.api.Processor;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.Record;
import org.apache.kafka.streams.state.KeyValueIterator;
import org.apache.kafka.streams.state.KeyValueStore;
import org.apache.kafka.streams.state.Stores;

/**
 * What one would write on Kafka Streams to get an order's events back into order: each event waits in
 * a RocksDB store, sorted by its own time, until the newest time seen lies HOLD behind it; exactly once,
 * one thread. It does far less than the enricher: no duplicates, no status, no snapshots, no chains, and a
 * late event just leaves. Of an event's Avro it reads the time alone.
 */
public final class Reorder implements Processor<Bytes, byte[], Bytes, byte[]> {
    private static final long HOLD_MICROS = 10_000_000L;
    private static final String STORE = "waiting";

    private final GenericDatumReader<GenericRecord> times;
    private final Run run;
    private ProcessorContext<Bytes, byte[]> context;
    private KeyValueStore<Bytes, byte[]> waiting;
    private BinaryDecoder decoder;
    private GenericRecord reused;
    private long newest = Long.MIN_VALUE;

    private Reorder(Schema writer, Run run) {
        Schema time = SchemaBuilder.record("DeliveryEvent").namespace("waybill").fields()
            .requiredLong("occurred_at").endRecord();
        this.times = new GenericDatumReader<>(writer, time);
        this.run = run;
    }

    @Override
    public void init(ProcessorContext<Bytes, byte[]> context) {
        this.context = context;
        this.waiting = context.getStateStore(STORE);
        context.schedule(Duration.ofMillis(100), PunctuationType.WALL_CLOCK_TIME, now -> release());
    }

    @Override
    public void process(Record<Bytes, byte[]> record) {
        run.begins();
        byte[] value = record.value();
        long at = time(value);
        newest = Math.max(newest, at);
        byte[] key = record.key().get();
        byte[] place = ByteBuffer.allocate(16).putLong(at).putLong(run.seen()).array();
        byte[] entry = ByteBuffer.allocate(4 + key.length + value.length)
            .putInt(key.length).put(key).put(value).array();
        waiting.put(Bytes.wrap(place), entry);
        run.ends(context);
    }

    private long time(byte[] value) {
        try {
            decoder = DecoderFactory.get().binaryDecoder(value, 5, value.length - 5, decoder);
            reused = times.read(reused, decoder);
            return (Long) reused.get(0);
        } catch (java.io.IOException e) {
            throw new IllegalStateException(e);
        }
    }

    private void release() {
        if (newest == Long.MIN_VALUE) {
            return;
        }
        Bytes from = Bytes.wrap(new byte[16]);
        byte[] until = ByteBuffer.allocate(16).putLong(newest - HOLD_MICROS).putLong(0).array();
        try (KeyValueIterator<Bytes, byte[]> due = waiting.range(from, Bytes.wrap(until))) {
            while (due.hasNext()) {
                var next = due.next();
                ByteBuffer entry = ByteBuffer.wrap(next.value);
                byte[] key = new byte[entry.getInt()];
                entry.get(key);
                byte[] value = new byte[entry.remaining()];
                entry.get(value);
                context.forward(new Record<>(Bytes.wrap(key), value, context.currentStreamTimeMs()));
                waiting.delete(next.key);
            }
        }
    }

    public static void main(String[] args) throws Exception {
        Run run = new Run(args);
        Schema writer = new Schema.Parser().parse(Files.readString(run.schema()));
        Topology topology = new Topology();
        topology.addSource("in", Serdes.Bytes().deserializer(), Serdes.ByteArray().deserializer(), run.from());
        topology.addProcessor("reorder", () -> new Reorder(writer, run), "in");
        topology.addStateStore(Stores.keyValueStoreBuilder(Stores.persistentKeyValueStore(STORE),
            Serdes.Bytes(), Serdes.ByteArray()), "reorder");
        topology.addSink("out", run.to(), Serdes.Bytes().serializer(), Serdes.ByteArray().serializer(), "reorder");

        run.through(topology, "b.streams");
    }
}
