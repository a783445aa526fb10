//! Identities. One type each, so that a receipt can't stand where an event is meant.

use std::{fmt, str::FromStr};

use percent_encoding::percent_decode_str;

use crate::{digest::Gathering, symbols::words};

words! {
    /// The carriers. A sixth starts here; the compiler then lists what is missing.
    Provider {
        Lalamove => "lalamove",
        Ahamove => "ahamove",
        Ordatic => "ordatic",
        Sendstack => "sendstack",
        Dellyman => "dellyman",
    }
}

/// Why a text is not an identity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidId {
    /// It is empty.
    #[error("is empty")]
    Empty,
    /// It is longer than any carrier's.
    #[error("is longer than {} bytes", TEXT_BYTES_MAX)]
    TooLong,
    /// It is not of the form that this identity has.
    #[error("has the wrong form")]
    Form,
}

/// Longest accepted textual id, in bytes: carriers use at most 64.
pub const TEXT_BYTES_MAX: usize = 256;

fn sized<T: AsRef<str>>(text: T) -> Result<T, InvalidId> {
    match text.as_ref().len() {
        0 => Err(InvalidId::Empty),
        n if n > TEXT_BYTES_MAX => Err(InvalidId::TooLong),
        _ => Ok(text),
    }
}

/// A text that is an identity; like an event, it is owned or, in the normalizer, borrowed.
macro_rules! text_id {
    ($(#[$meta:meta])* $name:ident) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
        #[serde(transparent)]
        pub struct $name<T = String>(T);

        impl $name {
            /// A non-empty text of at most [`TEXT_BYTES_MAX`] bytes.
            ///
            /// # Errors
            /// [`InvalidId`] says which of the two does not hold.
            pub fn new(text: impl Into<String>) -> Result<Self, InvalidId> {
                sized(text.into()).map(Self)
            }
        }

        impl<'a> $name<&'a str> {
            /// As `new`, where the text stays where it is.
            ///
            /// # Errors
            /// As `new`.
            pub fn borrowed(text: &'a str) -> Result<Self, InvalidId> {
                sized(text).map(Self)
            }

            /// The text, for as long as it stays there.
            #[must_use]
            pub const fn text(self) -> &'a str {
                self.0
            }
        }

        impl<T: AsRef<str>> $name<T> {
            /// The text itself.
            #[must_use]
            pub fn as_str(&self) -> &str {
                self.0.as_ref()
            }

            /// The same id, its text in another form.
            pub(crate) fn map<'s, U>(&'s self, form: impl FnOnce(&'s T) -> U) -> $name<U> {
                $name(form(&self.0))
            }
        }

        impl<T: AsRef<str>> fmt::Display for $name<T> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}

text_id! {
    /// A company that books deliveries; the table name under `tenants.` in the tenants file.
    TenantId
}
text_id! {
    /// One webhook address of one tenant at one carrier; unique in the tenants file.
    EndpointId
}
text_id! {
    /// The carrier's id of an order. Always text: Lalamove's nineteen digits do not fit a double.
    OrderId
}

/// One received webhook: a UUIDv7 drawn once, at receipt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ReceiptId(uuid::Uuid);

impl ReceiptId {
    /// Wraps a UUID; ingest draws it, nobody else does.
    #[must_use]
    pub const fn from_uuid(uuid: uuid::Uuid) -> Self {
        Self(uuid)
    }

    /// From the sixteen bytes of [`ReceiptId::as_bytes`].
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(uuid::Uuid::from_bytes(bytes))
    }

    /// The sixteen bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 16] {
        self.0.as_bytes()
    }
}

impl ReceiptId {
    pub(crate) fn of_text(text: &[u8]) -> Option<Self> {
        uuid::Uuid::try_parse_ascii(text).map(Self).ok()
    }

    fn with_text<T>(self, use_text: impl FnOnce(&str) -> T) -> T {
        use_text(
            self.0
                .as_hyphenated()
                .encode_lower(&mut uuid::Uuid::encode_buffer()),
        )
    }
}

impl fmt::Display for ReceiptId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.with_text(|text| f.write_str(text))
    }
}

impl FromStr for ReceiptId {
    type Err = InvalidId;
    fn from_str(text: &str) -> Result<Self, InvalidId> {
        Self::of_text(text.as_bytes()).ok_or(InvalidId::Form)
    }
}

/// One event: the first 128 bits of SHA-256 over what the carrier sent. Never drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EventId([u8; 16]);

impl EventId {
    /// Hashes the fields, each preceded by its length (4 bytes, big endian), so that no two
    /// different lists of fields give the same bytes.
    #[must_use]
    pub fn of<'a>(fields: impl IntoIterator<Item = &'a [u8]>) -> Self {
        let mut hash = Gathering::default();
        fields.into_iter().for_each(|field| hash.add_sized(field));
        let mut id = [0; 16];
        for (to, from) in id.iter_mut().zip(hash.finish()) {
            *to = from;
        }
        Self(id)
    }

    /// From the sixteen bytes of [`EventId::as_bytes`].
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// The id of an event whose content equals that of `self` but which is not a duplicate.
    #[must_use]
    pub fn repeated(self, receipt: ReceiptId) -> Self {
        Self::of([self.0.as_slice(), receipt.as_bytes().as_slice()])
    }

    /// The sixteen bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl EventId {
    fn with_text<T>(self, use_text: impl FnOnce(&str) -> T) -> T {
        use_text(std::str::from_utf8(&hex_digits::<16, 32>(&self.0)).unwrap_or_default())
    }
}

/// Bytes as hex digits, in lower case; `DIGITS` is twice `BYTES`.
#[must_use]
pub fn hex_digits<const BYTES: usize, const DIGITS: usize>(bytes: &[u8; BYTES]) -> [u8; DIGITS] {
    const { assert!(DIGITS == 2 * BYTES) };
    let digit = |value: u8| value + if value < 10 { b'0' } else { b'a' - 10 };
    let mut digits = [b'0'; DIGITS];
    for (pair, byte) in digits.chunks_exact_mut(2).zip(bytes) {
        pair.copy_from_slice(&[digit(byte >> 4), digit(byte & 15)]);
    }
    digits
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.with_text(|text| f.write_str(text))
    }
}

impl FromStr for EventId {
    type Err = InvalidId;
    fn from_str(text: &str) -> Result<Self, InvalidId> {
        let mut id = [0; 16];
        hex::decode_to_slice(text, &mut id).map_err(|_| InvalidId::Form)?;
        Ok(Self(id))
    }
}

macro_rules! serde_as_text {
    ($name:ident) => {
        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                self.with_text(|text| serializer.serialize_str(text))
            }
        }
        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Visitor;
                impl serde::de::Visitor<'_> for Visitor {
                    type Value = $name;
                    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                        f.write_str(stringify!($name))
                    }
                    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<$name, E> {
                        text.parse().map_err(E::custom)
                    }
                }
                deserializer.deserialize_str(Visitor)
            }
        }
    };
}
serde_as_text!(ReceiptId);
serde_as_text!(EventId);

/// What a Kafka key names: one order, or the account behind one endpoint.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct OrderKey {
    /// Whose order.
    pub tenant: TenantId,
    /// Ids repeat across carriers.
    pub provider: Provider,
    /// Which order, or which account.
    pub subject: Subject,
}

/// The last part of an [`OrderKey`].
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Subject {
    /// An order.
    Order(OrderId),
    /// What belongs to the account behind an endpoint, such as a wallet.
    Account(EndpointId),
}

const SPECIAL: [char; 3] = ['/', '%', '@'];

/// `tenant/provider/order`, or `tenant/provider/@endpoint`.
pub(crate) fn key_text(tenant: &str, provider: Provider, subject: SubjectText<'_>) -> String {
    let (sign, subject) = match subject {
        SubjectText::Order(order) => ("", order),
        SubjectText::Account(endpoint) => ("@", endpoint),
    };
    let mut key = String::with_capacity(tenant.len() + subject.len() + 16);
    push_key_part(tenant, &mut key);
    key.extend(["/", provider.as_str(), "/", sign]);
    push_key_part(subject, &mut key);
    key
}

/// A [`Subject`] that is only looked at.
#[derive(Clone, Copy)]
pub(crate) enum SubjectText<'a> {
    Order(&'a str),
    Account(&'a str),
}

/// What would make `tenant/provider/order` ambiguous is percent-encoded, and nothing else.
fn push_key_part(text: &str, to: &mut String) {
    if !text.contains(SPECIAL) {
        return to.push_str(text);
    }
    for one in text.chars() {
        match one {
            '/' => to.push_str("%2F"),
            '%' => to.push_str("%25"),
            '@' => to.push_str("%40"),
            one => to.push(one),
        }
    }
}

impl fmt::Display for OrderKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let subject = match &self.subject {
            Subject::Order(order) => SubjectText::Order(order.as_str()),
            Subject::Account(endpoint) => SubjectText::Account(endpoint.as_str()),
        };
        f.write_str(&key_text(self.tenant.as_str(), self.provider, subject))
    }
}

impl FromStr for OrderKey {
    type Err = InvalidId;
    fn from_str(text: &str) -> Result<Self, InvalidId> {
        let mut parts = text.split('/');
        let (Some(tenant), Some(provider), Some(subject), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(InvalidId::Form);
        };
        let plain = |part: &str| {
            percent_decode_str(part)
                .decode_utf8()
                .map(String::from)
                .map_err(|_| InvalidId::Form)
        };
        Ok(Self {
            tenant: TenantId::new(plain(tenant)?)?,
            provider: Provider::parse(provider).ok_or(InvalidId::Form)?,
            subject: match subject.strip_prefix('@') {
                Some(endpoint) => Subject::Account(EndpointId::new(plain(endpoint)?)?),
                None => Subject::Order(OrderId::new(plain(subject)?)?),
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_key_reads_back_whatever_its_parts_hold(tenant in "\\PC{1,12}", id in "[\\PC/%@]{1,24}", account: bool) {
            let key = OrderKey {
                tenant: TenantId::new(tenant).unwrap(),
                provider: Provider::Ordatic,
                subject: if account {
                    Subject::Account(EndpointId::new(id).unwrap())
                } else {
                    Subject::Order(OrderId::new(id).unwrap())
                },
            };
            prop_assert_eq!(key.to_string().parse::<OrderKey>().unwrap(), key);
        }
    }

    #[test]
    fn fields_that_only_differ_in_where_they_split_give_different_event_ids() {
        assert_ne!(
            EventId::of([b"ab".as_slice(), b"c"]),
            EventId::of([b"a".as_slice(), b"bc"])
        );
    }

    #[test]
    fn an_event_id_is_thirty_two_hex_digits_and_reads_back() {
        let id = EventId::of([b"x".as_slice()]);
        assert_eq!(id.to_string().len(), 32);
        assert_eq!(id.to_string().parse::<EventId>().unwrap(), id);
        assert_eq!(id.to_string(), hex::encode(id.as_bytes()));
    }

    #[test]
    fn hex_is_hex() {
        let bytes: [u8; 32] = std::array::from_fn(|n| n as u8 * 8 + 5);
        assert_eq!(hex_digits::<32, 64>(&bytes), hex::encode(bytes).as_bytes());
    }
}
