use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use tokio::sync::broadcast;

use crate::child::{Child, Death};
use crate::error::Error;
use crate::fetch::Parts;
use crate::options::{ClickhouseOptions, Options, Restart};
use crate::part::Part;
use crate::place::Place;
use crate::probe;
use crate::progress::{Progress, Silent, Step};
use crate::stack::Event;
use crate::stopping::Stopping;

/// Kafka writes its clean-shutdown mark, the registry closes its file.
const GRACE: Duration = Duration::from_secs(15);
/// Kafka last: it is what the others' clients hang on.
const STOP_ORDER: [Part; 3] = [Part::Registry, Part::Clickhouse, Part::Kafka];

/// The three children and whatever starting them again takes. Threads that watch over them share it.
#[derive(Debug)]
pub(crate) struct Children {
    parts: Parts,
    place: Place,
    options: Options,
    /// Begins as the one in `options`; users can be replaced.
    clickhouse: Mutex<ClickhouseOptions>,
    slots: [Slot; 3],
    events: broadcast::Sender<Event>,
    stopping: Stopping,
}

#[derive(Debug, Default)]
struct Slot {
    /// Held over a start, a stop or a restart.
    change: Mutex<()>,
    child: Mutex<Option<Arc<Child>>>,
    backoff: Mutex<Backoff>,
}

impl Children {
    pub(crate) fn new(
        parts: Parts,
        place: Place,
        options: Options,
        events: broadcast::Sender<Event>,
    ) -> Self {
        let clickhouse = Mutex::new(options.clickhouse.clone());
        let (slots, stopping) = Default::default();
        Self {
            parts,
            place,
            options,
            clickhouse,
            slots,
            events,
            stopping,
        }
    }

    pub(crate) fn start(
        self: &Arc<Self>,
        part: Part,
        progress: &dyn Progress,
    ) -> Result<(), Error> {
        let _change = lock(&self.slot(part).change);
        self.launch(part, progress)
    }

    pub(crate) fn restart(self: &Arc<Self>, part: Part) -> Result<(), Error> {
        let slot = self.slot(part);
        let _change = lock(&slot.change);
        // taken in a statement of its own: others ask for the pid while it ends
        let running = lock(&slot.child).take();
        if let Some(child) = running {
            child.stop(GRACE)?;
        }
        self.launch(part, &Silent)
    }

    /// All parts are asked even if one fails to end.
    pub(crate) fn stop(&self, gently: bool) -> Result<(), Error> {
        self.stopping.begin();
        let mut result = Ok(());
        for part in STOP_ORDER {
            let slot = self.slot(part);
            let _change = lock(&slot.change);
            let running = lock(&slot.child).take();
            let grace = if gently { GRACE } else { Duration::ZERO };
            if let Some(Err(error)) = running.map(|child| child.stop(grace)) {
                result = Err(error);
            }
        }
        result
    }

    pub(crate) fn replace_clickhouse_users(&self, users: &str, profiles: &str) {
        let mut options = lock(&self.clickhouse);
        users.clone_into(&mut options.users_xml);
        profiles.clone_into(&mut options.profiles_xml);
    }

    pub(crate) fn signal(&self, part: Part, signal: Signal) -> Result<(), Error> {
        match lock(&self.slot(part).child).as_ref() {
            Some(child) => child.signal(signal),
            None => Err(Error::NotRunning { part }),
        }
    }

    pub(crate) fn pid(&self, part: Part) -> Option<i32> {
        let child = lock(&self.slot(part).child);
        child
            .as_ref()
            .filter(|child| child.exit().is_none())
            .map(|child| child.pid())
    }

    pub(crate) fn subscribe(&self) -> broadcast::Receiver<Event> {
        self.events.subscribe()
    }

    pub(crate) fn clickhouse_user(&self) -> &'static str {
        self.options.clickhouse.user()
    }

    pub(crate) fn place(&self) -> &Place {
        &self.place
    }

    fn slot(&self, part: Part) -> &Slot {
        let [kafka, registry, clickhouse] = &self.slots;
        match part {
            Part::Kafka => kafka,
            Part::Registry => registry,
            Part::Clickhouse => clickhouse,
        }
    }

    /// With `change` held by the caller.
    fn launch(self: &Arc<Self>, part: Part, progress: &dyn Progress) -> Result<(), Error> {
        if self.stopping.has_begun() {
            return Err(Error::Stopped);
        }
        progress.step(part, Step::Start);
        let began = Instant::now();
        let clickhouse = lock(&self.clickhouse).clone();
        let invocation =
            self.parts
                .invocation(part, &self.place, &self.options.kafka, &clickhouse)?;
        let child = Arc::new(Child::spawn(&invocation)?);
        let limit = self.options.ready_deadline;
        let cancelled = || self.stopping.has_begun();
        let ready = probe::wait_ready(&child, part, &self.place.ports, limit, cancelled);
        if let Err(error) = ready {
            child.stop(Duration::ZERO)?;
            return Err(error);
        }
        *lock(&self.slot(part).child) = Some(Arc::clone(&child));
        lock(&self.slot(part).backoff).started();
        let us = Arc::downgrade(self);
        let on_death = move |death| {
            if let Some(us) = us.upgrade() {
                us.died(death);
            }
        };
        child
            .report_death(Box::new(on_death))
            .map_err(Error::Died)?;
        progress.step(
            part,
            Step::Ready {
                after: began.elapsed(),
            },
        );
        Ok(())
    }

    /// On the thread that watched the dead one.
    fn died(self: &Arc<Self>, death: Death) {
        let part = death.part;
        self.say(Event::Died(death));
        if self.options.restart == Restart::WithBackoff {
            self.recover(part);
        }
    }

    fn recover(self: &Arc<Self>, part: Part) {
        loop {
            let pause = lock(&self.slot(part).backoff).next();
            if self.stopping.pause(pause) {
                return;
            }
            match self.start_if_dead(part) {
                Ok(Some(pid)) => return self.say(Event::Restarted { part, pid }),
                Ok(None) | Err(Error::Stopped) => return,
                Err(error) => self.say(Event::RestartFailed {
                    part,
                    error: error.to_string(),
                }),
            }
        }
    }

    /// None where someone else was quicker.
    fn start_if_dead(self: &Arc<Self>, part: Part) -> Result<Option<i32>, Error> {
        let _change = lock(&self.slot(part).change);
        if self.pid(part).is_some() {
            return Ok(None);
        }
        self.launch(part, &Silent)?;
        Ok(self.pid(part))
    }

    fn say(&self, event: Event) {
        // an error means that nobody listens
        self.events.send(event).ok();
    }
}

/// Pauses between restarts of one part; they double while it keeps dying.
#[derive(Debug, Default)]
struct Backoff {
    started: Option<Instant>,
    pause: Duration,
}

impl Backoff {
    const FIRST: Duration = Duration::from_millis(500);
    const MAX: Duration = Duration::from_secs(30);
    /// A part that ran this long had recovered.
    const FORGET: Duration = Duration::from_secs(60);

    fn started(&mut self) {
        self.started = Some(Instant::now());
    }

    fn next(&mut self) -> Duration {
        let recovered = self
            .started
            .take()
            .is_some_and(|at| at.elapsed() > Self::FORGET);
        self.pause = match self.pause {
            Duration::ZERO => Self::FIRST,
            _ if recovered => Self::FIRST,
            pause => (pause * 2).min(Self::MAX),
        };
        self.pause
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_a_limit() {
        let mut backoff = Backoff::default();
        let pauses: Vec<f32> = (0..8).map(|_| backoff.next().as_secs_f32()).collect();
        assert_eq!(pauses, [0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0]);
    }
}
