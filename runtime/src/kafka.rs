//! Kafka, as the services use it: one configuration of each client, and the exactly-once loop.

pub mod caught_up;
pub mod config;
pub mod exactly_once;
pub mod log;
pub mod reach;
pub mod reports;
pub mod restore;

pub use config::{connection, consumer_config, producer_config};
