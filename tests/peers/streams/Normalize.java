import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.time.Duration;
import java.util.Properties;
import java.util.concurrent.CountDownLatch;

import com.fasterxml.jackson.databind.ObjectMapper;
import org.apache.avro.Schema;
import org.apache.avro.generic.GenericDatumReader;
import org.apache.avro.generic.GenericRecord;
import org.apache.avro.io.DecoderFactory;
import org.apache.kafka.common.header.internals.RecordHeaders;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.processor.api.Processor;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.Record;

/**
 * What one would write on Kafka Streams to normalize webhooks: headers read, the body parsed by Jackson
 * (Carriers.java), words mapped by a table, an id of SHA-256, the DeliveryEvent in Avro (Event.java, written
 * field by field, which no generated class beats); exactly once, one thread. It does less than the
 * normalizer: personal texts pass as they are, no milestones and no proofs, none of the carrier's texts kept
 * beside, no time of a local clock, no limits, and a record that can't be read ends it, where ours is set aside.
 *
 * Arguments: brokers, topic in, topic out, state folder, records, schema. Prints a line for each tenth of the
 * records: how many, milliseconds, CPU milliseconds, KiB of memory of its own; ends after the last.
 */
public final class Normalize implements Processor<byte[], byte[], byte[], byte[]> {
    /** So many first events are read back by Avro. */
    private static final long CHECKED = 1_000;

    private final GenericDatumReader<GenericRecord> check;
    private final ObjectMapper json = new ObjectMapper();
    private final MessageDigest hash;
    private final Event.Writer writer = new Event.Writer();
    private final long wanted;
    private final CountDownLatch done;
    private ProcessorContext<byte[], byte[]> context;

    /** Of all partitions together: one thread has them all. */
    private static long seen;
    private static long began;
    private static long cpuAtBegin;

    private Normalize(Schema schema, long wanted, CountDownLatch done) {
        this.check = new GenericDatumReader<>(schema);
        this.wanted = wanted;
        this.done = done;
        try {
            this.hash = MessageDigest.getInstance("SHA-256");
        } catch (java.security.NoSuchAlgorithmException e) {
            throw new IllegalStateException(e);
        }
    }

    @Override
    public void init(ProcessorContext<byte[], byte[]> context) {
        this.context = context;
    }

    @Override
    public void process(Record<byte[], byte[]> record) {
        if (seen == 0) {
            began = System.nanoTime();
            cpuAtBegin = cpuMillis();
        }
        try {
            var headers = Headers.of(record.headers());
            var events = Carriers.events(headers, json.readTree(record.value()));
            for (Event event : events) {
                event.part = event.parts == 1 ? 1 : events.indexOf(event) + 1;
                event.eventId = id(event);
                byte[] value = writer.write(event);
                if (seen < CHECKED) {
                    check.read(null, DecoderFactory.get().binaryDecoder(value, 5, value.length - 5, null));
                }
                byte[] key = (event.headers.tenant() + '/' + event.headers.provider() + '/' + event.orderId)
                    .getBytes(StandardCharsets.UTF_8);
                RecordHeaders out = new RecordHeaders();
                if (headers.traceparent() != null) {
                    out.add("traceparent", headers.traceparent());
                }
                context.forward(new Record<>(key, value, record.timestamp(), out));
            }
        } catch (java.io.IOException e) {
            throw new IllegalStateException(e);
        }
        seen++;
        if (seen % (wanted / 10) == 0) {
            long ms = (System.nanoTime() - began) / 1_000_000;
            System.out.printf("%d %d %d %d%n", seen, ms, cpuMillis() - cpuAtBegin, memoryKib());
            System.out.flush();
        }
        if (seen == wanted) {
            context.commit();
            done.countDown();
        }
    }

    private String id(Event event) {
        add(event.headers.tenant());
        add(event.headers.provider());
        add(event.orderId);
        for (String field : event.dedupKey) {
            add(field);
        }
        add(event.unit);
        return java.util.HexFormat.of().formatHex(hash.digest(), 0, 16);
    }

    private void add(String field) {
        byte[] bytes = field.getBytes(StandardCharsets.UTF_8);
        hash.update((byte) (bytes.length >>> 24));
        hash.update((byte) (bytes.length >>> 16));
        hash.update((byte) (bytes.length >>> 8));
        hash.update((byte) bytes.length);
        hash.update(bytes);
    }

    private static long cpuMillis() {
        return ((com.sun.management.OperatingSystemMXBean)
            java.lang.management.ManagementFactory.getOperatingSystemMXBean()).getProcessCpuTime() / 1_000_000;
    }

    private static long memoryKib() {
        try {
            for (String line : Files.readAllLines(Path.of("/proc/self/status"))) {
                if (line.startsWith("RssAnon:")) {
                    return Long.parseLong(line.replaceAll("[^0-9]", ""));
                }
            }
        } catch (java.io.IOException e) {
            throw new IllegalStateException(e);
        }
        return 0;
    }

    public static void main(String[] args) throws Exception {
        Schema schema = new Schema.Parser().parse(Files.readString(Path.of(args[5])));
        long wanted = Long.parseLong(args[4]);
        CountDownLatch done = new CountDownLatch(1);
        Topology topology = new Topology();
        topology.addSource("in", Serdes.ByteArray().deserializer(), Serdes.ByteArray().deserializer(), args[1]);
        topology.addProcessor("normalize", () -> new Normalize(schema, wanted, done), "in");
        topology.addSink("out", args[2], Serdes.ByteArray().serializer(), Serdes.ByteArray().serializer(), "normalize");

        Properties settings = new Properties();
        settings.put(StreamsConfig.APPLICATION_ID_CONFIG, "b.normalize");
        settings.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, args[0]);
        settings.put(StreamsConfig.STATE_DIR_CONFIG, args[3]);
        settings.put(StreamsConfig.PROCESSING_GUARANTEE_CONFIG, StreamsConfig.EXACTLY_ONCE_V2);
        settings.put(StreamsConfig.NUM_STREAM_THREADS_CONFIG, 1);
        settings.put(StreamsConfig.REPLICATION_FACTOR_CONFIG, 1);
        settings.put(StreamsConfig.consumerPrefix("auto.offset.reset"), "earliest");
        settings.put(StreamsConfig.producerPrefix("compression.type"), "zstd");
        settings.put(StreamsConfig.producerPrefix("compression.zstd.level"), 1);
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
