//! Archives of loaded classes (AppCDS). They halve the start of both Java programs, and belong to one
//! build of the JVM and one set of jars, so they are made here, by a trial run after the fetch.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use sha2::{Digest, Sha256};

use crate::cache::Cache;
use crate::child::{Child, Invocation};
use crate::error::{Error, While};
use crate::options::Options;
use crate::part::Part;
use crate::place::Place;
use crate::probe;
use crate::progress::{Progress, Step};
use crate::tools::Java;

const READY_LIMIT: Duration = Duration::from_secs(90);
/// The JVM writes the archive while it ends.
const DUMP_LIMIT: Duration = Duration::from_secs(90);

#[derive(Clone, Debug)]
pub(crate) enum Classes {
    Load(PathBuf),
    Record(PathBuf),
}

impl Classes {
    /// A missing or unfit archive costs time only: the JVM goes on without it.
    pub(crate) fn flag(&self) -> Option<OsString> {
        let (flag, path) = match self {
            Self::Load(path) if !path.is_file() => return None,
            Self::Load(path) => ("-XX:SharedArchiveFile=", path),
            Self::Record(path) => ("-XX:ArchiveClassesAtExit=", path),
        };
        let mut flag = OsString::from(flag);
        flag.push(path);
        Some(flag)
    }
}

/// What a trial run takes.
#[derive(Clone, Copy)]
pub(crate) struct Trial<'a> {
    pub(crate) cache: &'a Cache,
    pub(crate) java: &'a Java,
    pub(crate) progress: &'a dyn Progress,
}

impl Trial<'_> {
    /// The archive of this part for this JVM, made now if need be.
    pub(crate) fn obtain(
        &self,
        part: Part,
        installed: &Path,
        invocation: impl Fn(&Place, &Classes) -> Result<Invocation, Error>,
    ) -> Result<Classes, Error> {
        let jvm = Sha256::digest(format!(
            "{} {}",
            self.java.path.display(),
            self.java.identity
        ));
        let jvm = hex::encode(jvm.get(..8).unwrap_or_default());
        let stem = installed.file_name().unwrap_or_default().display();
        let name = format!("{stem}-{jvm}.jsa");
        let path = self.cache.path(&name);
        if is_newer(&path, installed) {
            return Ok(Classes::Load(path));
        }
        let _lock = self
            .cache
            .lock(&name, || self.progress.step(part, Step::Waiting))?;
        if !is_newer(&path, installed) {
            self.progress.step(part, Step::Train);
            let recorded = self.cache.path(&format!("{name}.partial"));
            let scratch = tempfile::tempdir().doing(|| "creating a temporary folder".to_owned())?;
            let place = Place::take(&Options::new(scratch.path()), self.cache)?;
            record(
                &invocation(&place, &Classes::Record(recorded.clone()))?,
                &place,
            )?;
            // an end without an archive is no failure of the stack: it starts as slowly as before
            if recorded.is_file() {
                fs::rename(&recorded, &path)
                    .doing(|| format!("renaming {}", recorded.display()))?;
            }
        }
        Ok(Classes::Load(path))
    }
}

/// An archive older than the jars was made from others, which a repair has replaced.
fn is_newer(archive: &Path, installed: &Path) -> bool {
    let modified = |path: &Path| fs::metadata(path).and_then(|is| is.modified());
    matches!((modified(archive), modified(installed)), (Ok(ours), Ok(theirs)) if ours >= theirs)
}

fn record(invocation: &Invocation, place: &Place) -> Result<(), Error> {
    let child = Child::spawn(invocation)?;
    probe::wait_ready(&child, invocation.part, &place.ports, READY_LIMIT, || false)?;
    child.stop(DUMP_LIMIT)
}
