//! How a service starts, is fed, reports and stops; what it does with its events is its own matter.
//!
//! [`service::main`] is the whole of a service's `main`: settings, telemetry, health, the tasks,
//! the signals, the exit code. Nothing here knows a topic's content or a table.
//! `runtime` and `schemas` know nothing of each other.

pub mod service;

pub mod settings;
pub mod telemetry;
pub mod traces;

mod admin;
pub mod health;
pub mod shutdown;
pub mod tasks;

pub mod backoff;
pub mod clock;

pub mod blobs;
pub mod kafka;
