//! Bytes of what only the enricher reads: state in the changelog, messages between orders.
//!
//! A version byte, then MessagePack with named fields: a field may be added (with a default) and
//! older records still read. The version rises only with a change that cannot be read so.

use schemas::ReceiptId;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::{account::AccountState, lineage::Message, order::OrderState, shelf::Waits};

const VERSION: u8 = 1;
const ORDER: u8 = b'o';
const ACCOUNT: u8 = b'a';
const LINK: u8 = b'l';
const SUCCESSOR: u8 = b's';

/// Why bytes are not ours.
#[derive(Debug, thiserror::Error)]
pub enum CodecError {
    #[error("written by a newer version, or not by us")]
    Version,
    #[error("not read")]
    Decode(#[from] rmp_serde::decode::Error),
    #[error("not written")]
    Encode(#[from] rmp_serde::encode::Error),
}

/// What the changelog holds under one key.
#[derive(Clone, Debug)]
pub enum Record {
    Order(Box<OrderState>),
    Account(Box<AccountState>),
}

fn write<T: Serialize>(kind: u8, value: &T) -> Result<Vec<u8>, CodecError> {
    let mut bytes = Vec::with_capacity(512);
    bytes.extend([VERSION, kind]);
    rmp_serde::encode::write_named(&mut bytes, value)?;
    Ok(bytes)
}

/// How long a part of a record is.
pub fn size<T: Serialize>(value: &T) -> usize {
    struct Count(usize);
    impl std::io::Write for Count {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0 += bytes.len();
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let mut count = Count(0);
    let written = rmp_serde::encode::write_named(&mut count, value);
    // What can't be written has no room anywhere.
    written.map_or(usize::MAX >> 16, |()| count.0)
}

fn read<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, CodecError> {
    Ok(rmp_serde::from_slice(bytes)?)
}

impl Record {
    pub fn encode(&self) -> Result<Vec<u8>, CodecError> {
        match self {
            Self::Order(state) => write(ORDER, state),
            Self::Account(state) => write(ACCOUNT, state),
        }
    }

    /// About as long as it is as bytes.
    pub fn bytes(&self) -> usize {
        match self {
            Self::Order(state) => state.bytes(),
            Self::Account(state) => state.bytes(),
        }
    }

    pub fn decode(bytes: &[u8]) -> Result<Self, CodecError> {
        match bytes {
            [VERSION, ORDER, rest @ ..] => {
                let mut state: Box<OrderState> = read(rest)?;
                state.was_read(bytes.len());
                Ok(Self::Order(state))
            }
            [VERSION, ACCOUNT, rest @ ..] => Ok(Self::Account(read(rest)?)),
            _ => Err(CodecError::Version),
        }
    }
}

/// What a record says of when to look at it: read without building it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Glance {
    pub touched_ms: i64,
    pub waits: Option<Waits>,
}

#[derive(Deserialize)]
struct Times {
    #[serde(rename = "t", default)]
    touched_ms: i64,
    #[serde(rename = "w", default)]
    window: Vec<Deadline>,
}

#[derive(Deserialize)]
struct Deadline {
    #[serde(rename = "d")]
    deadline_ms: i64,
}

impl Glance {
    pub fn of(bytes: &[u8]) -> Result<Self, CodecError> {
        let [VERSION, ORDER | ACCOUNT, rest @ ..] = bytes else {
            return Err(CodecError::Version);
        };
        let Times { touched_ms, window } = read(rest)?;
        let first = window.iter().map(|waiting| waiting.deadline_ms).min();
        Ok(Self {
            touched_ms,
            waits: first.map(|deadline_ms| Waits {
                deadline_ms,
                count: u32::try_from(window.len()).unwrap_or(u32::MAX),
            }),
        })
    }
}

/// Key under which a changelog says which one it is. No order's key is like it: those have slashes.
pub const IDENTITY_KEY: &str = "@identity";

#[derive(Serialize, Deserialize)]
struct IdentityRecord {
    #[serde(rename = "id", with = "bytes16")]
    id: ReceiptId,
}

/// The record under [`IDENTITY_KEY`]. To an older version it is an account that saw nothing.
pub fn encode_identity(id: [u8; 16]) -> Result<Vec<u8>, CodecError> {
    let id = ReceiptId::from_bytes(id);
    write(ACCOUNT, &IdentityRecord { id })
}

pub fn decode_identity(bytes: &[u8]) -> Result<[u8; 16], CodecError> {
    match bytes {
        [VERSION, ACCOUNT, rest @ ..] => Ok(*read::<IdentityRecord>(rest)?.id.as_bytes()),
        _ => Err(CodecError::Version),
    }
}

pub fn encode_message(message: &Message) -> Result<Vec<u8>, CodecError> {
    match message {
        Message::Link(link) => write(LINK, link),
        Message::Successor(said) => write(SUCCESSOR, said),
    }
}

pub fn decode_message(bytes: &[u8]) -> Result<Message, CodecError> {
    match bytes {
        [VERSION, LINK, rest @ ..] => Ok(Message::Link(read(rest)?)),
        [VERSION, SUCCESSOR, rest @ ..] => Ok(Message::Successor(read(rest)?)),
        _ => Err(CodecError::Version),
    }
}

/// Ids as their sixteen bytes: half of what their text takes.
pub mod bytes16 {
    use std::fmt;

    use schemas::{EventId, ReceiptId};
    use serde::{Deserializer, Serializer, de};

    pub trait Bytes16: Sized {
        fn bytes(&self) -> &[u8; 16];
        fn from(bytes: [u8; 16]) -> Self;
    }

    impl Bytes16 for EventId {
        fn bytes(&self) -> &[u8; 16] {
            self.as_bytes()
        }
        fn from(bytes: [u8; 16]) -> Self {
            Self::from_bytes(bytes)
        }
    }

    impl Bytes16 for ReceiptId {
        fn bytes(&self) -> &[u8; 16] {
            self.as_bytes()
        }
        fn from(bytes: [u8; 16]) -> Self {
            Self::from_bytes(bytes)
        }
    }

    pub fn serialize<T: Bytes16, S: Serializer>(id: &T, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_bytes(id.bytes())
    }

    pub fn deserialize<'de, T: Bytes16, D: Deserializer<'de>>(from: D) -> Result<T, D::Error> {
        struct Visitor;
        impl<'de> de::Visitor<'de> for Visitor {
            type Value = [u8; 16];
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("sixteen bytes")
            }
            fn visit_bytes<E: de::Error>(self, bytes: &[u8]) -> Result<[u8; 16], E> {
                bytes
                    .try_into()
                    .map_err(|_| E::invalid_length(bytes.len(), &self))
            }
            fn visit_seq<A: de::SeqAccess<'de>>(self, mut seq: A) -> Result<[u8; 16], A::Error> {
                let mut bytes = [0; 16];
                for (at, byte) in bytes.iter_mut().enumerate() {
                    *byte = seq
                        .next_element()?
                        .ok_or_else(|| de::Error::invalid_length(at, &self))?;
                }
                Ok(bytes)
            }
        }
        from.deserialize_bytes(Visitor).map(T::from)
    }
}

/// A list of shared values as a plain list: cloning an order's state shares its history.
pub mod shared {
    use std::sync::Arc;

    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub fn serialize<T: Serialize, S: Serializer>(
        list: &[Arc<T>],
        to: S,
    ) -> Result<S::Ok, S::Error> {
        to.collect_seq(list.iter().map(AsRef::as_ref))
    }

    pub fn deserialize<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Vec<Arc<T>>, D::Error> {
        Ok(Vec::<T>::deserialize(from)?
            .into_iter()
            .map(Arc::new)
            .collect())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::{
        lineage::{Claim, Successor},
        sample::*,
    };

    fn state() -> OrderState {
        let mut bench = Bench::default();
        let mut full = status("ASSIGNING_DRIVER", "", 0);
        full.driver = Some(driver("d"));
        full.stops = vec![schemas::delivery_event::Stop::default()];
        bench.append(full, 0);
        bench.append(replaces("A", "B", 1), 0);
        bench.append(status("COMPLETED", "PICKED_UP", 30), 0);
        bench.commit();
        bench
            .partition
            .store_mut()
            .order(&key("A").to_string())
            .unwrap()
            .clone()
    }

    fn order(bytes: &[u8]) -> OrderState {
        match Record::decode(bytes).unwrap() {
            Record::Order(state) => *state,
            Record::Account(_) => panic!("an account"),
        }
    }

    #[test]
    fn a_state_reads_back_with_what_was_released_and_what_waits() {
        let bytes = Record::Order(Box::new(state())).encode().unwrap();
        let read = order(&bytes);
        assert!(read.facts().eq(state().facts()));
        let waiting: Vec<_> = read
            .window()
            .iter()
            .map(|waiting| waiting.event.clone())
            .collect();
        assert_eq!(waiting, [status("COMPLETED", "PICKED_UP", 30).into()]);
        assert_eq!(read.lineage(), state().lineage());
        assert_eq!(read.outcome(), state().outcome());
    }

    #[test]
    fn a_field_that_another_version_added_or_lacks_does_not_stand_in_the_way() {
        let newer: BTreeMap<&str, i64> = [("n", 7), ("later", 1)].into();
        assert_eq!(order(&write(ORDER, &newer).unwrap()).sequence(), 7);
    }

    #[test]
    fn a_message_without_evidence_is_that_of_an_older_version() {
        let claim = Claim {
            at: at(1),
            event_id: id("claim"),
            order_id: order_id("B"),
        };
        let older = write(SUCCESSOR, &claim).unwrap();
        let evidence = None;
        let message = Message::Successor(Successor { claim, evidence });
        assert_eq!(decode_message(&older).unwrap(), message);
        let newer = encode_message(&message).unwrap();
        let by_older: Claim = read(&newer[2..]).unwrap();
        assert_eq!(&by_older, message.claim());
    }

    #[test]
    fn a_glance_tells_when_something_is_due_without_reading_the_rest() {
        let bytes = Record::Order(Box::new(state())).encode().unwrap();
        let glance = Glance::of(&bytes).unwrap();
        assert_eq!(glance.touched_ms, START_MS);
        let deadline_ms = START_MS + HOLD_MS;
        let waits = Waits {
            deadline_ms,
            count: 1,
        };
        assert_eq!(glance.waits, Some(waits));
    }

    #[test]
    fn an_older_version_takes_a_changelogs_identity_for_an_account() {
        let bytes = encode_identity([7; 16]).unwrap();
        assert_eq!(decode_identity(&bytes).unwrap(), [7; 16]);
        assert!(matches!(Record::decode(&bytes), Ok(Record::Account(_))));
    }

    #[test]
    fn another_version_or_kind_is_refused() {
        for bytes in [&[2, b'o', 0x80][..], &[1, b'l', 0x80], &[]] {
            assert!(Record::decode(bytes).is_err());
        }
        assert!(decode_message(&[1, b'o', 0x80]).is_err());
    }
}
