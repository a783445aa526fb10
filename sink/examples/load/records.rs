//! Events as the enricher writes them, numbered; always the same.

use std::{collections::BTreeMap, time::Duration};

use anyhow::Context as _;
use rdkafka::{
    ClientConfig,
    admin::{AdminClient, AdminOptions, NewTopic, TopicReplication},
    producer::{BaseProducer, BaseRecord, Producer},
};
use schemas::{
    Assurance, DeliveryEvent, EndpointId, EventId, Kind, Micros, Money, OccurredAtSource, OrderId,
    OrderedEvent, Provider, ReceiptId, Status, TenantId, Verdict,
    avro::Encoder,
    delivery_event::{Driver, Location},
    registry::Registry,
    topics::Topic,
};

use crate::place::Place;

const PARTITIONS: i32 = 4;
const STATUSES: [Status; 5] = [
    Status::Assigning,
    Status::Assigned,
    Status::EnRouteToPickup,
    Status::PickedUp,
    Status::Delivered,
];

pub(crate) struct Records {
    producer: BaseProducer,
    encoder: Encoder,
    topic: String,
    next: u64,
}

impl Records {
    pub(crate) async fn new(place: &Place, prefix: &str) -> anyhow::Result<Self> {
        let mut config = ClientConfig::new();
        config
            .set("bootstrap.servers", place.stack.kafka_bootstrap())
            .set("linger.ms", "2")
            .set("compression.type", "zstd");
        let admin: AdminClient<_> = config.create()?;
        let names: Vec<String> = Topic::ALL.iter().map(|topic| topic.name(prefix)).collect();
        let topics: Vec<NewTopic<'_>> = names
            .iter()
            .map(|name| NewTopic::new(name, PARTITIONS, TopicReplication::Fixed(1)))
            .collect();
        for made in admin.create_topics(&topics, &AdminOptions::new()).await? {
            made.map_err(|(name, code)| anyhow::anyhow!("{name}: {code}"))?;
        }
        let registry = Registry::new(&place.stack.registry_url(), "", "")?;
        let record = Topic::Ordered.record().context("a record")?;
        let subject = Topic::Ordered.subject(prefix);
        let id = registry.register(&subject, record.schema_text()).await?;
        Ok(Self {
            producer: config.create()?,
            encoder: Encoder::new(record, id)?,
            topic: Topic::Ordered.name(prefix),
            next: 0,
        })
    }

    /// Sends so many more, waits until they are acknowledged, and tells how many bytes they had.
    pub(crate) fn send(&mut self, count: u64) -> anyhow::Result<u64> {
        let mut bytes = 0;
        for number in self.next..self.next + count {
            let event = event(number)?;
            let value = self.encoder.encode(&event)?;
            bytes += u64::try_from(value.len())?;
            let key = format!("acme/lalamove/{}", number / 5);
            let partition = i32::try_from(number / 5 % 4)?;
            let mut record = BaseRecord::to(&self.topic)
                .partition(partition)
                .key(&key)
                .payload(&value);
            while let Err((_, back)) = self.producer.send(record) {
                self.producer.poll(Duration::from_millis(10));
                record = back;
            }
        }
        self.next += count;
        self.producer.flush(Duration::from_secs(60))?;
        Ok(bytes)
    }
}

/// One of five of its order.
fn event(number: u64) -> anyhow::Result<OrderedEvent> {
    let event = delivery_event(number)?;
    Ok(OrderedEvent {
        sequence: i64::try_from(number % 5)? + 1,
        revision: 0,
        late: false,
        status_before: None,
        status_after: event.status,
        root_order_id: event.order_id.clone(),
        generation: 0,
        order_first_received_at: Some(event.received_at),
        released_at: event.received_at,
        event,
    })
}

/// Hardly to be compressed, as real ones are.
fn receipt(number: u64) -> ReceiptId {
    let mut bytes = [7_u8; 16];
    let (_, tail) = bytes.split_at_mut(8);
    tail.copy_from_slice(&number.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes());
    ReceiptId::from_bytes(bytes)
}

/// What is optional is there about as often as with real carriers.
fn delivery_event(number: u64) -> anyhow::Result<DeliveryEvent> {
    let now = jiff::Timestamp::now().as_microsecond();
    let step = usize::try_from(number % 5)?;
    Ok(DeliveryEvent {
        event_id: EventId::of([number.to_be_bytes().as_slice()]),
        receipt_id: receipt(number),
        part: 1,
        parts: 1,
        unit: "order".into(),
        tenant_id: TenantId::new(format!("tenant-{}", number / 5 % 100))?,
        provider: Provider::Lalamove,
        endpoint_id: EndpointId::new(format!("tenant-{}-hk", number / 5 % 100))?,
        order_id: Some(OrderId::new(
            (1_000_000_000_000_000_000 + number / 5).to_string(),
        )?),
        parent_id: None,
        kind: Kind::OrderStatusChanged,
        status: STATUSES.get(step).copied(),
        fulfilment: None,
        provider_event_type: "ORDER_STATUS_CHANGED".into(),
        provider_event_id: Some(format!("{:016x}", number.wrapping_mul(77))),
        provider_status: Some("ON_GOING".into()),
        provider_previous_status: Some("ASSIGNING_DRIVER".into()),
        occurred_at: Micros(now - 500_000),
        occurred_at_source: OccurredAtSource::ProviderClock,
        occurred_at_uncertainty_ms: Some(0),
        received_at: Micros(now),
        created_at: Some(Micros(now - 60_000_000)),
        scheduled_at: None,
        milestones: Vec::new(),
        replaces_order_id: None,
        replaced_by_order_id: None,
        driver: (step > 0).then(|| Driver {
            id: Some("79973".into()),
            name: Some(format!("{:032x}", number / 50)),
            phone: Some(format!("{:032x}", number / 50 + 1)),
            plate_number: Some("VP9946964".into()),
            photo_url: None,
        }),
        location: (step > 1).then_some(Location {
            latitude: 22.335_38,
            longitude: 114.176_15,
        }),
        price: Some(Money {
            amount: 4700,
            scale: 2,
            currency: "HKD".into(),
        }),
        price_parts: Vec::new(),
        balance: None,
        refund: None,
        refund_partner: None,
        refund_id: None,
        canceled_by: None,
        cancel_reason: None,
        edited_by: None,
        edit_reason: None,
        attempt: None,
        stops: Vec::new(),
        proofs: Vec::new(),
        share_link: Some("https://share.example.com/?HK100202&lang=en_HK".into()),
        external_order_id: None,
        market: Some("HK".into()),
        store_id: None,
        attributes: BTreeMap::from([("raw.updatedAt".into(), "2026-11-25T14:00.00Z".into())]),
        verdict: Verdict::Verified,
        assurance: Assurance::BodySigned,
        mapping_version: "1".into(),
        replay_id: None,
    })
}
