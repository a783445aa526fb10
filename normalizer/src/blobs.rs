//! The blob store as a stage sees it: bodies that ingest put there, images that go there.

use std::borrow::Cow;

use runtime::{
    blobs::{BlobError, Blobs},
    kafka::exactly_once::Failure,
};
use schemas::{Reason, raw_webhook::RawHeaders, set_aside::Why};
use sha2::{Digest, Sha256};
use tokio::runtime::Handle;

use crate::normalize::Blob;

/// The store, and the runtime that waits for it: a stage runs on a thread of its own.
#[derive(Clone, Debug)]
pub struct BlobStore {
    blobs: Blobs,
    waiting: Handle,
}

/// Why a body can't be had.
#[derive(Debug)]
pub(crate) enum NoBody {
    /// The store may answer later.
    Later(String),
    /// It never will be.
    Never(Why),
}

impl BlobStore {
    /// A store whose requests run on `waiting`.
    #[must_use]
    pub const fn new(blobs: Blobs, waiting: Handle) -> Self {
        Self { blobs, waiting }
    }

    pub(crate) fn url(&self) -> &str {
        self.blobs.url()
    }

    /// Stores images before the events that name them are committed. An image whose events are
    /// never committed is written again with them, to the same place.
    pub(crate) fn put(&self, blobs: Vec<Blob>) -> Result<(), Failure> {
        for Blob { path, bytes } in blobs {
            let done = self.waiting.block_on(self.blobs.put(&path, bytes));
            done.map_err(|error| Failure::Retry(format!("blobs: {}", chain(&error))))?;
        }
        Ok(())
    }
}

/// The bytes that were received: the record's own, or those that its `body-ref` names.
pub(crate) fn body<'a>(
    store: Option<&BlobStore>,
    headers: &RawHeaders<&str>,
    value: &'a [u8],
) -> Result<Cow<'a, [u8]>, NoBody> {
    let Some(path) = headers.body_ref else {
        return Ok(Cow::Borrowed(value));
    };
    let never = |reason, detail: &str| {
        NoBody::Never(Why {
            reason,
            detail: format!("body-ref: {detail}"),
        })
    };
    let Some(store) = store else {
        return Err(never(Reason::Unsupported, "blobs.url is not set here"));
    };
    match store.waiting.block_on(store.blobs.get(path)) {
        Ok(bytes) if hex::encode(Sha256::digest(&bytes)) == headers.body_sha256 => {
            Ok(Cow::Owned(bytes.into()))
        }
        Ok(_) => Err(never(
            Reason::Undecodable,
            "the body in the blob store is not the one that was received",
        )),
        Err(BlobError::Missing) => Err(never(
            Reason::Undecodable,
            "the body is not in the blob store",
        )),
        Err(error) if error.is_temporary() => {
            Err(NoBody::Later(format!("blobs: {}", chain(&error))))
        }
        Err(error) => Err(never(Reason::Undecodable, &error.to_string())),
    }
}

fn chain(error: &BlobError) -> String {
    use std::error::Error as _;
    match error.source() {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use runtime::blobs;

    use super::*;

    const BODY: &[u8] = br#"{"a":1}"#;

    fn store(folder: &tempfile::TempDir, waiting: &tokio::runtime::Runtime) -> BlobStore {
        let url = format!("file://{}", folder.path().display());
        BlobStore::new(Blobs::open(&url).unwrap(), waiting.handle().clone())
    }

    fn headers(sha256: &str, body_ref: Option<&str>) -> RawHeaders {
        let mut pairs = vec![
            ("receipt-id", "01890a5d-ac96-774b-bcce-b302099a8057"),
            ("tenant", "acme"),
            ("provider", "ordatic"),
            ("endpoint", "acme-ordatic"),
            ("received-at", "2026-05-12T17:50:55.250000Z"),
            ("verdict", "verified"),
            ("assurance", "CREDENTIAL_ONLY"),
            ("pii", "keep"),
            ("body-sha256", sha256),
            ("body-bytes", "7"),
        ];
        pairs.extend(body_ref.map(|path| ("body-ref", path)));
        RawHeaders::from_pairs(pairs.into_iter().map(|(n, v)| (n, v.as_bytes()))).unwrap()
    }

    #[test]
    fn a_body_is_fetched_and_one_that_is_missing_or_altered_is_none() {
        let (folder, waiting) = (
            tempfile::tempdir().unwrap(),
            tokio::runtime::Runtime::new().unwrap(),
        );
        let store = store(&folder, &waiting);
        let sha256 = hex::encode(Sha256::digest(BODY));
        let path = blobs::path(blobs::Kind::Body, "acme", &sha256);
        let get = |sha256: &str, path: &str| {
            body(
                Some(&store),
                &headers(sha256, Some(path)).as_borrowed(),
                b"",
            )
            .map(Cow::into_owned)
        };
        let refused = |found: Result<Vec<u8>, NoBody>, word: &str| match found {
            Err(NoBody::Never(why)) => {
                assert_eq!(why.reason, Reason::Undecodable);
                assert!(why.detail.starts_with("body-ref") && why.detail.contains(word));
            }
            other => panic!("{other:?}"),
        };
        refused(get(&sha256, &path), "not in");
        let blob = Blob {
            path: path.clone(),
            bytes: BODY.to_vec(),
        };
        store.put(vec![blob]).unwrap();
        assert_eq!(get(&sha256, &path).unwrap(), BODY);
        refused(get(&"00".repeat(32), &path), "not the one");
        refused(get(&sha256, "../../etc/passwd"), "path");
    }

    #[test]
    fn a_store_that_is_out_of_order_holds_the_partition_and_loses_nothing() {
        let (folder, waiting) = (
            tempfile::tempdir().unwrap(),
            tokio::runtime::Runtime::new().unwrap(),
        );
        let store = store(&folder, &waiting);
        std::fs::write(folder.path().join("proofs"), "a file in a folder's place").unwrap();
        let blob = Blob {
            path: "proofs/acme/00".into(),
            bytes: vec![0],
        };
        assert!(matches!(store.put(vec![blob]), Err(Failure::Retry(_))));
    }

    #[test]
    fn without_a_store_a_body_elsewhere_waits_for_a_replay() {
        let found = body(
            None,
            &headers("", Some("bodies/acme/00")).as_borrowed(),
            b"",
        );
        let Err(NoBody::Never(why)) = found else {
            panic!("{found:?}")
        };
        assert_eq!(why.reason, Reason::Unsupported);
        assert!(why.detail.contains("blobs.url"));
    }
}
