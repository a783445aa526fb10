import org.apache.camel.Exchange;
import org.apache.camel.builder.RouteBuilder;
import org.apache.camel.main.Main;

/**
 * What people use to get webhooks into Kafka: Apache Camel takes the body, hands it to Kafka's own
 * producer, and answers 200 once all in-sync replicas have it. It does far less than ingest: no
 * signature is looked at, nothing is known about who called, and with Kafka away nothing is safe.
 *
 * Arguments: address as HOST:PORT, brokers, topic.
 */
public final class Bridge extends RouteBuilder {
    private static final String CODEC = "lz4";

    private final String address;
    private final String brokers;
    private final String topic;

    private Bridge(String[] args) {
        address = args[0];
        brokers = args[1];
        topic = args[2];
    }

    @Override
    public void configure() {
        from("netty-http:http://" + address + "/?matchOnUriPrefix=true&muteException=true")
            .convertBodyTo(byte[].class)
            .removeHeaders("*")
            .to("kafka:" + topic + "?brokers=" + brokers + "&requestRequiredAcks=all&lingerMs=1"
                + "&compressionCodec=" + CODEC
                + "&valueSerializer=org.apache.kafka.common.serialization.ByteArraySerializer")
            .removeHeaders("*")
            // an empty body, or one with a form's content type, and the connection is closed
            .setHeader(Exchange.CONTENT_TYPE, constant("application/json"))
            .setBody(constant("{\"status\":\"ok\"}"));
    }

    public static void main(String[] args) throws Exception {
        Main main = new Main();
        main.configure().addRoutesBuilder(new Bridge(args));
        main.run();
    }
}
