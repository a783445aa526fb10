//! Keeps the four services running, and stops them.

use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use reqwest::Client;
use runtime::backoff::Backoff;
use tokio::{task::JoinSet, time::timeout};

use super::{
    Folder, SERVICES,
    child::{Child, Exit, Program},
    said, until,
    variables::{Ports, Variables},
};
use crate::output;

const READY_WITHIN: Duration = Duration::from_secs(60);
/// A service drains within its own `shutdown_seconds`, by default less than this.
const DRAINED_WITHIN: Duration = Duration::from_secs(40);
const PAUSE_FIRST: Duration = Duration::from_millis(500);
const PAUSE_MAX: Duration = Duration::from_secs(30);
/// A service that ran this long had recovered from whatever killed it before.
const RECOVERED_AFTER: Duration = Duration::from_secs(60);

struct Service {
    program: Program,
    readyz: String,
    child: Option<Child>,
    started: Instant,
    backoff: Backoff,
    deaths: u32,
}

/// What a task that looks after the service at a place has to tell.
enum Happened {
    Ended(usize, Exit),
    /// The pause before its next start is over.
    Due(usize),
    Ready(usize, bool),
}

pub(crate) struct Keeper {
    services: Vec<Service>,
    watched: JoinSet<Happened>,
    client: Client,
}

impl Keeper {
    pub(super) fn new(
        folder: &Folder,
        variables: &Variables,
        ports: Ports,
    ) -> anyhow::Result<Self> {
        let launcher = Program::launcher()?;
        let services = SERVICES.iter().enumerate().map(|(place, name)| {
            let admin = ports.admin(place);
            let program = Program {
                name,
                path: Program::beside_us(name)?,
                launcher: launcher.clone(),
                folder: folder.path().join(name),
                log: folder.logs().join(name).with_extension("log"),
                variables: variables.for_service(admin),
            };
            Ok(Service {
                program,
                readyz: format!("http://127.0.0.1:{admin}/readyz"),
                child: None,
                started: Instant::now(),
                backoff: Backoff::new(PAUSE_FIRST, PAUSE_MAX),
                deaths: 0,
            })
        });
        Ok(Self {
            services: services.collect::<anyhow::Result<_>>()?,
            watched: JoinSet::new(),
            client: Client::builder().timeout(Duration::from_secs(2)).build()?,
        })
    }

    /// Starts all four, and returns once all are ready; a death before that is an error.
    pub(super) async fn start(&mut self, clock: Instant) -> anyhow::Result<()> {
        for place in 0..self.services.len() {
            self.launch(place).await?;
        }
        let mut waiting = self.services.len();
        while waiting > 0 {
            match self
                .watched
                .join_next()
                .await
                .context("nothing to wait for")??
            {
                Happened::Ready(place, true) => {
                    waiting -= 1;
                    said(clock, self.name(place), "ready");
                }
                Happened::Ready(place, false) => {
                    bail!(
                        "{} is not ready; {}",
                        self.name(place),
                        self.last_words(place)
                    );
                }
                Happened::Ended(place, exit) => {
                    bail!("{} {exit}; {}", self.name(place), self.last_words(place));
                }
                Happened::Due(_) => {}
            }
        }
        Ok(())
    }

    /// Name and pid of each; none while it is dead.
    pub(super) fn pids(&self) -> impl Iterator<Item = (&'static str, Option<i32>)> {
        self.services
            .iter()
            .map(|service| (service.program.name, service.child.as_ref().map(Child::pid)))
    }

    /// The next thing that happens to a service, said and acted upon; gives the words for a death.
    pub(super) async fn next(&mut self, restart: bool) -> anyhow::Result<Option<String>> {
        match self.watched.join_next().await {
            Some(happened) => match happened? {
                Happened::Ended(place, exit) => Ok(Some(self.died(place, exit, restart))),
                Happened::Due(place) => {
                    self.relaunch(place).await;
                    Ok(None)
                }
                Happened::Ready(place, ready) => {
                    let name = self.name(place);
                    let word = if ready {
                        "is ready again"
                    } else {
                        "runs, but is not ready"
                    };
                    output::note(format_args!("{name} {word}"));
                    Ok(None)
                }
            },
            None => std::future::pending().await,
        }
    }

    /// SIGTERM to all, in the order of the flow, and as long as they need; then no longer.
    pub(super) async fn stop(&mut self, clock: Instant) -> anyhow::Result<()> {
        let mut alive = 0;
        for child in self
            .services
            .iter()
            .filter_map(|service| service.child.as_ref())
        {
            child.terminate();
            alive += 1;
        }
        let Ok(failed) = timeout(DRAINED_WITHIN, self.drained(alive, clock)).await else {
            bail!(
                "the services did not drain within {} s",
                DRAINED_WITHIN.as_secs()
            );
        };
        let failed = failed?;
        if failed.is_empty() {
            Ok(())
        } else {
            bail!("{}", failed.join("; "))
        }
    }

    /// Waits for that many ends; gives the words for those that were no clean ones.
    async fn drained(&mut self, mut alive: usize, clock: Instant) -> anyhow::Result<Vec<String>> {
        let mut failed = Vec::new();
        while alive > 0 {
            let happened = self
                .watched
                .join_next()
                .await
                .context("nothing to wait for")?;
            let Happened::Ended(place, exit) = happened? else {
                continue;
            };
            let name = self.name(place);
            alive -= 1;
            if let Some(service) = self.services.get_mut(place) {
                service.child = None;
            }
            if exit == Exit::Code(0) {
                said(clock, name, "drained");
            } else {
                failed.push(format!("{name} {exit}"));
            }
        }
        Ok(failed)
    }

    fn name(&self, place: usize) -> &'static str {
        SERVICES.get(place).copied().unwrap_or_default()
    }

    fn last_words(&self, place: usize) -> String {
        self.services
            .get(place)
            .map(|service| service.program.last_words())
            .unwrap_or_default()
    }

    fn died(&mut self, place: usize, exit: Exit, restart: bool) -> String {
        let name = self.name(place);
        let last_words = self.last_words(place);
        let Some(service) = self.services.get_mut(place) else {
            return String::new();
        };
        let pid = service.child.take().map_or(0, |child| child.pid());
        if service.started.elapsed() > RECOVERED_AFTER {
            service.backoff.reset();
            service.deaths = 0;
        }
        service.deaths += 1;
        let mut words = format!("{name} (pid {pid}) {exit}");
        if !restart || service.deaths > 1 {
            words = format!("{words}; {last_words}");
        }
        if restart {
            let pause = service.backoff.next();
            output::note(format_args!(
                "{words}\n{name} starts again in {:.1} s",
                pause.as_secs_f64()
            ));
            self.watched.spawn(async move {
                tokio::time::sleep(pause).await;
                Happened::Due(place)
            });
        }
        words
    }

    async fn relaunch(&mut self, place: usize) {
        let name = self.name(place);
        match self.launch(place).await {
            Ok(pid) => output::note(format_args!("{name} runs again (pid {pid})")),
            Err(error) => {
                output::note(format_args!("{error:#}"));
                let Some(service) = self.services.get_mut(place) else {
                    return;
                };
                let pause = service.backoff.next();
                self.watched.spawn(async move {
                    tokio::time::sleep(pause).await;
                    Happened::Due(place)
                });
            }
        }
    }

    async fn launch(&mut self, place: usize) -> anyhow::Result<i32> {
        let service = self.services.get_mut(place).context("no such service")?;
        let (child, end) = service.program.start().await?;
        let pid = child.pid();
        service.child = Some(child);
        service.started = Instant::now();
        self.watched
            .spawn(async move { Happened::Ended(place, end.wait().await) });
        let (client, readyz) = (self.client.clone(), service.readyz.clone());
        self.watched.spawn(async move {
            let ready = until(READY_WITHIN, || async {
                let answer = client.get(&readyz).send().await.ok()?;
                answer.status().is_success().then_some(())
            });
            Happened::Ready(place, ready.await.is_some())
        });
        Ok(pid)
    }
}
