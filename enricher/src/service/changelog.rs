//! Where the state of a partition comes from.

use std::collections::BTreeMap;

use runtime::{
    kafka::{
        exactly_once::Failure,
        restore::{ChangelogReader, RestoreError},
    },
    settings::KafkaSettings,
};

use crate::{
    codec::{IDENTITY_KEY, decode_identity},
    shelf::{Identity, Position},
};

/// Takes offset, key and value (none: a tombstone), or says why it can't.
pub type Each<'a> = dyn FnMut(i64, &[u8], Option<&[u8]>) -> Result<(), String> + 'a;

/// The records of a partition, in the order of the log.
pub trait Changelog: Send {
    /// Whether this is the changelog that a shelf follows, with all that it lacks.
    ///
    /// # Errors
    /// [`Failure::Retry`].
    fn has(&mut self, partition: i32, position: &Position) -> Result<bool, Failure>;

    /// Hands out what stands from an offset on; none is the beginning. Returns where to go on later.
    ///
    /// # Errors
    /// [`Failure::Retry`], also where `each` refuses.
    fn read(
        &mut self,
        partition: i32,
        from: Option<i64>,
        each: &mut Each<'_>,
    ) -> Result<i64, Failure>;

    /// Nothing more is wanted for now.
    fn rest(&mut self) {}
}

/// The changelog topic.
#[derive(Debug)]
pub struct KafkaChangelog {
    kafka: KafkaSettings,
    topic: String,
    reader: Option<ChangelogReader>,
}

fn later(error: &RestoreError) -> Failure {
    Failure::Retry(error.to_string())
}

impl KafkaChangelog {
    pub fn new(kafka: KafkaSettings, topic: String) -> Self {
        Self {
            kafka,
            topic,
            reader: None,
        }
    }

    fn reader(&mut self) -> Result<&ChangelogReader, Failure> {
        let reader = match self.reader.take() {
            Some(reader) => reader,
            None => {
                ChangelogReader::connect(&self.kafka, &self.topic).map_err(|error| later(&error))?
            }
        };
        Ok(self.reader.insert(reader))
    }
}

impl Changelog for KafkaChangelog {
    fn has(&mut self, partition: i32, position: &Position) -> Result<bool, Failure> {
        let Some(Identity { offset, id }) = position.identity else {
            return Ok(false);
        };
        let reader = self.reader()?;
        let (begin, end) = reader.ends(partition).map_err(|error| later(&error))?;
        if position.next < begin || position.next > end {
            return Ok(false);
        }
        let mut found = None;
        let mut on_record = |_: i64, key: &[u8], value: Option<&[u8]>| {
            if key == IDENTITY_KEY.as_bytes() {
                found = value.and_then(|value| decode_identity(value).ok());
            }
            Ok(())
        };
        let read = reader.record_at(partition, offset, &mut on_record);
        read.map_err(|error| later(&error))?;
        Ok(found == Some(id))
    }

    fn read(
        &mut self,
        partition: i32,
        from: Option<i64>,
        each: &mut Each<'_>,
    ) -> Result<i64, Failure> {
        let read = self.reader()?.read(partition, from, each);
        read.map_err(|error| later(&error))
    }

    fn rest(&mut self) {
        self.reader = None;
    }
}

/// A changelog without Kafka, of which no record is ever cleaned away.
#[derive(Clone, Debug, Default)]
pub struct MemoryChangelog(pub BTreeMap<i32, Vec<LogRecord>>);

/// Key and value.
pub type LogRecord = (Vec<u8>, Option<Vec<u8>>);

impl Changelog for MemoryChangelog {
    fn has(&mut self, partition: i32, position: &Position) -> Result<bool, Failure> {
        let log = self.0.get(&partition).map_or(&[][..], Vec::as_slice);
        let at = |offset: i64| log.get(usize::try_from(offset).ok()?);
        let identity = position.identity.and_then(|identity| {
            let (key, value) = at(identity.offset)?;
            let id = decode_identity(value.as_deref()?).ok()?;
            Some(key == IDENTITY_KEY.as_bytes() && id == identity.id)
        });
        Ok(identity == Some(true) && usize::try_from(position.next).is_ok_and(|n| n <= log.len()))
    }

    fn read(
        &mut self,
        partition: i32,
        from: Option<i64>,
        each: &mut Each<'_>,
    ) -> Result<i64, Failure> {
        let log = self.0.get(&partition).map_or(&[][..], Vec::as_slice);
        let from = from.unwrap_or(0);
        let skip = usize::try_from(from).unwrap_or(0);
        for (offset, (key, value)) in (from..).zip(log.iter().skip(skip)) {
            each(offset, key, value.as_deref()).map_err(Failure::Retry)?;
        }
        Ok(i64::try_from(log.len()).unwrap_or(i64::MAX))
    }
}
