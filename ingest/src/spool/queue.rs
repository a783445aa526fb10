//! What waits to be written, and the one thread that writes it: a whole batch, one sync, then an answer
//! to each.

use std::{
    collections::VecDeque,
    sync::{Arc, Condvar, Mutex, PoisonError},
};

use runtime::clock::SharedClock;
use tokio::sync::oneshot;

use crate::spool::{
    Sequence, SpoolError,
    log::{Log, locked},
};

/// More than a busy instance has requests in flight.
const WAITING_MAX: usize = 16_384;
const WAITING_BYTES_MAX: usize = 64 * 1024 * 1024;
/// One sync pays for as much; more would make the first of them wait for the last.
const BATCH_BYTES_MAX: usize = 1024 * 1024;

pub(super) type Answer = Result<Sequence, SpoolError>;

struct Waiting {
    payload: Vec<u8>,
    answer: oneshot::Sender<Answer>,
}

#[derive(Default)]
struct Line {
    waiting: VecDeque<Waiting>,
    /// Of all that is not answered, what is being written included.
    bytes: usize,
    is_closed: bool,
}

#[derive(Default)]
pub(super) struct Queue {
    line: Mutex<Line>,
    changed: Condvar,
}

impl Queue {
    /// Puts an announced record in line, without waiting. `room`: how many bytes may still be spooled.
    pub(super) fn push(
        &self,
        payload: Vec<u8>,
        room: u64,
    ) -> Result<oneshot::Receiver<Answer>, SpoolError> {
        let (answer, answered) = oneshot::channel();
        let mut line = locked(&self.line);
        if line.is_closed {
            return Err(SpoolError::Closed);
        }
        let bytes = line.bytes + payload.len();
        if bytes as u64 > room {
            return Err(SpoolError::Full);
        }
        let is_too_much = line.waiting.len() >= WAITING_MAX || bytes > WAITING_BYTES_MAX;
        if is_too_much && !line.waiting.is_empty() {
            return Err(SpoolError::Busy);
        }
        line.bytes = bytes;
        line.waiting.push_back(Waiting { payload, answer });
        // The writer only sleeps in front of an empty line.
        if line.waiting.len() == 1 {
            self.changed.notify_one();
        }
        Ok(answered)
    }

    /// Nothing more is taken; what waits is still written.
    pub(super) fn close(&self) {
        locked(&self.line).is_closed = true;
        self.changed.notify_one();
    }

    /// Waits for work. `None`: closed, and all is written.
    fn next_batch(&self) -> Option<Vec<Waiting>> {
        let mut line = locked(&self.line);
        while line.waiting.is_empty() {
            if line.is_closed {
                return None;
            }
            let woken = self.changed.wait(line);
            line = woken.unwrap_or_else(PoisonError::into_inner);
        }
        let mut bytes = 0;
        let mut count = 0;
        for waiting in &line.waiting {
            bytes += waiting.payload.len();
            if count > 0 && bytes > BATCH_BYTES_MAX {
                break;
            }
            count += 1;
        }
        Some(line.waiting.drain(..count).collect())
    }

    /// Writes until the queue is closed and empty.
    pub(super) fn write(&self, log: &Log, clock: &SharedClock) {
        let guard = Ending { queue: self, log };
        while let Some(batch) = self.next_batch() {
            let (payloads, answers): (Vec<_>, Vec<_>) = batch
                .into_iter()
                .map(|waiting| (waiting.payload, waiting.answer))
                .unzip();
            let written = log.write(&payloads, clock.now_micros());
            locked(&self.line).bytes -= payloads.iter().map(Vec::len).sum::<usize>();
            for (index, answer) in (0..).zip(answers) {
                let result = written.clone().map(|first| Sequence(first + index));
                // Whoever asked may have gone away; the record is safe or not all the same.
                drop(answer.send(result));
            }
        }
        drop(guard);
    }
}

/// However the writer ends: nobody waits for it any more.
struct Ending<'a> {
    queue: &'a Queue,
    log: &'a Log,
}

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        let mut line = locked(&self.queue.line);
        line.is_closed = true;
        let left = std::mem::take(&mut line.waiting);
        self.log.renounce(left.len() as u64);
    }
}

/// The thread of the writer.
pub(super) fn start(
    queue: Arc<Queue>,
    log: Arc<Log>,
    clock: SharedClock,
) -> std::io::Result<std::thread::JoinHandle<()>> {
    std::thread::Builder::new()
        .name("spool".into())
        .spawn(move || queue.write(&log, &clock))
}
