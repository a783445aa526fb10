//! The programs of this machine that the stack leans on.

use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::error::Error;
use crate::part::Part;

const JAVA_MIN: u32 = 17;
const OUTPUT_LINES: usize = 20;

#[derive(Clone, Debug)]
pub(crate) struct Java {
    pub(crate) path: PathBuf,
    /// What `java -version` says: class archives belong to one build of the JVM.
    pub(crate) identity: String,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Needs {
    pub(crate) maven: bool,
    pub(crate) npm: bool,
}

/// Reports everything that is missing at once, so that one visit to the package manager does.
pub(crate) fn check(needs: Needs) -> Result<Java, Error> {
    let mut missing = Vec::new();
    let java = java().map_err(|problem| missing.push(problem)).ok();
    if needs.maven && which("mvn").is_none() {
        missing.push("mvn (Maven): install the package `maven`, or put mvn on the PATH".to_owned());
    }
    if needs.npm && which("npm").is_none() {
        missing.push("npm: install the package `npm` (with Node.js), or put it on the PATH".into());
    }
    match java {
        Some(java) if missing.is_empty() => Ok(java),
        _ => Err(Error::Tools(missing)),
    }
}

fn java() -> Result<Java, String> {
    let cure = format!("java {JAVA_MIN} or newer: install `openjdk-{JAVA_MIN}-jre-headless`");
    let home = env::var_os("JAVA_HOME").map(|home| Path::new(&home).join("bin/java"));
    let path = home
        .filter(|java| java.is_file())
        .or_else(|| which("java"))
        .ok_or_else(|| format!("{cure} (none is in JAVA_HOME or on the PATH)"))?;
    let output = Command::new(&path).arg("-version").output();
    let output = output.map_err(|error| format!("{cure} ({} fails: {error})", path.display()))?;
    let identity = String::from_utf8_lossy(&output.stderr).into_owned();
    match major_version(&identity) {
        Some(major) if major >= JAVA_MIN => Ok(Java { path, identity }),
        Some(major) => Err(format!("{cure} ({} is Java {major})", path.display())),
        None => Err(format!(
            "{cure} ({} does not tell its version)",
            path.display()
        )),
    }
}

/// From `openjdk version "17.0.15" 2025-04-15`; up to Java 8 the major version came second.
fn major_version(text: &str) -> Option<u32> {
    let version = text.split('"').nth(1)?;
    let mut numbers = version.split(|c: char| !c.is_ascii_digit()).map(str::parse);
    match numbers.next()?.ok()? {
        1 => numbers.next()?.ok(),
        major => Some(major),
    }
}

fn which(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    env::split_paths(&path)
        .map(|folder| folder.join(name))
        .find(|file| file.is_file())
}

/// Runs a registry client to its end, quietly unless it fails.
pub(crate) fn run(part: Part, command: &mut Command) -> Result<Output, Error> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command
        .output()
        .map_err(|error| Error::fetch(part, format!("{name} does not start: {error}")))?;
    if output.status.success() {
        return Ok(output);
    }
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<&str> = text.lines().collect();
    let tail = lines
        .get(lines.len().saturating_sub(OUTPUT_LINES)..)
        .unwrap_or_default();
    Err(Error::fetch(
        part,
        format!("{name} ended with {}:\n{}", output.status, tail.join("\n")),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_major_version_is_read_from_old_and_new_forms() {
        let cases = [
            ("openjdk version \"17.0.15\" 2025-04-15", Some(17)),
            ("java version \"1.8.0_392\"", Some(8)),
            ("openjdk version \"25-ea\" 2025-09-16", Some(25)),
            ("no java here", None),
        ];
        for (text, expected) in cases {
            assert_eq!(major_version(text), expected, "{text}");
        }
    }
}
