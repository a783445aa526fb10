//! The real folder.

use std::{
    fs::{self, DirBuilder, File, OpenOptions, TryLockError},
    io::{self, Read as _, Seek as _, Write as _},
    os::unix::fs::{DirBuilderExt as _, FileExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use crate::spool::{
    SpoolError,
    files::{Append, Files, Listed},
    format::LOCK,
};

/// Bodies are personal data: nobody but the owner reads them.
const FILE_MODE: u32 = 0o600;
const FOLDER_MODE: u32 = 0o700;

/// A folder on a disk.
#[derive(Debug)]
pub(super) struct Disk {
    folder: PathBuf,
    /// Held for as long as nobody else may have the folder; the system lets go of it with the process.
    lock: Mutex<Option<File>>,
}

impl Disk {
    /// Makes the folder if it is not there, and takes it for this process alone.
    pub(super) fn take(folder: &Path) -> Result<Self, SpoolError> {
        let failed = |error| SpoolError::io("open", &folder.display().to_string(), error);
        if !folder.is_dir() {
            let mut builder = DirBuilder::new();
            builder.recursive(true).mode(FOLDER_MODE);
            builder.create(folder).map_err(failed)?;
            let above = folder
                .parent()
                .filter(|above| !above.as_os_str().is_empty());
            sync_folder(above.unwrap_or(Path::new("."))).map_err(failed)?;
        }
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).mode(FILE_MODE);
        let mut lock = options.open(folder.join(LOCK)).map_err(failed)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut holder = String::new();
                lock.read_to_string(&mut holder).ok();
                return Err(SpoolError::Locked {
                    folder: folder.display().to_string(),
                    holder: holder.trim().to_owned(),
                });
            }
            Err(TryLockError::Error(error)) => return Err(failed(error)),
        }
        // Only helps whoever finds the folder taken; nothing depends on it.
        let note = |lock: &mut File| {
            lock.set_len(0)?;
            lock.rewind()?;
            writeln!(lock, "{}", std::process::id())
        };
        note(&mut lock).ok();
        Ok(Self {
            folder: folder.to_owned(),
            lock: Mutex::new(Some(lock)),
        })
    }

    /// Only looks at a folder that somebody else may have.
    pub(super) fn look(folder: &Path) -> Self {
        Self {
            folder: folder.to_owned(),
            lock: Mutex::default(),
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }
}

fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

impl Files for Disk {
    fn list(&self) -> io::Result<Vec<Listed>> {
        let mut listed = Vec::new();
        for entry in fs::read_dir(&self.folder)? {
            let entry = entry?;
            let bytes = match entry.metadata() {
                Ok(metadata) if metadata.is_file() => metadata.len(),
                Ok(_) => continue,
                // Removed meanwhile by whoever has the folder.
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => return Err(error),
            };
            if let Ok(name) = entry.file_name().into_string() {
                listed.push(Listed { name, bytes });
            }
        }
        Ok(listed)
    }

    fn create(&self, name: &str) -> io::Result<Box<dyn Append>> {
        let mut options = OpenOptions::new();
        options.append(true).create_new(true).mode(FILE_MODE);
        Ok(Box::new(options.open(self.path(name))?))
    }

    fn overwrite(&self, name: &str) -> io::Result<Box<dyn Append>> {
        let mut options = OpenOptions::new();
        options
            .write(true)
            .create(true)
            .truncate(true)
            .mode(FILE_MODE);
        Ok(Box::new(options.open(self.path(name))?))
    }

    fn read(&self, name: &str, offset: u64, into: &mut [u8]) -> io::Result<usize> {
        File::open(self.path(name))?.read_at(into, offset)
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        fs::rename(self.path(from), self.path(to))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        fs::remove_file(self.path(name))
    }

    fn cut(&self, name: &str, bytes: u64) -> io::Result<()> {
        let file = OpenOptions::new().write(true).open(self.path(name))?;
        file.set_len(bytes)?;
        file.sync_all()
    }

    fn sync_folder(&self) -> io::Result<()> {
        sync_folder(&self.folder)
    }

    fn free_bytes(&self) -> io::Result<u64> {
        let found = nix::sys::statvfs::statvfs(&self.folder)?;
        Ok(found
            .blocks_available()
            .saturating_mul(found.fragment_size()))
    }

    fn release(&self) {
        drop(
            self.lock
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .take(),
        );
    }
}

impl Append for File {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        io::Write::write(self, bytes)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.sync_data()
    }
}
