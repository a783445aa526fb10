use std::{cell::RefCell, rc::Rc, sync::Arc, time::Duration};

use super::{
    Failure, Incoming, Outgoing, Output, Stage,
    fake::{Durable, FakeLog, Fault},
    transaction::Metrics,
    worker::Worker,
};
use crate::{backoff::Backoff, clock::ManualClock};

/// Numbers its records: the count is state that must follow the transactions exactly.
struct Counting {
    durable: Rc<RefCell<Durable>>,
    committed: u64,
    overlay: u64,
    loaded: bool,
    fail_once_at: Option<u64>,
}

impl Stage for Counting {
    fn assigned(&mut self, _partitions: &[i32]) -> Result<(), Failure> {
        self.committed = u64::try_from(self.durable.borrow().outputs.len()).unwrap();
        self.overlay = 0;
        self.loaded = true;
        Ok(())
    }

    fn revoked(&mut self, _partitions: &[i32]) {
        self.loaded = false;
    }

    fn record(&mut self, record: &Incoming<'_>, out: &mut Outgoing) -> Result<(), Failure> {
        assert!(self.loaded, "a record of a partition that is not ours");
        let number = self.committed + self.overlay + 1;
        if self.fail_once_at == Some(number) {
            self.fail_once_at = None;
            return Err(Failure::Retry("not now".into()));
        }
        self.overlay += 1;
        let value = format!(
            "{number}:{}",
            String::from_utf8_lossy(record.value.unwrap())
        );
        out.send(Output {
            topic: Arc::from("out"),
            partition: None,
            key: Vec::new(),
            value: Some(value.into_bytes()),
            headers: Vec::new(),
        });
        Ok(())
    }

    fn committed(&mut self) {
        self.committed += std::mem::take(&mut self.overlay);
    }

    fn discarded(&mut self) {
        self.overlay = 0;
    }
}

fn outputs_of(fault: Option<(u32, Fault)>, fail_once_at: Option<u64>) -> Vec<String> {
    outputs(FakeLog::new(inputs(), fault), fail_once_at)
}

fn inputs() -> Vec<Vec<u8>> {
    ["a", "b", "c", "d"].map(|v| v.as_bytes().to_vec()).to_vec()
}

fn outputs(mut log: FakeLog, fail_once_at: Option<u64>) -> Vec<String> {
    let shutdown = log.shutdown.clone();
    let durable = log.durable.clone();
    let mut stage = Counting {
        durable: durable.clone(),
        committed: 0,
        overlay: 0,
        loaded: false,
        fail_once_at,
    };
    let metrics = Metrics::new("test", &prometheus::Registry::new()).unwrap();
    let clock = Arc::new(ManualClock::at_ms(0));
    let mut worker = Worker::new(&mut log, &mut stage, clock, metrics);
    worker.backoff = Backoff::new(Duration::from_micros(10), Duration::from_micros(10));
    worker.run(&shutdown).unwrap();
    let durable = durable.borrow();
    durable
        .outputs
        .iter()
        .map(|output| String::from_utf8(output.value.clone().unwrap()).unwrap())
        .collect()
}

const EXPECTED: [&str; 4] = ["1:a", "2:b", "3:c", "4:d"];

#[test]
fn each_record_has_its_effect_once_when_nothing_fails() {
    assert_eq!(outputs_of(None, None), EXPECTED);
}

#[test]
fn each_record_has_its_effect_once_whichever_call_fails_in_whichever_way() {
    let faults = [
        Fault::Abort,
        Fault::UnknownUndone,
        Fault::UnknownDone,
        Fault::Rebalance { lost: false },
        Fault::Rebalance { lost: true },
    ];
    for fault in faults {
        for call in 1..40 {
            assert_eq!(
                outputs_of(Some((call, fault)), None),
                EXPECTED,
                "{fault:?} at call {call}"
            );
        }
    }
}

#[test]
fn a_stage_that_asks_for_a_retry_sees_the_same_input_again() {
    for number in 1..=4 {
        assert_eq!(outputs_of(None, Some(number)), EXPECTED);
    }
}

#[test]
fn records_that_are_too_much_for_one_transaction_get_through_in_several() {
    for holds_max in 1..=4 {
        let mut log = FakeLog::new(inputs(), None);
        log.holds_max = holds_max;
        assert_eq!(outputs(log, None), EXPECTED, "{holds_max}");
    }
}
