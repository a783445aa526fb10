import java.math.BigDecimal;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

import com.fasterxml.jackson.databind.JsonNode;

/** From each carrier's JSON to events. */
final class Carriers {
    /** Kind and status of a carrier's words; null where the words say nothing of it. */
    private record Meaning(int kind, Integer status) { }

    private static final Map<String, Meaning> WORDS = new HashMap<>();

    private static void word(String words, String kind, String status) {
        Integer number = status == null ? null : (Integer) Event.STATUSES.indexOf(status);
        WORDS.put(words, new Meaning(Event.KINDS.indexOf(kind), number));
    }

    static {
        word("lalamove/ORDER_CREATED", "ORDER_CREATED", "CREATED");
        word("lalamove/ORDER_STATUS_CHANGED/ASSIGNING_DRIVER", "ORDER_STATUS_CHANGED", "ASSIGNING");
        word("lalamove/ORDER_STATUS_CHANGED/ON_GOING", "ORDER_STATUS_CHANGED", "EN_ROUTE_TO_PICKUP");
        word("lalamove/ORDER_STATUS_CHANGED/PICKED_UP", "ORDER_STATUS_CHANGED", "PICKED_UP");
        word("lalamove/ORDER_STATUS_CHANGED/COMPLETED", "ORDER_STATUS_CHANGED", "DELIVERED");
        word("lalamove/DRIVER_ASSIGNED", "DRIVER_ASSIGNED", null);
        word("lalamove/ORDER_REPLACED", "ORDER_REPLACED", null);
        word("lalamove/ORDER_REPLACED/prevOrderId", "ORDER_SUPERSEDED", "REPLACED");
        word("lalamove/POD_STATUS_CHANGED", "STOP_STATUS_CHANGED", null);
        word("lalamove/stop/DELIVERED", "STOP_STATUS_CHANGED", "DELIVERED");
        word("ahamove/ASSIGNING", "ORDER_STATUS_CHANGED", "ASSIGNING");
        word("ordatic/rider-created", "ORDER_STATUS_CHANGED", "ASSIGNED");
        word("sendstack/order.new/PENDING", "ORDER_CREATED", "CREATED");
        word("dellyman/INTRANSIT", "ORDER_STATUS_CHANGED", "IN_TRANSIT");
        word("dellyman/package/DELIVERED", "STOP_STATUS_CHANGED", "DELIVERED");
    }

    private Carriers() { }

    static List<Event> events(Headers headers, JsonNode body) {
        return switch (headers.provider()) {
            case "lalamove" -> lalamove(headers, body);
            case "ahamove" -> ahamove(headers, body);
            case "ordatic" -> ordatic(headers, body);
            case "sendstack" -> sendstack(headers, body);
            case "dellyman" -> dellyman(headers, body);
            default -> throw new IllegalStateException("a carrier that nobody knows");
        };
    }

    private static void mean(Event event, String words) {
        Meaning meaning = WORDS.get(words);
        if (meaning == null) {
            throw new IllegalStateException(words);
        }
        event.kind = meaning.kind;
        event.status = meaning.status;
    }

    private static Integer stopStatus(String words) {
        Meaning meaning = WORDS.get(words);
        return meaning == null ? null : meaning.status;
    }

    private static String text(JsonNode node, String name) {
        JsonNode field = node.get(name);
        if (field == null || field.isNull()) {
            return null;
        }
        String text = field.asText();
        return text.isEmpty() ? null : text;
    }

    private static String orEmpty(String text) {
        return text == null ? "" : text;
    }

    private static Event.Money money(String amount, String currency) {
        if (amount == null || currency == null) {
            return null;
        }
        BigDecimal number = new BigDecimal(amount);
        return new Event.Money(number.unscaledValue().longValueExact(), number.scale(), currency);
    }

    private static List<Event> lalamove(Headers headers, JsonNode body) {
        JsonNode data = body.get("data");
        JsonNode order = data.get("order");
        String id = text(order, "orderId");
        String type = text(body, "eventType");
        boolean isStatus = type.equals("ORDER_STATUS_CHANGED");
        String status = isStatus ? text(order, "status") : null;
        Event event = lalamoveEvent(headers, body, id, "order");
        mean(event, isStatus ? "lalamove/" + type + '/' + status : "lalamove/" + type);
        event.providerStatus = status;
        event.previousStatus = isStatus ? text(order, "previousStatus") : null;
        event.createdAt = lalamoveTime(text(order, "createdAt"));
        event.scheduledAt = lalamoveTime(text(order, "scheduleAt"));
        event.shareLink = text(order, "shareLink");
        event.market = text(order, "market");
        JsonNode driver = data.get("driver");
        if (driver != null) {
            event.driver = new Event.Driver(text(driver, "driverId"), text(driver, "name"), text(driver, "phone"),
                text(driver, "plateNumber"));
        } else if (text(order, "driverId") != null) {
            event.driver = new Event.Driver(text(order, "driverId"), null, null, null);
        }
        event.location = place(data.get("location"));
        lalamovePrice(event, order.get("priceBreakdown"));
        lalamoveStops(event, order.get("stops"));
        String previous = text(data, "prevOrderId");
        if (previous == null) {
            return List.of(event);
        }
        event.replaces = previous;
        Event old = lalamoveEvent(headers, body, previous, "superseded");
        mean(old, "lalamove/" + type + "/prevOrderId");
        old.replacedBy = id;
        event.parts = 2;
        old.parts = 2;
        return List.of(event, old);
    }

    private static Event lalamoveEvent(Headers headers, JsonNode body, String order, String unit) {
        Event event = new Event(headers, order, unit);
        event.type = text(body, "eventType");
        event.providerEventId = text(body, "eventId");
        event.occurredAt = body.get("timestamp").asLong() * 1_000_000;
        event.occurredAtSource = Event.PROVIDER_CLOCK;
        String version = text(body, "eventVersion");
        if (version != null) {
            event.attributes = Map.of("event_version", version);
        }
        event.dedupKey = new String[] {orEmpty(text(body, "apiKey")), event.providerEventId, event.type};
        return event;
    }

    /** "2022-04-21T22:59.00Z", taken as UTC. */
    private static Long lalamoveTime(String text) {
        if (text == null) {
            return null;
        }
        return Headers.micros(text.length() == 20 && text.charAt(16) == '.' ? text.substring(0, 16) + ":00Z" : text);
    }

    private static Event.Location place(JsonNode place) {
        return place == null ? null : new Event.Location(place.get("lat").asDouble(), place.get("lng").asDouble());
    }

    private static void lalamovePrice(Event event, JsonNode prices) {
        if (prices == null) {
            return;
        }
        String currency = text(prices, "currency");
        event.price = money(text(prices, "total"), currency);
        event.priceParts = new ArrayList<>(8);
        prices.properties().forEach(price -> {
            if (!price.getKey().equals("currency") && !price.getKey().equals("total")) {
                event.priceParts.add(new Event.PricePart(price.getKey(), money(price.getValue().asText(), currency)));
            }
        });
    }

    private static void lalamoveStops(Event event, JsonNode stops) {
        if (stops == null) {
            return;
        }
        int index = 0;
        for (JsonNode stop : stops) {
            JsonNode pod = stop.get("POD");
            String word = pod == null ? null : text(pod, "status");
            event.stops.add(new Event.Stop(index++, null, word == null ? null : stopStatus("lalamove/stop/" + word),
                word, place(stop.get("coordinates")), text(stop, "address"), text(stop, "name"), text(stop, "phone"),
                null, null));
        }
    }

    private static final String[] AHAMOVE_PRICES = {"total_price", "distance_price", "stoppoint_price",
        "special_request_price", "vat", "voucher_discount", "subtotal_price"};
    private static final String[] AHAMOVE_TIMES = {"create_time", "order_time", "accept_time", "board_time",
        "pickup_time", "complete_time", "cancel_time"};

    private static List<Event> ahamove(Headers headers, JsonNode body) {
        Event event = new Event(headers, text(body, "_id"), "order");
        event.providerStatus = text(body, "status");
        mean(event, "ahamove/" + event.providerStatus);
        for (String name : AHAMOVE_TIMES) {
            event.occurredAt = Math.max(event.occurredAt, (long) (body.path(name).asDouble() * 1_000_000));
        }
        event.occurredAtSource = Event.PROVIDER_FIELD;
        event.createdAt = (long) (body.path("create_time").asDouble() * 1_000_000);
        String currency = text(body, "currency");
        event.price = money(text(body, "total_pay"), currency);
        event.priceParts = new ArrayList<>(8);
        for (String name : AHAMOVE_PRICES) {
            String amount = text(body, name);
            if (amount != null) {
                event.priceParts.add(new Event.PricePart(name, money(amount, currency)));
            }
        }
        int index = 0;
        for (JsonNode stop : body.path("path")) {
            event.stops.add(new Event.Stop(index++, null, null, text(stop, "status"), null, text(stop, "address"),
                text(stop, "name"), text(stop, "mobile"), money(text(stop, "cod"), currency), null));
        }
        event.shareLink = text(body, "shared_link");
        event.market = text(body, "city_id");
        event.attributes = Map.of("service_id", orEmpty(text(body, "service_id")), "payment_method",
            orEmpty(text(body, "payment_method")));
        event.dedupKey = new String[] {event.providerStatus, orEmpty(text(body, "sub_status")),
            Long.toString(event.occurredAt)};
        return List.of(event);
    }

    private static List<Event> ordatic(Headers headers, JsonNode body) {
        JsonNode data = body.get("data");
        Event event = new Event(headers, text(data, "orderId"), "order");
        event.type = text(body, "eventType");
        mean(event, "ordatic/" + event.type);
        event.fulfilment = event.type.startsWith("rider-") ? 1 : null;
        event.occurredAt = headers.receivedAt();
        event.occurredAtSource = Event.RECEIPT;
        event.storeId = text(body, "storeId");
        event.dedupKey = new String[] {orEmpty(event.storeId), event.orderId, event.type, data.toString()};
        return List.of(event);
    }

    private static List<Event> sendstack(Headers headers, JsonNode body) {
        JsonNode drops = body.get("drops");
        List<Event> events = new ArrayList<>(drops.size());
        int index = 1;
        for (JsonNode drop : drops) {
            String id = text(drop, "id");
            Event event = new Event(headers, id, "drop:" + id);
            event.parts = drops.size();
            event.parentId = text(body, "id");
            event.type = text(body, "eventType");
            event.providerStatus = text(drop, "status");
            mean(event, "sendstack/" + event.type + '/' + event.providerStatus);
            event.occurredAt = Headers.micros(text(body, "createdAt"));
            event.occurredAtSource = Event.PROVIDER_FIELD;
            event.createdAt = event.occurredAt;
            event.price = money(text(drop, "amount"), headers.currency());
            event.stops.add(new Event.Stop(index++, null, null, null, null, null, null, null, null,
                text(drop, "trackingId")));
            event.shareLink = text(drop, "trackingUrl");
            event.externalOrderId = text(drop, "externalOrderId");
            event.attributes = Map.of("batch_id", orEmpty(text(body, "batchId")), "payment_status",
                orEmpty(text(body, "paymentStatus")));
            event.dedupKey = new String[] {event.parentId, event.type, event.providerStatus};
            events.add(event);
        }
        return events;
    }

    private static List<Event> dellyman(Headers headers, JsonNode body) {
        JsonNode order = body.get("order");
        Event event = new Event(headers, text(order, "OrderID"), "order");
        event.providerStatus = text(order, "OrderStatus");
        mean(event, "dellyman/" + event.providerStatus);
        for (String name : new String[] {"OrderDate", "AssignedAt", "PickedUpAt", "DeliveredAt"}) {
            String at = text(order, name);
            if (at != null) {
                event.occurredAt = Math.max(event.occurredAt, dellymanTime(at));
            }
        }
        event.occurredAtSource = Event.PROVIDER_FIELD;
        event.createdAt = dellymanTime(text(order, "OrderDate"));
        event.price = money(text(order, "OrderPrice"), headers.currency());
        int index = 1;
        for (JsonNode parcel : order.path("Packages")) {
            String word = text(parcel, "PackageStatus");
            event.stops.add(new Event.Stop(index++, text(parcel, "PackageID"), stopStatus("dellyman/package/" + word),
                word, null, null, null, null, null, text(parcel, "PackageTrackingID")));
        }
        event.attributes = Map.of("order_code", orEmpty(text(order, "OrderCode")), "tracking_id",
            orEmpty(text(order, "TrackingID")));
        event.dedupKey = new String[] {event.providerStatus, Long.toString(event.occurredAt)};
        return List.of(event);
    }

    /** "2022-12-08 15:45:18", taken as UTC. */
    private static long dellymanTime(String text) {
        return Headers.micros(text.substring(0, 10) + 'T' + text.substring(11) + 'Z');
    }
}
