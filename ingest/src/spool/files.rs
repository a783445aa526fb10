//! The few things that the spool asks of a disk: the real one, and in tests one that fails and forgets.

use std::{fmt, io};

/// A file of the folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Listed {
    pub(super) name: String,
    pub(super) bytes: u64,
}

/// One folder without folders inside. Nothing is durable before it was synced: a file's bytes by its
/// own sync, its name, a rename and a removal by the folder's.
pub(super) trait Files: fmt::Debug + Send + Sync {
    /// All files, in no order.
    fn list(&self) -> io::Result<Vec<Listed>>;

    /// A file that must not be there yet.
    fn create(&self, name: &str) -> io::Result<Box<dyn Append>>;

    /// A file that is empty afterwards, whether it was there or not.
    fn overwrite(&self, name: &str) -> io::Result<Box<dyn Append>>;

    /// How many bytes could be read at an offset; 0 at the end.
    fn read(&self, name: &str, offset: u64, into: &mut [u8]) -> io::Result<usize>;

    /// Replaces what has the new name.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;

    fn remove(&self, name: &str) -> io::Result<()>;

    /// Shortens a file to `bytes`, and syncs it.
    fn cut(&self, name: &str, bytes: u64) -> io::Result<()>;

    fn sync_folder(&self) -> io::Result<()>;

    /// Bytes that may still be written to the disk.
    fn free_bytes(&self) -> io::Result<u64>;

    /// Lets another process have the folder.
    fn release(&self);
}

/// The end of a file.
pub(super) trait Append: Send {
    /// How many of the bytes were written.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize>;

    /// Returns once the bytes are on the disk. After an error nobody knows which are, whatever a second
    /// call says.
    fn sync(&mut self) -> io::Result<()>;
}

/// Writes all bytes, however short the single writes are.
pub(super) fn write_all(file: &mut dyn Append, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        match file.write(bytes) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => bytes = bytes.get(written..).unwrap_or_default(),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
