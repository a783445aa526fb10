//! The data folder: keys and a tenants file are made once and kept.

use std::{
    fs,
    io::ErrorKind,
    path::{Path, PathBuf},
};

use anyhow::Context as _;

use crate::{WrongUse, commands::new_token, env_file::write_private};

/// The endpoint of the tenants file that we make.
pub(crate) const DEMO_ENDPOINT: &str = "demo-lalamove-hk";

#[derive(Clone, Debug)]
pub(crate) struct Folder {
    path: PathBuf,
    tenants: PathBuf,
}

impl Folder {
    /// Makes what is missing. A tenants file that is given stays where it is.
    pub(crate) fn prepare(path: &Path, tenants: Option<PathBuf>) -> anyhow::Result<Self> {
        let naming = || format!("preparing {}", path.display());
        fs::create_dir_all(path).with_context(naming)?;
        let path = path.canonicalize().with_context(naming)?;
        let tenants = match tenants {
            Some(given) => given
                .canonicalize()
                .map_err(|error| WrongUse(format!("{}: {error}", given.display())))?,
            None => {
                let own = path.join("tenants.toml");
                once(&own, demo_tenants)?;
                own
            }
        };
        // later on a bad file would only keep ingest from being ready
        crate::sender::tenants(&tenants)?;
        let folder = Self { path, tenants };
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

fn demo_tenants() -> anyhow::Result<String> {
    let (token, secret) = (new_token()?, new_token()?);
    Ok(format!(
        r#"# Made by `waybill up`; edit it while everything runs, it is read again within seconds.
[tenants.demo]
name = "Demo"

[[tenants.demo.endpoints]]
id = "{DEMO_ENDPOINT}"
provider = "lalamove"
token = "{token}"
timezone = "Asia/Hong_Kong"
currency = "HKD"

[[tenants.demo.endpoints.secrets]]
id = "demo"
value = "sk_demo_{secret}"
api_key = "pk_demo_lalamove_hk"
"#
    ))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn keys_and_tokens_are_made_once_and_only_their_owner_reads_them() {
        let root = tempfile::tempdir().unwrap();
        let data = root.path().join("data");
        let folder = Folder::prepare(&data, None).unwrap();
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
        Folder::prepare(&data, None).unwrap();
        assert_eq!(read(), before);
    }

    #[test]
    fn a_bad_tenants_file_is_refused_before_anything_starts() {
        let root = tempfile::tempdir().unwrap();
        let file = root.path().join("own.toml");
        fs::write(&file, "[tenants.a]\ncolour = 1\n").unwrap();
        let error = Folder::prepare(root.path(), Some(file)).unwrap_err();
        assert!(
            error.is::<WrongUse>() && error.to_string().contains("own.toml:2"),
            "{error}"
        );
    }

    #[test]
    fn the_tenants_file_that_is_made_is_a_good_one() {
        let root = tempfile::tempdir().unwrap();
        let folder = Folder::prepare(root.path(), None).unwrap();
        let tenants = ingest::tenants::load(folder.tenants()).unwrap();
        assert!(tenants.endpoint(DEMO_ENDPOINT).is_some());
    }
}
