//! `${XDG_CACHE_HOME:-~/.cache}/waybill`: one folder for each pinned version, whole or absent.

use std::env;
use std::fs::{self, File};
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::error::{Error, While};
use crate::part::Part;
use crate::progress::{Progress, Step};

/// Lists each file with its size, written last.
const STAMP: &str = ".complete";
/// A download that broke off is tried once more.
const TRIES: usize = 2;

#[derive(Clone, Debug)]
pub(crate) struct Cache {
    root: PathBuf,
}

impl Cache {
    pub(crate) fn open() -> Result<Self, Error> {
        let root = env::var_os("XDG_CACHE_HOME")
            .map(PathBuf::from)
            .filter(|path| path.is_absolute())
            .or_else(|| env::var_os("HOME").map(|home| Path::new(&home).join(".cache")))
            .ok_or_else(|| {
                Error::Tools(vec!["a cache folder: set HOME or XDG_CACHE_HOME".into()])
            })?;
        Self::at(root.join("waybill"))
    }

    pub(crate) fn at(root: PathBuf) -> Result<Self, Error> {
        fs::create_dir_all(&root).doing(|| format!("creating {}", root.display()))?;
        Ok(Self { root })
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    /// Sizes only: a damaged download never gets its stamp, and hashing 700 MB at each start would
    /// cost more than the start.
    pub(crate) fn holds(&self, name: &str) -> bool {
        let folder = self.path(name);
        fs::read_to_string(folder.join(STAMP)).is_ok_and(|stamp| {
            stamp.lines().all(|line| {
                line.split_once(' ').is_some_and(|(bytes, file)| {
                    fs::metadata(folder.join(file)).is_ok_and(|is| is.len().to_string() == bytes)
                })
            })
        })
    }

    /// Serializes with other processes until the file is dropped.
    pub(crate) fn lock(&self, name: &str, wait: impl FnOnce()) -> Result<File, Error> {
        let path = self.path(&format!("{name}.lock"));
        let file = File::create(&path).doing(|| format!("creating {}", path.display()))?;
        if file.try_lock().is_err() {
            wait();
            file.lock()
                .doing(|| format!("locking {}", path.display()))?;
        }
        Ok(file)
    }

    /// Makes sure that the folder `name` is there and whole; `fill` downloads into an empty folder and
    /// verifies, and only then the folder takes its name.
    pub(crate) fn obtain(
        &self,
        part: Part,
        name: &str,
        progress: &dyn Progress,
        fill: impl Fn(&Path) -> Result<(), Error>,
    ) -> Result<PathBuf, Error> {
        let folder = self.path(name);
        if self.holds(name) {
            return Ok(folder);
        }
        let _lock = self.lock(name, || progress.step(part, Step::Waiting))?;
        if self.holds(name) {
            return Ok(folder);
        }
        let staging = self.path(&format!("{name}.partial"));
        let mut result = Ok(());
        for _ in 0..TRIES {
            clear(&staging)?;
            fs::create_dir_all(&staging).doing(|| format!("creating {}", staging.display()))?;
            result = fill(&staging);
            if result.is_ok() {
                break;
            }
        }
        result?;
        stamp(&staging)?;
        clear(&folder)?;
        fs::rename(&staging, &folder).doing(|| format!("renaming {}", staging.display()))?;
        progress.step(part, Step::Fetched);
        Ok(folder)
    }
}

fn clear(folder: &Path) -> Result<(), Error> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        other => other.doing(|| format!("removing {}", folder.display())),
    }
}

fn stamp(folder: &Path) -> Result<(), Error> {
    let mut lines = String::new();
    list(folder, folder, &mut lines).doing(|| format!("listing {}", folder.display()))?;
    fs::write(folder.join(STAMP), lines).doing(|| format!("stamping {}", folder.display()))
}

fn list(root: &Path, folder: &Path, lines: &mut String) -> std::io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let path = entry.path();
        if entry.file_type()?.is_dir() {
            list(root, &path, lines)?;
        } else if let Ok(relative) = path.strip_prefix(root) {
            lines.push_str(&format!(
                "{} {}\n",
                entry.metadata()?.len(),
                relative.display()
            ));
        }
    }
    Ok(())
}

pub(crate) fn sha256(path: &Path) -> Result<String, Error> {
    let reading = || format!("reading {}", path.display());
    let mut file = File::open(path).doing(reading)?;
    let mut digest = Sha256::new();
    let mut buffer = vec![0; 1 << 20];
    loop {
        let length = file.read(&mut buffer).doing(reading)?;
        match buffer.get(..length) {
            Some([]) | None => return Ok(hex::encode(digest.finalize())),
            Some(bytes) => digest.update(bytes),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::progress::Silent;

    fn fill(folder: &Path) -> Result<(), Error> {
        fs::create_dir(folder.join("lib")).unwrap();
        fs::write(folder.join("lib/a.jar"), "abc").doing(String::new)
    }

    #[test]
    fn a_truncated_file_is_fetched_again_and_a_whole_folder_is_not() {
        let root = tempfile::tempdir().unwrap();
        let cache = Cache::at(root.path().join("waybill")).unwrap();
        let folder = cache.obtain(Part::Kafka, "kafka-1", &Silent, fill).unwrap();
        let refuse = |_: &Path| Err(Error::fetch(Part::Kafka, "asked again"));
        cache
            .obtain(Part::Kafka, "kafka-1", &Silent, refuse)
            .unwrap();

        fs::write(folder.join("lib/a.jar"), "ab").unwrap();
        assert!(!cache.holds("kafka-1"));
        cache.obtain(Part::Kafka, "kafka-1", &Silent, fill).unwrap();
        assert_eq!(fs::read_to_string(folder.join("lib/a.jar")).unwrap(), "abc");
    }

    #[test]
    fn a_failed_download_leaves_nothing_under_the_final_name() {
        let root = tempfile::tempdir().unwrap();
        let cache = Cache::at(root.path().to_owned()).unwrap();
        let broken = |folder: &Path| {
            fs::write(folder.join("half"), "x").unwrap();
            Err(Error::fetch(Part::Registry, "connection reset"))
        };
        let error = cache
            .obtain(Part::Registry, "registry-1", &Silent, broken)
            .unwrap_err();
        assert!(error.to_string().contains("connection reset"));
        assert!(!cache.path("registry-1").exists());
    }

    #[test]
    fn the_checksum_is_that_of_sha256sum() {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), "abc").unwrap();
        let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(sha256(file.path()).unwrap(), abc);
    }
}
