//! The data folder of one stack, and the ports that it has.

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process;

use crate::cache::Cache;
use crate::error::{Error, While};
use crate::options::Options;
use crate::part::Part;
use crate::ports::Ports;

#[derive(Debug)]
pub(crate) struct Place {
    data: PathBuf,
    logs: PathBuf,
    pub(crate) ports: Ports,
    /// Held while we live; the kernel frees it however we end.
    _lock: File,
}

impl Place {
    /// Takes the folder for this process.
    pub(crate) fn take(options: &Options, cache: &Cache) -> Result<Self, Error> {
        let (data, lock) = lock(&options.data_dir)?;
        let ports = match options.port_base {
            Some(base) => Ports::fixed(base)?,
            None => Ports::free(cache)?,
        };
        let logs = options.log_dir.clone().unwrap_or_else(|| data.join("logs"));
        let logs = std::path::absolute(&logs).doing(|| format!("resolving {}", logs.display()))?;
        Ok(Self {
            data,
            logs,
            ports,
            _lock: lock,
        })
    }

    pub(crate) fn data(&self) -> &Path {
        &self.data
    }

    pub(crate) fn folder(&self, part: Part) -> PathBuf {
        self.data.join(part.name())
    }

    pub(crate) fn log(&self, part: Part) -> PathBuf {
        self.logs.join(part.name()).with_extension("log")
    }
}

fn lock(folder: &Path) -> Result<(PathBuf, File), Error> {
    let locking = || format!("locking {}", folder.display());
    fs::create_dir_all(folder).doing(locking)?;
    let folder = folder.canonicalize().doing(locking)?;
    let path = folder.join("stack.lock");
    let mut file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(&path)
        .doing(locking)?;
    if file.try_lock().is_err() {
        let mut holder = String::new();
        file.read_to_string(&mut holder).doing(locking)?;
        return Err(Error::InUse {
            dir: folder,
            holder: holder.trim_end().to_owned(),
        });
    }
    file.set_len(0).doing(locking)?;
    writeln!(file, "pid {}", process::id()).doing(locking)?;
    Ok((folder, file))
}

/// For secrets: nobody but us may read it.
pub(crate) fn write_private(path: &Path, text: &str) -> Result<(), Error> {
    OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)
        .and_then(|mut file| file.write_all(text.as_bytes()))
        .doing(|| format!("writing {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_in_use_is_refused_with_the_holder_and_free_again_afterwards() {
        let root = tempfile::tempdir().unwrap();
        let held = lock(root.path()).unwrap();
        let text = lock(root.path()).unwrap_err().to_string();
        assert!(text.contains(&format!("pid {}", process::id())), "{text}");
        drop(held);
        lock(root.path()).unwrap();
    }
}
