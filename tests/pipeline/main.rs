//! Webhook in, views out, through the four real services on a real Kafka, registry and ClickHouse.

mod analysts;
mod audit;
mod avro_readers;
mod bad_input;
mod carriers;
mod crashes;
mod dashboards;
mod deliveries;
mod durability;
mod limits;
mod overflow;
mod secrets;
mod replay;
mod set_aside;
mod ordering;
mod shutdown;
mod tenancy;
