//! TLS on the webhook listener. The certificate is read again when its files change, so that a renewed
//! one needs no restart; one that can't be used is reported, and the old one stays.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, SystemTime},
};

use anyhow::Context as _;
use arc_swap::ArcSwap;
use runtime::shutdown::Shutdown;
use rustls::{
    ServerConfig,
    crypto::CryptoProvider,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    server::{ClientHello, ResolvesServerCert},
    sign::CertifiedKey,
};

use crate::metrics::Metrics;

const LOOK_EVERY: Duration = Duration::from_secs(5);

/// PEM files of a certificate with its chain, and of its key.
#[derive(Clone, Debug)]
pub struct Files {
    /// The server's certificate first.
    pub certificate: PathBuf,
    /// PKCS#8, PKCS#1 or SEC1.
    pub key: PathBuf,
}

/// The certificate in use.
#[derive(Debug)]
pub struct Certificate {
    files: Files,
    provider: Arc<CryptoProvider>,
    current: ArcSwap<CertifiedKey>,
    looks: Mutex<Looks>,
}

#[derive(Debug)]
struct Looks {
    /// The files as they were when they were last read well.
    read: [Stamp; 2],
    /// As they were when they were last reported.
    told: Option<[Stamp; 2]>,
}

impl ResolvesServerCert for Certificate {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.current.load_full())
    }
}

impl Certificate {
    /// Reads the files.
    ///
    /// # Errors
    /// When they can't be read, or don't belong together.
    pub fn read(files: Files) -> anyhow::Result<Arc<Self>> {
        let looks = Mutex::new(Looks {
            read: stamps(&files),
            told: None,
        });
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let current = ArcSwap::from_pointee(certified(&files, &provider)?);
        Ok(Arc::new(Self {
            files,
            provider,
            current,
            looks,
        }))
    }

    /// What the listener is given: TLS 1.2 and 1.3, no client certificates.
    ///
    /// # Errors
    /// When the provider lacks a version, which it does not.
    pub fn config(self: &Arc<Self>) -> anyhow::Result<ServerConfig> {
        let versions = ServerConfig::builder_with_provider(Arc::clone(&self.provider))
            .with_safe_default_protocol_versions()
            .context("TLS versions")?;
        let resolver: Arc<dyn ResolvesServerCert> = Arc::clone(self) as _;
        Ok(versions.with_no_client_auth().with_cert_resolver(resolver))
    }

    /// Follows the files until shutdown.
    ///
    /// # Errors
    /// Only when a thread can't be had; what is wrong with the files is logged.
    pub async fn follow(
        self: Arc<Self>,
        metrics: Arc<Metrics>,
        shutdown: Shutdown,
    ) -> anyhow::Result<()> {
        metrics.certificate_good(true);
        loop {
            tokio::select! {
                () = shutdown.requested() => return Ok(()),
                () = tokio::time::sleep(LOOK_EVERY) => {}
            }
            let (certificate, metrics) = (Arc::clone(&self), Arc::clone(&metrics));
            tokio::task::spawn_blocking(move || certificate.look(&metrics)).await?;
        }
    }

    /// Reads the files if they are others than before.
    fn look(&self, metrics: &Metrics) {
        let now = stamps(&self.files);
        let mut looks = self.looks.lock().unwrap_or_else(PoisonError::into_inner);
        if looks.read == now {
            return;
        }
        match certified(&self.files, &self.provider) {
            Ok(key) => {
                looks.read = now;
                self.current.store(Arc::new(key));
                metrics.certificate_good(true);
                tracing::info!("the TLS certificate was read again");
            }
            // Tried again at every look: what is in the way may be a permission.
            Err(why) => {
                metrics.certificate_good(false);
                if looks.told.replace(now) != Some(now) {
                    tracing::error!(why = format!("{why:#}"), "the old TLS certificate stays");
                }
            }
        }
    }
}

type Stamp = Option<(SystemTime, u64)>;

fn stamps(files: &Files) -> [Stamp; 2] {
    let stamp = |path: &Path| {
        let data = fs::metadata(path).ok()?;
        Some((data.modified().ok()?, data.len()))
    };
    [stamp(&files.certificate), stamp(&files.key)]
}

fn certified(files: &Files, provider: &CryptoProvider) -> anyhow::Result<CertifiedKey> {
    let read = |path: &Path, key: &str| -> anyhow::Result<Vec<u8>> {
        fs::read(path).with_context(|| format!("{key}: can't read {}", path.display()))
    };
    let chain = read(&files.certificate, "http.tls_certificate")?;
    let chain = CertificateDer::pem_slice_iter(&chain)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| io::Error::other(error.to_string()))
        .context("http.tls_certificate: is no PEM file of certificates")?;
    anyhow::ensure!(
        !chain.is_empty(),
        "http.tls_certificate: there is no certificate in {}: write it there as PEM, -----BEGIN CERTIFICATE-----",
        files.certificate.display()
    );
    let key = read(&files.key, "http.tls_key")?;
    let key = PrivateKeyDer::from_pem_slice(&key)
        .map_err(|_| anyhow::anyhow!("http.tls_key: is no PEM file of a private key"))?;
    CertifiedKey::from_der(chain, key, provider)
        .context("http.tls_certificate and http.tls_key do not belong together")
}

#[cfg(test)]
mod tests;
