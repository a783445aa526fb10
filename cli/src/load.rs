//! A load of webhooks as the carriers would send them: how much, of what, and how fast. An open model:
//! requests leave at a constant rate whatever the answers do, and the time until an answer counts from
//! when its request should have left, so that a server that stalls can't hide it.

mod histogram;
mod http;
mod lives;
mod mix;
mod pace;
mod post;
mod random;
mod report;
mod run;
mod tally;
mod template;

use std::{sync::Arc, time::Duration};

use ingest::tenants::Endpoint;
use runtime::clock::SystemClock;

use crate::sender::Sender;

pub(crate) use http::Target;
pub(crate) use mix::BODY_BYTES_MAX;
pub(crate) use report::{Report, progress};
pub(crate) use run::{Acknowledged, Shared};
pub(crate) use tally::Tally;

/// Orders open side by side for each connection, so that an order's webhooks seldom overtake each other
/// on their way.
const OPEN_FOR_EACH_CONNECTION: usize = 8;

/// Of all webhooks, and of orders in the case of replacements: from 0 to 1.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Shares {
    pub(crate) duplicates: f64,
    pub(crate) disorder: f64,
    pub(crate) replacements: f64,
    pub(crate) bad_signatures: f64,
}

/// A whole load.
pub(crate) struct Load {
    pub(crate) target: Target,
    pub(crate) sender: Sender,
    pub(crate) endpoints: Vec<Arc<Endpoint>>,
    pub(crate) shares: Shares,
    pub(crate) seed: u64,
    /// Requests a second; `None`: as many as are answered.
    pub(crate) rate: Option<u32>,
    pub(crate) lasts: Duration,
    pub(crate) connections: usize,
    pub(crate) threads: usize,
    pub(crate) body_bytes: usize,
    pub(crate) acknowledged: Option<Acknowledged>,
}

/// A load that runs.
pub(crate) struct Running {
    pub(crate) shared: Arc<Shared>,
    ends: tokio::task::JoinHandle<anyhow::Result<Duration>>,
}

impl Load {
    pub(crate) fn start(self) -> Running {
        let workers = self.threads.clamp(1, self.connections.max(1));
        let share = |worker: usize| (self.connections + workers - 1 - worker) / workers;
        let connections: Vec<usize> = (0..workers).map(share).collect();
        let pace = pace::Pace {
            rate: self.rate,
            workers: workers as u64,
            lasts: self.lasts,
        };
        let sender = Arc::new(self.sender);
        let plan = |(worker, connections): (usize, &usize)| mix::Plan {
            endpoints: self.endpoints.clone(),
            target: self.target.clone(),
            sender: Arc::clone(&sender),
            shares: self.shares,
            seed: self.seed,
            worker: (worker as u64, workers as u64),
            open: connections * OPEN_FOR_EACH_CONNECTION,
            body_bytes: self.body_bytes,
            clock: Arc::new(SystemClock),
        };
        let plans: Vec<mix::Plan> = connections.iter().enumerate().map(plan).collect();
        let shared = Arc::new(Shared::new(pace, connections, self.acknowledged));
        let own = Arc::clone(&shared);
        let ends = tokio::task::spawn_blocking(move || run::run(&own, plans));
        Running { shared, ends }
    }
}

impl Running {
    /// Waits for the end, which comes by itself or soon after [`Shared::stop`] is set.
    pub(crate) async fn ended(&mut self) -> anyhow::Result<Duration> {
        (&mut self.ends).await?
    }
}

#[cfg(test)]
mod sample;
#[cfg(test)]
mod tests;
