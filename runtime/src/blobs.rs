//! What is too large for Kafka, or no business of it: bodies and images, named by their hash.
//!
//! Nothing is ever changed in place: a path tells its content, so writing twice is writing once,
//! and whoever reads checks the hash. Paths are stored without the address, so that a bucket can move.

use std::{fmt, fs, sync::Arc, time::Duration};

use bytes::Bytes;
use futures_util::StreamExt as _;
use object_store::{
    ClientOptions, ObjectStore, ObjectStoreExt, RetryConfig, aws::AmazonS3Builder,
    azure::MicrosoftAzureBuilder, gcp::GoogleCloudStorageBuilder, local::LocalFileSystem,
    path::Path, prefix::PrefixStore,
};
use reqwest::Url;

/// One request; a transaction of Kafka's must outlast all of them.
const REQUEST_MAX: Duration = Duration::from_secs(5);
const CONNECT_MAX: Duration = Duration::from_secs(2);
const RETRIES_MAX: usize = 2;
const RETRY_MAX: Duration = Duration::from_secs(4);

/// What a blob is; the first part of its path, so that each kind can have a life of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A webhook's body as received.
    Body,
    /// A picture that proves a delivery.
    Proof,
}

impl Kind {
    const fn folder(self) -> &'static str {
        match self {
            Self::Body => "bodies",
            Self::Proof => "proofs",
        }
    }
}

/// The path of a content: `bodies/<tenant>/<sha256>`, `proofs/<tenant>/<sha256>`.
#[must_use]
pub fn path(kind: Kind, tenant: &str, sha256: &str) -> String {
    Path::from_iter([kind.folder(), tenant, sha256]).to_string()
}

/// Where a path lies for whoever reads the event: the address as set, and the path.
#[must_use]
pub fn uri(url: &str, path: &str) -> String {
    format!("{}/{path}", url.trim_end_matches('/'))
}

/// Why a blob can't be had or written. It names no credentials and no content.
#[derive(Debug, thiserror::Error)]
pub enum BlobError {
    /// `blobs.url` can't be used.
    #[error("blobs.url {0}")]
    Address(&'static str),
    /// `blobs.url` can't be used, in the words of the store.
    #[error("blobs.url can't be opened")]
    Open(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// There is no such blob.
    #[error("there is no such blob")]
    Missing,
    /// Not one of our paths.
    #[error("is not the path of a blob")]
    Path,
    /// The store did not do it; it may later, or once its operator lets us.
    #[error("the blob store does not answer as it should")]
    Store(#[source] object_store::Error),
}

impl BlobError {
    /// Whether the same request may succeed later.
    #[must_use]
    pub const fn is_temporary(&self) -> bool {
        match self {
            Self::Store(_) => true,
            Self::Address(_) | Self::Open(_) | Self::Missing | Self::Path => false,
        }
    }

    fn of(error: object_store::Error) -> Self {
        if matches!(error, object_store::Error::NotFound { .. }) {
            Self::Missing
        } else if matches!(error, object_store::Error::InvalidPath { .. }) {
            Self::Path
        } else {
            // Refused credentials too: they are rotated, and no event is lost for it.
            Self::Store(error)
        }
    }
}

/// An open blob store. Clones share it.
#[derive(Clone)]
pub struct Blobs {
    store: Arc<dyn ObjectStore>,
    url: Arc<str>,
}

impl fmt::Debug for Blobs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Blobs({})", self.url)
    }
}

impl Blobs {
    /// Opens `file:///…`, `s3://bucket/prefix`, `gs://bucket/prefix` or `az://container/prefix`;
    /// a local folder is made if it is missing. Credentials, region and endpoint come from the
    /// environment, under the usual names (`AWS_…`, `GOOGLE_…`, `AZURE_…`). Asks no server.
    ///
    /// # Errors
    /// If the address is of no such form, or the environment lacks what its kind needs.
    pub fn open(url: &str) -> Result<Self, BlobError> {
        let address = check(url)?;
        let store: Arc<dyn ObjectStore> = match address.scheme() {
            "file" => local(&address)?,
            "s3" => {
                let builder = AmazonS3Builder::from_env().with_url(base(&address));
                let builder = builder.with_retry(retry()).with_client_options(client());
                within(&address, builder.build().map_err(unopened)?)?
            }
            "gs" => {
                let builder = GoogleCloudStorageBuilder::from_env().with_url(base(&address));
                let builder = builder.with_retry(retry()).with_client_options(client());
                within(&address, builder.build().map_err(unopened)?)?
            }
            _ => {
                let builder = MicrosoftAzureBuilder::from_env().with_url(base(&address));
                let builder = builder.with_retry(retry()).with_client_options(client());
                within(&address, builder.build().map_err(unopened)?)?
            }
        };
        Ok(Self {
            store,
            url: url.into(),
        })
    }

    /// The address as set.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Writes a whole blob, durably, in the place of an equal one.
    ///
    /// # Errors
    /// [`BlobError`], which says whether it is worth trying again.
    pub async fn put(&self, path: &str, bytes: impl Into<Bytes>) -> Result<(), BlobError> {
        let path = Path::parse(path).map_err(|_| BlobError::Path)?;
        let done = self.store.put(&path, bytes.into().into()).await;
        done.map(|_| ()).map_err(BlobError::of)
    }

    /// Reads a whole blob; its hash is the caller's to check.
    ///
    /// # Errors
    /// As [`Blobs::put`], and [`BlobError::Missing`].
    pub async fn get(&self, path: &str) -> Result<Bytes, BlobError> {
        let path = Path::parse(path).map_err(|_| BlobError::Path)?;
        let found = self.store.get(&path).await.map_err(BlobError::of)?;
        found.bytes().await.map_err(BlobError::of)
    }

    /// Deletes the blobs of a kind that nobody has written since `before`, in microseconds since 1970, and
    /// gives how many these were. One that is written again meanwhile may go with them: `before` must lie
    /// where nobody needs them any more.
    ///
    /// # Errors
    /// As [`Blobs::put`]; what was deleted by then stays so.
    pub async fn forget(&self, kind: Kind, before: i64) -> Result<u64, BlobError> {
        let folder = Path::from(kind.folder());
        let mut found = self.store.list(Some(&folder));
        let mut deleted = 0;
        while let Some(blob) = found.next().await {
            let blob = blob.map_err(BlobError::of)?;
            if blob.last_modified.timestamp_micros() >= before {
                continue;
            }
            match self
                .store
                .delete(&blob.location)
                .await
                .map_err(BlobError::of)
            {
                Ok(()) => deleted += 1,
                // another instance was faster
                Err(BlobError::Missing) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(deleted)
    }
}

/// Whether an address can be one of a blob store; opens nothing.
///
/// # Errors
/// [`BlobError::Address`] says what it should be.
pub fn check(url: &str) -> Result<Url, BlobError> {
    let form = || BlobError::Address("must be file:///…, s3://…, gs://… or az://…");
    let address = Url::parse(url).map_err(|_| form())?;
    let plain = address.query().is_none() && address.fragment().is_none();
    if !plain || !address.username().is_empty() || address.password().is_some() {
        return Err(BlobError::Address("must be nothing but bucket and prefix"));
    }
    match (address.scheme(), address.host_str().unwrap_or_default()) {
        ("file", "") if url.starts_with("file:///") => Ok(address),
        ("s3" | "gs" | "az", bucket) if !bucket.is_empty() => Ok(address),
        _ => Err(form()),
    }
}

fn local(address: &Url) -> Result<Arc<dyn ObjectStore>, BlobError> {
    let folder = address
        .to_file_path()
        .map_err(|()| BlobError::Address("is not a local path"))?;
    fs::create_dir_all(&folder).map_err(|error| BlobError::Open(error.into()))?;
    let store = LocalFileSystem::new_with_prefix(folder).map_err(unopened)?;
    Ok(Arc::new(store.with_fsync(true)))
}

/// The address without the prefix, which the builders would not look at.
fn base(address: &Url) -> String {
    let bucket = address.host_str().unwrap_or_default();
    format!("{}://{bucket}", address.scheme())
}

fn within(address: &Url, store: impl ObjectStore) -> Result<Arc<dyn ObjectStore>, BlobError> {
    let prefix = Path::from_url_path(address.path())
        .map_err(|_| BlobError::Address("has a prefix that is no path"))?;
    Ok(Arc::new(PrefixStore::new(store, prefix)))
}

fn unopened(error: object_store::Error) -> BlobError {
    BlobError::Open(error.into())
}

fn client() -> ClientOptions {
    // `AWS_ALLOW_HTTP` and its like say whether an endpoint may be without TLS.
    let plain = ["AWS_ALLOW_HTTP", "AZURE_ALLOW_HTTP", "GOOGLE_ALLOW_HTTP"];
    let plain = plain
        .iter()
        .any(|name| std::env::var(name).is_ok_and(|value| value == "true"));
    ClientOptions::new()
        .with_timeout(REQUEST_MAX)
        .with_connect_timeout(CONNECT_MAX)
        .with_allow_http(plain)
}

fn retry() -> RetryConfig {
    RetryConfig {
        max_retries: RETRIES_MAX,
        retry_timeout: RETRY_MAX,
        ..RetryConfig::default()
    }
}

#[cfg(test)]
mod tests;
