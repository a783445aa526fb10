import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

import org.apache.avro.io.BinaryEncoder;
import org.apache.avro.io.EncoderFactory;

/** A DeliveryEvent as far as the peer fills it, and its Avro form by schemas/avro/delivery_event.v1.avsc. */
final class Event {
    record Money(long amount, int scale, String currency) { }

    record PricePart(String name, Money money) { }

    record Driver(String id, String name, String phone, String plate) { }

    record Location(double latitude, double longitude) { }

    record Stop(int index, String id, Integer status, String providerStatus, Location place, String address,
                String contact, String phone, Money cash, String tracking) { }

    static final List<String> KINDS = List.of("UNKNOWN", "ORDER_CREATED", "ORDER_STATUS_CHANGED", "DRIVER_ASSIGNED",
        "ORDER_AMOUNT_CHANGED", "ORDER_EDITED", "ORDER_REPLACED", "ORDER_SUPERSEDED", "STOP_STATUS_CHANGED");
    static final List<String> STATUSES = List.of("UNKNOWN", "CREATED", "READY_FOR_PICKUP", "ASSIGNING", "ASSIGNED",
        "EN_ROUTE_TO_PICKUP", "AT_PICKUP", "PICKED_UP", "IN_TRANSIT", "AT_DROPOFF", "DELIVERED",
        "PARTIALLY_DELIVERED", "FAILED", "RETURNING", "RETURNED", "CANCELED", "REJECTED", "EXPIRED", "REPLACED");
    static final int PROVIDER_CLOCK = 1;
    static final int PROVIDER_FIELD = 2;
    static final int RECEIPT = 3;
    private static final List<String> ASSURANCES = List.of("UNKNOWN", "BODY_SIGNED", "CREDENTIAL_ONLY", "NONE");

    final Headers headers;
    final String orderId;
    final String unit;
    String eventId;
    int part = 1;
    int parts = 1;
    String parentId;
    int kind;
    Integer status;
    Integer fulfilment;
    String type = "";
    String providerEventId;
    String providerStatus;
    String previousStatus;
    long occurredAt;
    int occurredAtSource;
    Long createdAt;
    Long scheduledAt;
    String replaces;
    String replacedBy;
    Driver driver;
    Location location;
    Money price;
    List<PricePart> priceParts = List.of();
    List<Stop> stops = new ArrayList<>(4);
    String shareLink;
    String externalOrderId;
    String market;
    String storeId;
    Map<String, String> attributes = Map.of();
    String[] dedupKey;

    Event(Headers headers, String orderId, String unit) {
        this.headers = headers;
        this.orderId = orderId;
        this.unit = unit;
    }

    /** Keeps its buffers. */
    static final class Writer {
        private final ByteArrayOutputStream bytes = new ByteArrayOutputStream(2048);
        private BinaryEncoder out;

        /** Five bytes with the schema's id, then Avro. */
        byte[] write(Event e) throws IOException {
            bytes.reset();
            for (int b : new int[] {0, 0, 0, 0, 10}) {
                bytes.write(b);
            }
            out = EncoderFactory.get().binaryEncoder(bytes, out);
            head(e);
            body(e);
            foot(e);
            out.flush();
            return bytes.toByteArray();
        }

        private void head(Event e) throws IOException {
            out.writeString(e.eventId);
            out.writeString(e.headers.receipt());
            out.writeInt(e.part);
            out.writeInt(e.parts);
            out.writeString(e.unit);
            out.writeString(e.headers.tenant());
            out.writeString(e.headers.provider());
            out.writeString(e.headers.endpoint());
            text(e.orderId);
            text(e.parentId);
            out.writeEnum(e.kind);
            symbol(e.status);
            symbol(e.fulfilment);
            out.writeString(e.type);
            text(e.providerEventId);
            text(e.providerStatus);
            text(e.previousStatus);
            out.writeLong(e.occurredAt);
            out.writeEnum(e.occurredAtSource);
            out.writeIndex(0);
            out.writeLong(e.headers.receivedAt());
            number(e.createdAt);
            number(e.scheduledAt);
        }

        private void body(Event e) throws IOException {
            array(0);
            text(e.replaces);
            text(e.replacedBy);
            out.writeIndex(e.driver == null ? 0 : 1);
            if (e.driver != null) {
                text(e.driver.id);
                text(e.driver.name);
                text(e.driver.phone);
                text(e.driver.plate);
                out.writeIndex(0);
            }
            out.writeIndex(e.location == null ? 0 : 1);
            if (e.location != null) {
                out.writeDouble(e.location.latitude);
                out.writeDouble(e.location.longitude);
            }
            money(e.price);
            array(e.priceParts.size());
            for (PricePart part : e.priceParts) {
                out.writeString(part.name);
                amount(part.money);
            }
            end(e.priceParts.size());
            // balance, refunds, cancel, edit, attempt
            for (int field = 0; field < 9; field++) {
                out.writeIndex(0);
            }
            array(e.stops.size());
            for (Stop stop : e.stops) {
                stop(stop);
            }
            end(e.stops.size());
        }

        private void stop(Stop stop) throws IOException {
            out.writeInt(stop.index);
            text(stop.id);
            symbol(stop.status);
            text(stop.providerStatus);
            for (int axis = 0; axis < 2; axis++) {
                out.writeIndex(stop.place == null ? 0 : 1);
                if (stop.place != null) {
                    out.writeDouble(axis == 0 ? stop.place.latitude : stop.place.longitude);
                }
            }
            text(stop.address);
            text(stop.contact);
            text(stop.phone);
            for (int time = 0; time < 3; time++) {
                out.writeIndex(0);
            }
            money(stop.cash);
            out.writeIndex(0);
            text(stop.tracking);
        }

        private void foot(Event e) throws IOException {
            array(0);
            text(e.shareLink);
            text(e.externalOrderId);
            text(e.market);
            text(e.storeId);
            array(e.attributes.size());
            for (Map.Entry<String, String> attribute : e.attributes.entrySet()) {
                out.writeString(attribute.getKey());
                out.writeString(attribute.getValue());
            }
            end(e.attributes.size());
            out.writeString(e.headers.verdict());
            out.writeEnum(Math.max(0, ASSURANCES.indexOf(e.headers.assurance())));
            out.writeString("3");
            out.writeIndex(0);
        }

        /** Of a list or a map; an empty one is its end alone. */
        private void array(int size) throws IOException {
            out.writeLong(size);
        }

        private void end(int size) throws IOException {
            if (size > 0) {
                out.writeLong(0);
            }
        }

        private void text(String text) throws IOException {
            out.writeIndex(text == null ? 0 : 1);
            if (text != null) {
                out.writeString(text);
            }
        }

        private void symbol(Integer symbol) throws IOException {
            out.writeIndex(symbol == null ? 0 : 1);
            if (symbol != null) {
                out.writeEnum(symbol);
            }
        }

        private void number(Long number) throws IOException {
            out.writeIndex(number == null ? 0 : 1);
            if (number != null) {
                out.writeLong(number);
            }
        }

        private void money(Money money) throws IOException {
            out.writeIndex(money == null ? 0 : 1);
            if (money != null) {
                amount(money);
            }
        }

        private void amount(Money money) throws IOException {
            out.writeLong(money.amount);
            out.writeInt(money.scale);
            out.writeString(money.currency);
        }
    }
}
