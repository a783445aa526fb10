import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Properties;
import java.util.concurrent.CountDownLatch;

import org.apache.avro.Schema;
import org.apache.avro.SchemaBuilder;
import org.apache.avro.generic.GenericDatumReader;
import org.apache.avro.generic.GenericRecord;
import org.apache.avro.io.BinaryDecoder;
import org.apache.avro.io.DecoderFactory;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.utils.Bytes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsConfig;
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
 *
 * Arguments: brokers, topic in, topic out, state folder, records. Prints a line for each tenth of the
 * records: how many, milliseconds, CPU milliseconds, resident KiB; ends after the last.
 */
public final class Reorder implements Processor<Bytes, byte[], Bytes, byte[]> {
    private static final long HOLD_MICROS = 10_000_000L;
    private static final String STORE = "waiting";

    private final GenericDatumReader<GenericRecord> times;
    private final long wanted;
    private final CountDownLatch done;
    private ProcessorContext<Bytes, byte[]> context;
    private KeyValueStore<Bytes, byte[]> waiting;
    private BinaryDecoder decoder;
    private GenericRecord reused;
    private long newest = Long.MIN_VALUE;

    /** Of all partitions together: one thread has them all. */
    private static long seen;
    private static long began;
    private static long cpuAtBegin;

    private Reorder(Schema writer, long wanted, CountDownLatch done) {
        Schema time = SchemaBuilder.record("DeliveryEvent").namespace("waybill").fields()
            .requiredLong("occurred_at").endRecord();
        this.times = new GenericDatumReader<>(writer, time);
        this.wanted = wanted;
        this.done = done;
    }

    @Override
    public void init(ProcessorContext<Bytes, byte[]> context) {
        this.context = context;
        this.waiting = context.getStateStore(STORE);
        context.schedule(Duration.ofMillis(100), PunctuationType.WALL_CLOCK_TIME, now -> release());
    }

    @Override
    public void process(Record<Bytes, byte[]> record) {
        if (seen == 0) {
            began = System.nanoTime();
            cpuAtBegin = cpuMillis();
        }
        byte[] value = record.value();
        long at = time(value);
        newest = Math.max(newest, at);
        byte[] key = record.key().get();
        byte[] place = ByteBuffer.allocate(16).putLong(at).putLong(seen).array();
        byte[] entry = ByteBuffer.allocate(4 + key.length + value.length)
            .putInt(key.length).put(key).put(value).array();
        waiting.put(Bytes.wrap(place), entry);
        seen++;
        if (seen % (wanted / 10) == 0) {
            long ms = (System.nanoTime() - began) / 1_000_000;
            System.out.printf("%d %d %d %d%n", seen, ms, cpuMillis() - cpuAtBegin, residentKib());
            System.out.flush();
        }
        if (seen == wanted) {
            context.commit();
            done.countDown();
        }
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

    private static long cpuMillis() {
        return ((com.sun.management.OperatingSystemMXBean)
            java.lang.management.ManagementFactory.getOperatingSystemMXBean()).getProcessCpuTime() / 1_000_000;
    }

    private static long residentKib() {
        try {
            for (String line : Files.readAllLines(Path.of("/proc/self/status"))) {
                if (line.startsWith("VmRSS:")) {
                    return Long.parseLong(line.replaceAll("[^0-9]", ""));
                }
            }
        } catch (java.io.IOException e) {
            throw new IllegalStateException(e);
        }
        return 0;
    }

    public static void main(String[] args) throws Exception {
        Schema writer = new Schema.Parser().parse(Files.readString(Path.of(args[5])));
        long wanted = Long.parseLong(args[4]);
        CountDownLatch done = new CountDownLatch(1);
        Topology topology = new Topology();
        topology.addSource("in", Serdes.Bytes().deserializer(), Serdes.ByteArray().deserializer(), args[1]);
        topology.addProcessor("reorder", () -> new Reorder(writer, wanted, done), "in");
        topology.addStateStore(Stores.keyValueStoreBuilder(Stores.persistentKeyValueStore(STORE),
            Serdes.Bytes(), Serdes.ByteArray()), "reorder");
        topology.addSink("out", args[2], Serdes.Bytes().serializer(), Serdes.ByteArray().serializer(), "reorder");

        Properties settings = new Properties();
        settings.put(StreamsConfig.APPLICATION_ID_CONFIG, "b.streams");
        settings.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, args[0]);
        settings.put(StreamsConfig.STATE_DIR_CONFIG, args[3]);
        settings.put(StreamsConfig.PROCESSING_GUARANTEE_CONFIG, StreamsConfig.EXACTLY_ONCE_V2);
        settings.put(StreamsConfig.NUM_STREAM_THREADS_CONFIG, 1);
        settings.put(StreamsConfig.REPLICATION_FACTOR_CONFIG, 1);
        settings.put(StreamsConfig.consumerPrefix("auto.offset.reset"), "earliest");
        settings.put(StreamsConfig.producerPrefix("compression.type"), "zstd");
        KafkaStreams streams = new KafkaStreams(topology, settings);
        streams.setUncaughtExceptionHandler(e -> {
            e.printStackTrace();
            Runtime.getRuntime().halt(1);
            return null;
        });
        streams.start();
        done.await();
        streams.close(Duration.ofSeconds(20));
    }
}
