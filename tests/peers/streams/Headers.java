import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.time.temporal.ChronoUnit;

import org.apache.kafka.common.header.Header;

/** Of a raw record, those that an event needs. */
record Headers(String receipt, String tenant, String provider, String endpoint, long receivedAt, String verdict,
               String assurance, String currency, byte[] traceparent) {
    static Headers of(org.apache.kafka.common.header.Headers headers) {
        String receipt = null;
        String tenant = null;
        String provider = null;
        String endpoint = null;
        String received = null;
        String verdict = null;
        String assurance = null;
        String currency = null;
        byte[] traceparent = null;
        for (Header header : headers) {
            switch (header.key()) {
                case "receipt-id" -> receipt = text(header);
                case "tenant" -> tenant = text(header);
                case "provider" -> provider = text(header);
                case "endpoint" -> endpoint = text(header);
                case "received-at" -> received = text(header);
                case "verdict" -> verdict = text(header);
                case "assurance" -> assurance = text(header);
                case "currency" -> currency = text(header);
                case "traceparent" -> traceparent = header.value();
                default -> { }
            }
        }
        return new Headers(receipt, tenant, provider, endpoint, micros(received), verdict, assurance, currency,
            traceparent);
    }

    static long micros(String instant) {
        return ChronoUnit.MICROS.between(Instant.EPOCH, Instant.parse(instant));
    }

    private static String text(Header header) {
        return new String(header.value(), StandardCharsets.UTF_8);
    }
}
