//! The data folder: keys and a tenants file are made once and kept.

use std::{
    fs::{self, DirBuilder},
    io::ErrorKind,
    os::unix::fs::DirBuilderExt as _,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, anyhow};
use reqwest::Url;
use schemas::Provider;

use crate::{WrongUse, commands::new_token, env_file::write_private};

/// A carrier's endpoint in the tenants file that we make.
pub(crate) const fn demo_endpoint(provider: Provider) -> &'static str {
    match provider {
        Provider::Lalamove => "demo-lalamove-hk",
        Provider::Ahamove => "demo-ahamove",
        Provider::Ordatic => "demo-ordatic",
        Provider::Sendstack => "demo-sendstack",
        Provider::Dellyman => "demo-dellyman",
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Folder {
    path: PathBuf,
    tenants: PathBuf,
    blobs_url: String,
}

impl Folder {
    /// Makes what is missing. A tenants file that is given stays where it is, and one that is there
    /// stays as it is; `ingest_url` goes into a new one, for the carrier that signs its address.
    pub(crate) fn prepare(
        path: &Path,
        tenants: Option<PathBuf>,
        ingest_url: &str,
    ) -> anyhow::Result<Self> {
        let naming = || format!("preparing {}", path.display());
        // Kafka's files in it hold what carriers say of people, and are readable by everybody.
        let mut builder = DirBuilder::new();
        builder.recursive(true).mode(0o700);
        builder.create(path).with_context(naming)?;
        let path = path.canonicalize().with_context(naming)?;
        let tenants = match tenants {
            Some(given) => given
                .canonicalize()
                .map_err(|error| WrongUse(format!("{}: {error}", given.display())))?,
            None => {
                let own = path.join("tenants.toml");
                once(&own, || demo_tenants(ingest_url))?;
                own
            }
        };
        // later on a bad file would only keep ingest from being ready
        crate::sender::tenants(&tenants)?;
        let blobs = Url::from_file_path(path.join("blobs"));
        let folder = Self {
            path,
            tenants,
            blobs_url: blobs.map_err(|()| anyhow!("it has no address"))?.into(),
        };
        fs::create_dir_all(folder.logs()).with_context(naming)?;
        once(&folder.privacy_key(), new_token)?;
        Ok(folder)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn logs(&self) -> PathBuf {
        self.path.join("logs")
    }

    pub(crate) fn tenants(&self) -> &Path {
        &self.tenants
    }

    pub(crate) fn privacy_key(&self) -> PathBuf {
        self.path.join("privacy.key")
    }

    /// The passwords of the analysts.
    pub(crate) fn analysts(&self) -> PathBuf {
        self.path.join("analysts.env")
    }

    /// Where ingest puts large bodies, and the normalizer proof images.
    pub(crate) fn blobs_url(&self) -> &str {
        &self.blobs_url
    }

    /// Where the enricher keeps its state beside the changelog.
    pub(crate) fn state(&self) -> PathBuf {
        self.path.join("state")
    }

    /// Where ingest keeps what Kafka does not take at once.
    pub(crate) fn spool(&self) -> PathBuf {
        self.path.join("spool")
    }

    pub(crate) fn env_file(&self) -> PathBuf {
        self.path.join("waybill.env")
    }
}

fn once(path: &Path, content: impl FnOnce() -> anyhow::Result<String>) -> anyhow::Result<()> {
    match fs::metadata(path) {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            write_private(path, content()?.as_bytes())
                .with_context(|| format!("writing {}", path.display()))
        }
        Err(error) => Err(error).with_context(|| format!("reading {}", path.display())),
    }
}

fn demo_tenants(ingest_url: &str) -> anyhow::Result<String> {
    let mut text = String::from(
        r#"# Made by `waybill up`; edit it while everything runs, it is read again within seconds.
[tenants.demo]
name = "Demo"
"#,
    );
    for provider in Provider::ALL.iter().copied() {
        let (token, secret) = (new_token()?, new_token()?);
        let id = demo_endpoint(provider);
        let (more, more_of_secret) = match provider {
            Provider::Lalamove => (
                "timezone = \"Asia/Hong_Kong\"\ncurrency = \"HKD\"".to_owned(),
                "api_key = \"pk_demo_lalamove_hk\"\n",
            ),
            Provider::Ahamove => (
                REQUIRED.to_owned()
                    + "service = \"instant\"\ntimezone = \"Asia/Ho_Chi_Minh\"\ncurrency = \"VND\"",
                "scheme = \"apikey\"\n",
            ),
            Provider::Ordatic => (
                REQUIRED.to_owned() + "timezone = \"Europe/Madrid\"\ncurrency = \"EUR\"",
                "",
            ),
            Provider::Sendstack => (REQUIRED.to_owned() + IN_NIGERIA, ""),
            Provider::Dellyman => (
                format!("{REQUIRED}public_url = \"{ingest_url}/hooks/{token}\"\n{IN_NIGERIA}"),
                "",
            ),
        };
        text.push_str(&format!(
            r#"
[[tenants.demo.endpoints]]
id = "{id}"
provider = "{provider}"
token = "{token}"
{more}

[[tenants.demo.endpoints.secrets]]
id = "demo"
value = "sk_demo_{secret}"
{more_of_secret}"#
        ));
    }
    Ok(text)
}

const REQUIRED: &str = "verification = \"required\"\n";
const IN_NIGERIA: &str = "timezone = \"Africa/Lagos\"\ncurrency = \"NGN\"";

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    const INGEST: &str = "http://127.0.0.1:1";

    #[test]
    fn keys_and_tokens_are_made_once_and_only_their_owner_reads_them() {
        let root = tempfile::tempdir().unwrap();
        let data = root.path().join("data");
        let folder = Folder::prepare(&data, None, INGEST).unwrap();
        let read = || {
            [folder.tenants().to_owned(), folder.privacy_key()].map(|path| {
                assert_eq!(
                    fs::metadata(&path).unwrap().permissions().mode() & 0o777,
                    0o600
                );
                fs::read_to_string(path).unwrap()
            })
        };
        let before = read();
        Folder::prepare(&data, None, INGEST).unwrap();
        assert_eq!(read(), before);
    }

    #[test]
    fn a_bad_tenants_file_is_refused_before_anything_starts() {
        let root = tempfile::tempdir().unwrap();
        let file = root.path().join("own.toml");
        fs::write(&file, "[tenants.a]\ncolour = 1\n").unwrap();
        let error = Folder::prepare(root.path(), Some(file), INGEST).unwrap_err();
        assert!(
            error.is::<WrongUse>() && error.to_string().contains("own.toml:2"),
            "{error}"
        );
    }

    #[test]
    fn the_tenants_file_that_is_made_is_a_good_one() {
        let root = tempfile::tempdir().unwrap();
        let folder = Folder::prepare(root.path(), None, INGEST).unwrap();
        let tenants = ingest::tenants::load(folder.tenants()).unwrap();
        for provider in Provider::ALL.iter().copied() {
            let endpoint = tenants.endpoint(demo_endpoint(provider)).unwrap();
            assert_eq!(endpoint.provider, provider);
            let has_url = provider == Provider::Dellyman;
            assert_eq!(endpoint.public_url.is_some(), has_url);
        }
        assert!(folder.blobs_url().starts_with("file:///"));
    }
}
