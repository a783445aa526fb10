//! The bytes that were received: a record's own, or those in the blob store.

use std::borrow::Cow;

use anyhow::Context as _;
use runtime::blobs::{BlobError, Blobs};
use schemas::{Reason, raw_webhook::RawHeaders, set_aside::Why};
use sha2::{Digest, Sha256};

use super::RawRecord;
use crate::settings::Settings;

/// The blob store, if there is one.
#[derive(Debug)]
pub(crate) struct Bodies(Option<Blobs>);

impl Bodies {
    pub(crate) fn open(settings: &Settings) -> anyhow::Result<Self> {
        let url = settings.blobs_url();
        let store = (!url.is_empty()).then(|| Blobs::open(url)).transpose()?;
        Ok(Self(store))
    }

    /// Where images go; none: they are only described.
    pub(crate) fn url(&self) -> Option<&str> {
        self.0.as_ref().map(Blobs::url)
    }

    /// A body that is gone is an outcome; a store that does not answer is an error.
    pub(crate) async fn of<'a>(
        &self,
        record: &'a RawRecord,
        headers: &RawHeaders,
    ) -> anyhow::Result<Result<Cow<'a, [u8]>, Why>> {
        let Some(path) = &headers.body_ref else {
            return Ok(Ok(Cow::Borrowed(record.value.as_slice())));
        };
        let store = self
            .0
            .as_ref()
            .context("a body lies in the blob store: set blobs.url as ingest has it")?;
        let never = |detail: &str| Why {
            reason: Reason::Undecodable,
            detail: format!("body-ref: {detail}"),
        };
        match store.get(path).await {
            Ok(bytes) if hex::encode(Sha256::digest(&bytes)) == headers.body_sha256 => {
                Ok(Ok(Cow::Owned(bytes.into())))
            }
            Ok(_) => Ok(Err(never(
                "the body in the blob store is not the one that was received",
            ))),
            Err(BlobError::Missing) => Ok(Err(never("the body is not in the blob store"))),
            Err(error) => Err(error).context("reading a body from the blob store"),
        }
    }

    /// Stores images before the events that name them are written.
    pub(crate) async fn put(&self, blobs: Vec<normalizer::Blob>) -> anyhow::Result<()> {
        let Some(store) = &self.0 else { return Ok(()) };
        for blob in blobs {
            store
                .put(&blob.path, blob.bytes)
                .await
                .context("storing an image")?;
        }
        Ok(())
    }
}
