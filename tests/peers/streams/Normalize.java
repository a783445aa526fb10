import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.security.MessageDigest;

import com.fasterxml.jackson.databind.ObjectMapper;
import org.apache.avro.Schema;
import org.apache.avro.generic.GenericDatumReader;
import org.apache.avro.generic.GenericRecord;
import org.apache.avro.io.DecoderFactory;
import org.apache.kafka.common.header.internals.RecordHeaders;
import org.apache.kafka.common.serialization.Serdes;
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
 */
public final class Normalize implements Processor<byte[], byte[], byte[], byte[]> {
    /** So many first events are read back by Avro. */
    private static final long CHECKED = 1_000;

    private final GenericDatumReader<GenericRecord> check;
    private final ObjectMapper json = new ObjectMapper();
    private final MessageDigest hash;
    private final Event.Writer writer = new Event.Writer();
    private final Run run;
    private ProcessorContext<byte[], byte[]> context;

    private Normalize(Schema schema, Run run) {
        this.check = new GenericDatumReader<>(schema);
        this.run = run;
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
        run.begins();
        try {
            var headers = Headers.of(record.headers());
            var events = Carriers.events(headers, json.readTree(record.value()));
            for (Event event : events) {
                event.part = event.parts == 1 ? 1 : events.indexOf(event) + 1;
                event.eventId = id(event);
                byte[] value = writer.write(event);
                if (run.seen() < CHECKED) {
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
        run.ends(context);
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

    public static void main(String[] args) throws Exception {
        Run run = new Run(args);
        Schema schema = new Schema.Parser().parse(Files.readString(run.schema()));
        Topology topology = new Topology();
        topology.addSource("in", Serdes.ByteArray().deserializer(), Serdes.ByteArray().deserializer(), run.from());
        topology.addProcessor("normalize", () -> new Normalize(schema, run), "in");
        topology.addSink("out", run.to(), Serdes.ByteArray().serializer(), Serdes.ByteArray().serializer(), "normalize");

        run.through(topology, "b.normalize");
    }
}
