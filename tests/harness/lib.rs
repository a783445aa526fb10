//! What the tiers above unit level share: one real Kafka, registry and ClickHouse per test run, and
//! for each test its own topics, groups, database, tenants file and service processes.

pub mod carriers;
pub mod checks;
pub mod children;
pub mod intake;
pub mod lalamove;
pub mod model;
pub mod offsets;
pub mod pipeline;
pub mod raw;
pub mod stack;
pub mod store;
pub mod wait;

pub use children::Service;
pub use lalamove::Webhook;
pub use pipeline::Pipeline;
