//! Finding our own small program that stands between us and each child.

use std::env;
use std::path::PathBuf;

use crate::error::Error;

const NAME: &str = "local-stack-launcher";

/// Cargo puts it beside `waybill`, and one folder above the test binaries.
pub(crate) fn find() -> Result<PathBuf, Error> {
    let mut looked_in = Vec::new();
    if let Some(path) = env::var_os("WAYBILL_LAUNCHER").map(PathBuf::from) {
        looked_in.push(path);
    } else if let Ok(us) = env::current_exe() {
        looked_in.extend(
            us.ancestors()
                .skip(1)
                .take(2)
                .map(|folder| folder.join(NAME)),
        );
    }
    match looked_in.iter().find(|path| path.is_file()) {
        Some(path) => Ok(path.clone()),
        None => Err(Error::Launcher { looked_in }),
    }
}
