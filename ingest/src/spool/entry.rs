//! What waits in the spool: one record of the raw topic, as it will be sent.

use bytes::Bytes;
use schemas::{Micros, TenantId};

use crate::spool::{SpoolError, format::Fields};

const VERSION: u8 = 1;
const OVERFLOW: u8 = 1;
const RECEIPT_ID: &str = "receipt-id";
const RECEIVED_AT: &str = "received-at";
const SPOOLED: &str = "spooled";
const TENANT: &str = "tenant";

/// One webhook that waits for Kafka.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Whether it goes to the overflow topic.
    pub overflow: bool,
    /// Chooses its partition, once their number is known.
    pub placement: u64,
    /// The headers of the raw record, in order; see `schemas::raw_webhook`.
    pub headers: Vec<(String, Vec<u8>)>,
    /// The exact bytes.
    pub body: Bytes,
}

impl Entry {
    /// A header's value.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&[u8]> {
        let found = self.headers.iter().find(|(found, _)| found == name);
        found.map(|(_, value)| value.as_slice())
    }

    /// A header's value, where it is text.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&str> {
        std::str::from_utf8(self.header(name)?).ok()
    }

    /// The key of its record.
    #[must_use]
    pub fn receipt_id(&self) -> Option<&str> {
        self.text(RECEIPT_ID)
    }

    /// Whose it is.
    #[must_use]
    pub fn tenant(&self) -> Option<TenantId> {
        TenantId::new(self.text(TENANT)?).ok()
    }

    /// When the webhook came, which is its record's time too.
    #[must_use]
    pub fn received_at(&self) -> Option<Micros> {
        self.text(RECEIVED_AT)?.parse().ok()
    }

    /// Says in the headers that it waited here.
    pub fn mark_spooled(&mut self) {
        let value = b"true".to_vec();
        match self.headers.iter_mut().find(|(name, _)| name == SPOOLED) {
            Some((_, spooled)) => *spooled = value,
            None => self.headers.push((SPOOLED.to_owned(), value)),
        }
    }

    /// Version, flags, placement (u64), number of headers (u16), each as name (u16 length) and value
    /// (u32 length), then the body up to the end.
    pub(super) fn encode(&self) -> Result<Vec<u8>, SpoolError> {
        let headers = self.headers.iter().map(|(n, v)| n.len() + v.len() + 6);
        let bytes = 12 + headers.sum::<usize>() + self.body.len();
        let mut encoded = Vec::with_capacity(bytes);
        let too_large = || SpoolError::TooLarge { bytes };
        let count = u16::try_from(self.headers.len()).map_err(|_| too_large())?;
        encoded.extend_from_slice(&[VERSION, if self.overflow { OVERFLOW } else { 0 }]);
        encoded.extend_from_slice(&self.placement.to_le_bytes());
        encoded.extend_from_slice(&count.to_le_bytes());
        for (name, value) in &self.headers {
            let length = u16::try_from(name.len()).map_err(|_| too_large())?;
            encoded.extend_from_slice(&length.to_le_bytes());
            encoded.extend_from_slice(name.as_bytes());
            let length = u32::try_from(value.len()).map_err(|_| too_large())?;
            encoded.extend_from_slice(&length.to_le_bytes());
            encoded.extend_from_slice(value);
        }
        encoded.extend_from_slice(&self.body);
        Ok(encoded)
    }

    /// Reads what `encode` wrote. The bytes are known to be those that were written, so what can't be
    /// read is of a version that we don't know.
    pub(super) fn decode(payload: &[u8], file: &str) -> Result<Self, SpoolError> {
        Self::decoded(payload).ok_or_else(|| SpoolError::Newer {
            file: file.to_owned(),
        })
    }

    fn decoded(payload: &[u8]) -> Option<Self> {
        let mut fields = Fields(payload);
        if fields.u8()? != VERSION {
            return None;
        }
        let overflow = match fields.u8()? {
            0 => false,
            OVERFLOW => true,
            _ => return None,
        };
        let placement = fields.u64()?;
        let count = fields.u16()?;
        let mut headers = Vec::with_capacity(usize::from(count.min(64)));
        for _ in 0..count {
            let length = usize::from(fields.u16()?);
            let name = std::str::from_utf8(fields.take(length)?).ok()?.to_owned();
            let length = usize::try_from(fields.u32()?).ok()?;
            headers.push((name, fields.take(length)?.to_vec()));
        }
        Some(Self {
            overflow,
            placement,
            headers,
            body: Bytes::copy_from_slice(fields.0),
        })
    }
}

/// Whose it is, of an entry of the overflow lane. A start reads all entries, so nothing is copied.
pub(super) fn overflowing_tenant(payload: &[u8]) -> Option<&str> {
    let mut fields = Fields(payload);
    if (fields.u8()?, fields.u8()?) != (VERSION, OVERFLOW) {
        return None;
    }
    fields.u64()?;
    for _ in 0..fields.u16()? {
        let length = usize::from(fields.u16()?);
        let name = fields.take(length)?;
        let length = usize::try_from(fields.u32()?).ok()?;
        let value = fields.take(length)?;
        if name == TENANT.as_bytes() {
            return std::str::from_utf8(value).ok();
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;

    fn entries() -> impl Strategy<Value = Entry> {
        let headers = vec(("tenant|.{0,12}", vec(any::<u8>(), 0..40)), 0..25);
        (
            any::<bool>(),
            any::<u64>(),
            headers,
            vec(any::<u8>(), 0..300),
        )
            .prop_map(|(overflow, placement, headers, body)| Entry {
                overflow,
                placement,
                headers,
                body: body.into(),
            })
    }

    proptest! {
        #[test]
        fn an_entry_reads_back_as_written(entry in entries()) {
            let encoded = entry.encode().unwrap();
            let tenant = entry.text("tenant").filter(|_| entry.overflow);
            prop_assert_eq!(overflowing_tenant(&encoded), tenant);
            prop_assert_eq!(Entry::decode(&encoded, "f").unwrap(), entry);
        }

        #[test]
        fn any_bytes_are_an_entry_or_refused(bytes in vec(any::<u8>(), 0..200)) {
            Entry::decode(&bytes, "f").ok();
            overflowing_tenant(&bytes);
        }
    }

    #[test]
    fn an_entry_names_its_receipt_and_is_marked_once() {
        let mut entry = Entry {
            overflow: false,
            placement: 1,
            headers: vec![
                ("receipt-id".into(), b"r-1".to_vec()),
                (
                    "received-at".into(),
                    b"2026-11-25T14:00:00.000001Z".to_vec(),
                ),
                ("spooled".into(), b"false".to_vec()),
            ],
            body: Bytes::new(),
        };
        entry.mark_spooled();
        entry.mark_spooled();
        assert_eq!(entry.headers.len(), 3);
        assert_eq!(entry.text("spooled"), Some("true"));
        assert_eq!(entry.receipt_id(), Some("r-1"));
        assert_eq!(entry.received_at().map(|at| at.0 % 1_000_000), Some(1));
    }

    #[test]
    fn the_form_on_disk_stays_as_it_is() {
        let entry = Entry {
            overflow: true,
            placement: 0x0102,
            headers: vec![("a".into(), b"bc".to_vec())],
            body: Bytes::from_static(b"xyz"),
        };
        let expected = [
            &[1, 1][..],
            &[2, 1, 0, 0, 0, 0, 0, 0],
            &[1, 0],
            &[1, 0, b'a', 2, 0, 0, 0, b'b', b'c'],
            b"xyz",
        ]
        .concat();
        assert_eq!(entry.encode().unwrap(), expected);
    }
}
