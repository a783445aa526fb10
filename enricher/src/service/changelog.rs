//! Where the state of a partition comes from.

use std::collections::BTreeMap;

use runtime::{
    kafka::{
        exactly_once::Failure,
        restore::{RestoreError, read_changelog},
    },
    settings::KafkaSettings,
};

use crate::codec::{CodecError, Record};

/// Gives the newest record of each key of a partition, in the order of the log.
pub trait Changelog: Send {
    /// `each` gets key and record, none for a tombstone.
    ///
    /// # Errors
    /// [`Failure::Stop`] for what is not ours, [`Failure::Retry`] for what may work later.
    fn read(
        &mut self,
        partition: i32,
        each: &mut dyn FnMut(&str, Option<Record>),
    ) -> Result<(), Failure>;
}

/// The changelog topic.
#[derive(Clone, Debug)]
pub struct KafkaChangelog {
    pub kafka: KafkaSettings,
    pub topic: String,
}

impl Changelog for KafkaChangelog {
    fn read(
        &mut self,
        partition: i32,
        each: &mut dyn FnMut(&str, Option<Record>),
    ) -> Result<(), Failure> {
        let mut on_record = |key: &[u8], value: Option<&[u8]>| {
            take(key, value, each).map_err(|error| error.to_string())
        };
        match read_changelog(&self.kafka, &self.topic, partition, &mut on_record) {
            Ok(_) => Ok(()),
            Err(error @ RestoreError::Record(_)) => Err(Failure::Stop(error.into())),
            Err(error @ (RestoreError::Kafka(_) | RestoreError::Stalled { .. })) => {
                Err(Failure::Retry(error.to_string()))
            }
        }
    }
}

/// A changelog without Kafka.
#[derive(Clone, Debug, Default)]
pub struct MemoryChangelog(pub BTreeMap<(i32, Vec<u8>), Vec<u8>>);

impl Changelog for MemoryChangelog {
    fn read(
        &mut self,
        partition: i32,
        each: &mut dyn FnMut(&str, Option<Record>),
    ) -> Result<(), Failure> {
        for ((_, key), value) in self.0.iter().filter(|((owner, _), _)| *owner == partition) {
            take(key, Some(value), each).map_err(|error| Failure::Stop(error.into()))?;
        }
        Ok(())
    }
}

fn take(
    key: &[u8],
    value: Option<&[u8]>,
    each: &mut dyn FnMut(&str, Option<Record>),
) -> Result<(), CodecError> {
    let key = std::str::from_utf8(key).map_err(|_| CodecError::Version)?;
    each(key, value.map(Record::decode).transpose()?);
    Ok(())
}
