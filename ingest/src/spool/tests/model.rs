//! Any course of appends, reads, settlements, failures, crashes and damage, beside a model that knows
//! what was promised.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use bytes::Bytes;
use proptest::{collection::vec, prelude::*};

use super::memory::{Dice, Memory};
use crate::spool::{
    Entry, Opened, Sequence, SpoolError,
    format::{CURSOR, Frame, Front, HEADER_BYTES},
    log::{Limits, Log, locked},
    names::parse_name,
};

#[derive(Clone, Debug)]
pub(super) enum Step {
    /// A batch; each of its entries with a body of this size.
    Append(Vec<u8>),
    Read(u16),
    /// This share of what was read, of 255.
    Settle(u8),
    /// After so many changing calls, so many fail.
    FailWrites(u8, u8),
    FailReads(u8),
    Fill(bool),
    Crash,
    Kill,
    Flip(u32),
}

pub(super) fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        8 => vec(0_u8..120, 1..6).prop_map(Step::Append),
        5 => (1_u16..900).prop_map(Step::Read),
        3 => any::<u8>().prop_map(Step::Settle),
        3 => (0_u8..12, 1_u8..4).prop_map(|(after, count)| Step::FailWrites(after, count)),
        1 => (0_u8..6).prop_map(Step::FailReads),
        1 => any::<bool>().prop_map(Step::Fill),
        2 => Just(Step::Crash),
        1 => Just(Step::Kill),
        1 => any::<u32>().prop_map(Step::Flip),
    ];
    vec(step, 1..60)
}

/// Where a promised entry lies.
#[derive(Clone, Copy, Debug)]
struct Lies {
    first: u64,
    sequence: u64,
}

#[derive(Default)]
struct Model {
    entries: u64,
    promised: BTreeMap<u64, Lies>,
    /// Up to here a settlement was asked for; it may hold.
    settled_maybe: u64,
    /// Up to here one has succeeded: nothing of it comes again.
    settled: u64,
    /// By first sequence of a segment: from here on its records may be lost.
    damage: BTreeMap<u64, u64>,
    is_cursor_damaged: bool,
    /// Entries refused since the start of this process: they don't come out of it.
    refused: Vec<u64>,
    /// What this process has read, and what it has settled.
    read: Vec<(Sequence, u64)>,
    /// What was read and then settled, by any process: that is in Kafka. With it what may be settled.
    delivered: BTreeSet<u64>,
    delivered_maybe: BTreeSet<u64>,
    /// Damaged at the end of the last file, where nothing says that they were promised: cut as if torn.
    cut: BTreeSet<u64>,
}

pub(super) struct Course {
    memory: Memory,
    log: Log,
    model: Model,
    dice: Dice,
}

pub(super) fn entry(id: u64, size: u8) -> Vec<u8> {
    let body = vec![0xab; usize::from(size)];
    let entry = Entry {
        overflow: false,
        placement: id,
        headers: Vec::new(),
        body: Bytes::from(body),
    };
    entry.encode().unwrap()
}

pub(super) fn start(memory: &Memory) -> Result<(Log, Opened), SpoolError> {
    let limits = Limits {
        segment_bytes: 700,
        free_bytes_min: 1_000,
    };
    Log::open(Arc::new(memory.clone()), limits)
}

impl Course {
    pub(super) fn begin(seed: u64) -> Self {
        let memory = Memory::new(seed);
        let (log, opened) = start(&memory).unwrap();
        assert_eq!(opened, Opened::default());
        Self {
            memory,
            log,
            model: Model::default(),
            dice: Dice::new(seed ^ 0x5eed),
        }
    }

    pub(super) fn take(&mut self, step: &Step) {
        match step {
            Step::Append(sizes) => self.append(sizes),
            Step::Read(bytes) => {
                self.read(usize::from(*bytes)).ok();
            }
            Step::Settle(share) => self.settle(usize::from(*share)),
            Step::FailWrites(after, count) => {
                self.memory
                    .fail_writes(usize::from(*after), usize::from(*count));
            }
            Step::FailReads(after) => self.memory.fail_reads(usize::from(*after), 2),
            Step::Fill(is_full) => self.memory.fill(*is_full),
            Step::Crash => self.restart(true),
            Step::Kill => self.restart(self.memory.pretends()),
            Step::Flip(at) => self.flip(usize::try_from(*at).unwrap()),
        }
        self.check_counters();
    }

    fn append(&mut self, sizes: &[u8]) {
        let ids: Vec<u64> = (self.model.entries + 1..).take(sizes.len()).collect();
        self.model.entries += sizes.len() as u64;
        let payloads: Vec<_> = ids
            .iter()
            .zip(sizes)
            .map(|(id, size)| entry(*id, *size))
            .collect();
        self.log.announce(sizes.len() as u64);
        match self.log.write(&payloads, 1) {
            Ok(from) => {
                let first = locked(&self.log.state).segments.last().unwrap().first;
                for (sequence, id) in (from..).zip(ids) {
                    self.model.promised.insert(id, Lies { first, sequence });
                }
            }
            Err(_) => self.model.refused.extend(ids),
        }
    }

    fn read(&mut self, bytes: usize) -> Result<usize, SpoolError> {
        let after = self.model.read.last().map(|(sequence, _)| *sequence);
        let read = self.log.read(after, bytes)?;
        for (sequence, entry) in &read {
            let id = entry.placement;
            let model = &self.model;
            let before = model.read.last().map_or(0, |(_, id)| *id);
            assert!(
                !model.refused.contains(&id),
                "{id} was refused, and came out"
            );
            assert!(
                model.is_cursor_damaged || id > model.settled,
                "{id} came after it was settled"
            );
            // In order, and nothing between is missing.
            let is_first = model.read.is_empty();
            let from = if is_first { model.settled } else { before };
            assert!(id > before, "{id} came behind {before}");
            for (between, lies) in model.promised.range((from + 1).min(id)..id) {
                let may_be_settled =
                    (is_first || model.is_cursor_damaged) && *between <= model.settled_maybe;
                assert!(
                    may_be_settled || model.may_be_lost(*lies),
                    "{between} is missing before {id}"
                );
            }
            self.model.read.push((*sequence, id));
        }
        Ok(read.len())
    }

    fn settle(&mut self, share: usize) {
        let index = (self.model.read.len() * share)
            .checked_div(255)
            .unwrap_or_default();
        let Some((sequence, id)) = index.checked_sub(1).map(|index| self.model.read[index]) else {
            return;
        };
        self.model.settled_maybe = self.model.settled_maybe.max(id);
        let read = self.model.read.iter().take(index);
        let read: Vec<u64> = read.map(|(sequence, _)| sequence.0).collect();
        self.model.delivered_maybe.extend(&read);
        if self.log.settle(sequence).is_ok() {
            self.model.settled = self.model.settled.max(id);
            self.model.delivered.extend(read);
        }
    }

    fn restart(&mut self, with_crash: bool) {
        if with_crash {
            self.memory.crash();
        }
        let (log, opened) = match start(&self.memory) {
            Ok(started) => started,
            Err(_) => {
                self.memory.mend();
                start(&self.memory).unwrap()
            }
        };
        self.check_opened(&opened);
        self.log = log;
        self.note_cut();
        self.model.refused.clear();
        self.model.read.clear();
    }

    fn note_cut(&mut self) {
        let state = locked(&self.log.state);
        for segment in state.segments.iter().filter(|one| !one.is_quarantined) {
            let lies = self.model.promised.values();
            let cut = lies.filter(|l| l.first == segment.first && l.sequence > segment.last);
            self.model.cut.extend(cut.map(|lies| lies.sequence));
        }
        drop(state);
        // at its first record, so that nothing of the file was left
        let names = self.memory.names();
        let left: BTreeSet<u64> = names
            .iter()
            .filter_map(|name| Some(parse_name(name)?.first))
            .collect();
        let lies = self.model.promised.values().copied();
        let cut = lies.filter(|lies| !left.contains(&lies.first) && self.model.may_be_lost(*lies));
        let cut: Vec<u64> = cut.map(|lies| lies.sequence).collect();
        self.model.cut.extend(cut);
    }

    fn check_opened(&self, opened: &Opened) {
        if self.model.is_cursor_damaged {
            // Who does not know what is settled may take a removed file for a lost one.
            return;
        }
        assert_eq!(opened.missing, 0);
        for name in &opened.quarantined {
            assert!(
                self.model.is_blamed(parse_name(name).unwrap().first),
                "{name} is kept, and nobody damaged it"
            );
        }
    }

    /// Flips a bit of what was synced.
    fn flip(&mut self, at: usize) {
        let names: Vec<String> = self
            .memory
            .names()
            .into_iter()
            .filter(|n| !n.contains("new"))
            .collect();
        if names.is_empty() {
            return;
        }
        let name = &names[at % names.len()];
        let bytes = self.memory.durable(name);
        if bytes.is_empty() {
            return;
        }
        let bit = self.dice.below(bytes.len() * 8);
        if name == CURSOR {
            self.model.is_cursor_damaged = true;
        } else if let Some(first) = parse_name(name).map(|name| name.first)
            && let Some(sequence) = record_at(&bytes, first, bit / 8)
        {
            let damage = self.model.damage.entry(first).or_insert(sequence);
            *damage = (*damage).min(sequence);
        }
        self.memory.flip(name, bit);
    }

    fn check_counters(&self) {
        let state = locked(&self.log.state);
        let unsettled = self.log.unsettled.load(std::sync::atomic::Ordering::SeqCst);
        assert_eq!(unsettled, state.records());
        let kept = state
            .segments
            .iter()
            .filter(|segment| !segment.is_quarantined);
        let bytes = self.log.bytes.load(std::sync::atomic::Ordering::SeqCst);
        assert_eq!(bytes, kept.map(|segment| segment.bytes).sum::<u64>());
        let mut waiting = self.model.promised.range(self.model.settled_maybe + 1..);
        if waiting.any(|(_, lies)| !self.model.may_be_lost(*lies)) {
            assert!(
                unsettled > 0,
                "something promised waits, and the spool says it is empty"
            );
        }
    }

    /// What a name calls lost is in Kafka for none of its records; what is not there was called lost.
    fn check_lost(&self, name: &str) {
        let Some((first, lost)) = parse_name(name).and_then(|n| Some((n.first, n.lost?))) else {
            return;
        };
        let called = lost.first..=lost.last;
        let delivered = |sequence: &u64| called.contains(sequence);
        assert!(!self.model.delivered.iter().any(delivered), "{name}");
        // A file that decayed, and could not get its new name, says too little.
        if !lost.is_all || self.memory.kept_a_name() {
            return;
        }
        for lies in self.model.promised.values().filter(|l| l.first == first) {
            let (one, model) = (&lies.sequence, &self.model);
            let is_told = called.contains(one) || model.delivered_maybe.contains(one);
            assert!(
                is_told || model.cut.contains(one),
                "{name} says nothing of {lies:?}"
            );
        }
    }

    /// Everything that was promised comes out, and afterwards nothing is left.
    pub(super) fn end(&mut self) {
        self.memory.mend();
        self.restart(false);
        while self.read(500).unwrap() > 0 {}
        let last = self
            .model
            .read
            .last()
            .map_or(self.model.settled_maybe, |(_, id)| *id);
        // With a damaged cursor the last one read may be one that was settled long ago.
        let last = last.max(self.model.settled_maybe);
        for (id, lies) in self.model.promised.range(last + 1..) {
            assert!(self.model.may_be_lost(*lies), "{id} never came out");
        }
        self.settle(255);
        // Damage is found by reading too, and then nothing waits.
        assert_eq!(locked(&self.log.state).records(), 0);
        self.restart(true);
        assert_eq!(locked(&self.log.state).records(), 0);
        for name in self.memory.names() {
            let is_kept = name.contains("quarantined");
            assert!(is_kept || name == CURSOR, "{name} is left");
            if !self.model.is_cursor_damaged {
                self.check_lost(&name);
            }
        }
    }
}

impl Model {
    fn may_be_lost(&self, lies: Lies) -> bool {
        let from = self.damage.get(&lies.first);
        from.is_some_and(|from| lies.sequence >= *from)
    }

    /// Damaged itself, or what followed it is, so that nothing tells any more what was promised.
    fn is_blamed(&self, first: u64) -> bool {
        self.damage.keys().any(|damaged| *damaged >= first)
    }
}

/// The record in which a byte of a segment lies; a header takes no record with it.
fn record_at(bytes: &[u8], first: u64, at: usize) -> Option<u64> {
    if at < HEADER_BYTES {
        return None;
    }
    let mut offset = HEADER_BYTES;
    let mut sequence = first;
    while let Front::Whole(frame) = Frame::read(&bytes[offset..]) {
        offset += frame.bytes();
        if at < offset {
            return Some(sequence);
        }
        sequence += 1;
    }
    Some(sequence)
}
