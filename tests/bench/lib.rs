//! What the benches share: one Kafka, servers in processes of their own, a load, and what a process has
//! used.

pub mod cpu;
pub mod load;
pub mod place;
pub mod server;

/// Says which of the servers a bench's process is; without it, it measures.
pub const SERVE: &str = "WAYBILL_BENCH_SERVE";
