import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Properties;
import java.util.concurrent.CountDownLatch;

import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.processor.api.ProcessorContext;

/**
 * A run of a peer: exactly once, one thread, writing with the compression that our producers use. Prints a line
 * for each tenth of the records: how many, milliseconds, CPU milliseconds, KiB of memory of its own; ends after
 * the last. All partitions are counted together: one thread has them all.
 *
 * Arguments: brokers, topic in, topic out, state folder, records, schema.
 */
final class Run {
    private final String[] args;
    private final long wanted;
    private final CountDownLatch done = new CountDownLatch(1);
    private long seen;
    private long began;
    private long cpuAtBegin;

    Run(String[] args) {
        this.args = args;
        this.wanted = Long.parseLong(args[4]);
    }

    String from() {
        return args[1];
    }

    String to() {
        return args[2];
    }

    Path schema() {
        return Path.of(args[5]);
    }

    /** Records whose work is done. */
    long seen() {
        return seen;
    }

    /** A record is about to be worked on. */
    void begins() {
        if (seen == 0) {
            began = System.nanoTime();
            cpuAtBegin = cpuMillis();
        }
    }

    /** Its work is done. */
    void ends(ProcessorContext<?, ?> context) {
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

    void through(Topology topology, String name) throws InterruptedException {
        Properties settings = new Properties();
        settings.put(StreamsConfig.APPLICATION_ID_CONFIG, name);
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
}
