//! The load: `waybill load`, whose figures it prints as JSON.

use std::{collections::BTreeMap, process::Stdio, time::Duration};

use serde::Deserialize;

use crate::{cpu, place::Place, server::Server};

/// A fresh broker keeps its first records waiting; what goes to the disk then is in Kafka by the end.
const WARM_UP_SECONDS: u32 = 5;

/// What one run gave.
#[derive(Clone, Debug)]
pub struct Run {
    pub load: Load,
    /// CPU time of the server itself in that time.
    pub cpu: Duration,
    /// Webhooks that went to the disk in that time.
    pub spooled: u64,
}

#[derive(Clone, Debug, Deserialize)]
pub struct Load {
    pub rate: f64,
    pub seconds: f64,
    pub webhooks: u64,
    pub unsent: u64,
    pub unexpected: u64,
    pub latency_ms: Latency,
    pub answers: BTreeMap<String, u64>,
}

#[derive(Clone, Debug, Deserialize)]
pub struct Latency {
    pub p50: f64,
    pub p99: f64,
    pub p999: f64,
    pub max: f64,
}

/// Calls a server the same way each time.
#[derive(Clone, Copy)]
pub struct Loader<'a> {
    pub place: &'a Place,
    pub endpoint: &'a str,
    pub connections: u32,
    pub body_bytes: u32,
    /// Webhooks a second of the open model.
    pub rate: u32,
    /// Of each run.
    pub seconds: u32,
}

impl Loader<'_> {
    pub fn warm_up(&self, server: &Server) {
        self.closed(server, WARM_UP_SECONDS);
    }

    /// As many as are answered.
    pub fn closed(&self, server: &Server, seconds: u32) -> Run {
        self.run(server, &["--closed"], seconds)
    }

    /// At a constant rate.
    pub fn open(&self, server: &Server) -> Run {
        self.run(server, &["--rate", &self.rate.to_string()], self.seconds)
    }

    fn run(&self, server: &Server, pace: &[&str], seconds: u32) -> Run {
        let (seconds, url) = (seconds.to_string(), server.url());
        let (connections, bytes) = (self.connections.to_string(), self.body_bytes.to_string());
        let mut words = vec!["load", "--json", "--threads", "1", "--url", &url];
        words.extend(["--seconds", &seconds, "--connections", &connections]);
        words.extend(["--endpoints", self.endpoint, "--body-bytes", &bytes]);
        words.extend(pace);
        let (before, spooled) = (cpu::used(server.pid()), server.spooled());
        let mut command = self.place.waybill(&words);
        let output = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .output()
            .expect("waybill runs");
        let cpu = cpu::used(server.pid()) - before;
        let spooled = server.spooled() - spooled;
        let load = serde_json::from_slice(&output.stdout).unwrap_or_else(|error| {
            let said = String::from_utf8_lossy(&output.stderr);
            panic!("waybill load gave no figures ({error}): {said}")
        });
        Run { load, cpu, spooled }
    }
}
