//! A Kafka of one partition in memory that fails at a chosen call, in a chosen way.

use std::{cell::RefCell, rc::Rc, sync::Arc, time::Duration};

use super::{Incoming, Log, LogError, Output, Polled, Positions};
use crate::shutdown::Shutdown;

pub(super) const TOPIC: &str = "in";

/// What is durable: it outlives the worker's state.
#[derive(Debug, Default)]
pub(super) struct Durable {
    pub(super) outputs: Vec<Output>,
    pub(super) next: i64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// The call did nothing; the transaction can be aborted.
    Abort,
    /// The call did nothing, but nobody knows.
    UnknownUndone,
    /// The call did its work, but nobody knows.
    UnknownDone,
    /// The group takes the partition and gives it back.
    Rebalance { lost: bool },
}

pub(super) struct FakeLog {
    pub(super) durable: Rc<RefCell<Durable>>,
    pub(super) inputs: Vec<Vec<u8>>,
    pub(super) fault: Option<(u32, Fault)>,
    /// A transaction of more outputs never gets through, and nobody knows.
    pub(super) holds_max: usize,
    pub(super) shutdown: Shutdown,
    calls: u32,
    position: i64,
    fetching: bool,
    in_transaction: bool,
    pending: Vec<Output>,
    script: Vec<Polled>,
}

impl FakeLog {
    pub(super) fn new(inputs: Vec<Vec<u8>>, fault: Option<(u32, Fault)>) -> Self {
        Self {
            durable: Rc::default(),
            inputs,
            fault,
            holds_max: usize::MAX,
            shutdown: Shutdown::new(),
            calls: 0,
            position: 0,
            fetching: false,
            in_transaction: false,
            pending: Vec::new(),
            script: vec![Polled::Assigned(vec![0])],
        }
    }

    /// Whether this call must fail, and how; `done` tells whether it works nevertheless.
    fn call(&mut self) -> (bool, Option<LogError>) {
        self.calls += 1;
        let Some((at, fault)) = self.fault.filter(|(at, _)| *at == self.calls) else {
            return (true, None);
        };
        self.fault = None;
        let text = format!("call {at}");
        match fault {
            Fault::Abort => (false, Some(LogError::Abort(text))),
            Fault::UnknownUndone => (false, Some(LogError::Unknown(text))),
            Fault::UnknownDone => (true, Some(LogError::Unknown(text))),
            Fault::Rebalance { lost } => {
                self.script = vec![Polled::Revoked { lost }, Polled::Assigned(vec![0])];
                self.script.reverse();
                (true, None)
            }
        }
    }

    fn done(failure: Option<LogError>) -> Result<(), LogError> {
        failure.map_or(Ok(()), Err)
    }
}

impl Log for FakeLog {
    fn poll(
        &mut self,
        _wait: Duration,
        on_record: &mut dyn FnMut(&Incoming<'_>),
    ) -> Result<Polled, LogError> {
        let (done, failure) = self.call();
        if let Some(failure) = failure
            && !done
        {
            return Err(failure);
        }
        if let Some(event) = self.script.pop() {
            return Ok(event);
        }
        let next = usize::try_from(self.position).unwrap();
        let Some(value) = self.inputs.get(next).filter(|_| self.fetching) else {
            if self.durable.borrow().next == i64::try_from(self.inputs.len()).unwrap() {
                self.shutdown.request();
            }
            return Ok(Polled::Idle);
        };
        on_record(&Incoming {
            topic: TOPIC,
            partition: 0,
            offset: self.position,
            timestamp_ms: 0,
            key: None,
            value: Some(value),
            headers: &[],
        });
        self.position += 1;
        Ok(Polled::Record)
    }

    fn load_positions(&mut self, _partitions: &[i32]) -> Result<(), LogError> {
        let (_, failure) = self.call();
        Self::done(failure)
    }

    fn take_up(&mut self) -> Result<(), LogError> {
        let (done, failure) = self.call();
        if done {
            self.fetching = true;
            self.position = self.durable.borrow().next;
        }
        Self::done(failure)
    }

    fn give_up(&mut self) -> Result<(), LogError> {
        self.fetching = false;
        Ok(())
    }

    fn begin(&mut self) -> Result<(), LogError> {
        assert!(!self.in_transaction, "a transaction is open already");
        let (done, failure) = self.call();
        self.in_transaction = done;
        Self::done(failure)
    }

    fn send(&mut self, output: &Output) -> Result<(), LogError> {
        assert!(self.in_transaction, "sent outside a transaction");
        let (done, failure) = self.call();
        if done {
            self.pending.push(output.clone());
        }
        Self::done(failure)
    }

    fn commit(&mut self, positions: &Positions) -> Result<(), LogError> {
        let (done, failure) = self.call();
        if self.pending.len() > self.holds_max {
            return Err(LogError::Unknown("too long".into()));
        }
        if done {
            self.in_transaction = false;
            let mut durable = self.durable.borrow_mut();
            durable.outputs.append(&mut self.pending);
            if let Some(next) = positions.get(&(Arc::from(TOPIC), 0)) {
                durable.next = *next;
            }
        }
        Self::done(failure)
    }

    fn abort(&mut self) -> Result<(), LogError> {
        let (done, failure) = self.call();
        if done {
            self.in_transaction = false;
            self.pending.clear();
        }
        Self::done(failure)
    }

    fn rewind(&mut self) -> Result<(), LogError> {
        let (done, failure) = self.call();
        if done {
            self.position = self.durable.borrow().next;
        }
        Self::done(failure)
    }

    fn renew(&mut self) -> Result<(), LogError> {
        let (done, failure) = self.call();
        self.pending.clear();
        if done {
            self.in_transaction = false;
        }
        Self::done(failure)
    }

    fn position(&self, _partition: i32) -> Option<((Arc<str>, i32), i64)> {
        None
    }

    fn caught_up(&mut self, _partition: i32, _wanted_ms: i64) -> Result<Option<i64>, LogError> {
        Ok(None)
    }

    fn close(&mut self) {}
}
