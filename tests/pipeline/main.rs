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
mod ordering;
mod overflow;
mod passed_over;
mod replay;
mod restarts;
mod secrets;
mod set_aside;
mod shutdown;
mod store_tls;
mod tenancy;
mod traces;
