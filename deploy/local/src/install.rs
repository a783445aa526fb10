//! How each part gets from its registry into an empty folder. Everything is verified before use.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use flate2::read::GzDecoder;
use tar::Archive;

use crate::cache::sha256;
use crate::error::{Error, While};
use crate::kafka;
use crate::part::Part;
use crate::progress::{Progress, Step};
use crate::tools::{Java, run};
use crate::versions::{self, ClickhousePackage};

/// The goals exist under this name in every version of the plugin that Maven 3 or 4 picks.
const MAVEN_COPY: &str = "dependency:copy";
const MAVEN_COPY_ALL: &str = "dependency:copy-dependencies";

pub(crate) fn kafka(folder: &Path, java: &Java, progress: &dyn Progress) -> Result<(), Error> {
    progress.step(
        Part::Kafka,
        Step::Download {
            bytes: versions::KAFKA_BYTES,
        },
    );
    let pom = folder.join("pom.xml");
    fs::write(&pom, pom_xml()).doing(|| format!("writing {}", pom.display()))?;
    let lib = folder.join("lib");
    run(
        Part::Kafka,
        Command::new("mvn")
            .current_dir(folder)
            .args(["-B", "-q", MAVEN_COPY_ALL])
            .args([
                "-DincludeScope=runtime",
                &format!("-DoutputDirectory={}", lib.display()),
            ]),
    )?;
    fs::remove_file(&pom).doing(|| format!("removing {}", pom.display()))?;
    progress.step(Part::Kafka, Step::Verify { pinned: true });
    check_jars(&lib)?;
    kafka::make_template(folder, java)
}

fn pom_xml() -> String {
    let dependency = |group: &str, artifact: &str, version: &str| {
        format!(
            "<dependency><groupId>{group}</groupId><artifactId>{artifact}</artifactId>\
             <version>{version}</version></dependency>"
        )
    };
    let dependencies = [
        dependency("org.apache.kafka", "kafka_2.13", versions::KAFKA),
        dependency("org.apache.kafka", "kafka-tools", versions::KAFKA),
        dependency("org.slf4j", "slf4j-simple", versions::SLF4J),
    ];
    format!(
        "<project xmlns=\"http://maven.apache.org/POM/4.0.0\"><modelVersion>4.0.0</modelVersion>\
         <groupId>waybill</groupId><artifactId>kafka-jars</artifactId><version>1</version>\
         <packaging>pom</packaging><dependencies>{}</dependencies></project>\n",
        dependencies.concat()
    )
}

/// No jar more, none less: an extra one would be code that nobody has checked.
fn check_jars(lib: &Path) -> Result<(), Error> {
    let mut pinned = BTreeSet::new();
    for (sum, name) in versions::KAFKA_JARS
        .lines()
        .filter_map(|line| line.split_once("  "))
    {
        check_sum(Part::Kafka, &lib.join(name), sum)?;
        pinned.insert(OsStr::new(name));
    }
    for entry in fs::read_dir(lib).doing(|| format!("listing {}", lib.display()))? {
        let name = entry
            .doing(|| format!("listing {}", lib.display()))?
            .file_name();
        if !pinned.contains(name.as_os_str()) {
            let why = format!(
                "{} is not in kafka-{}.sha256",
                name.display(),
                versions::KAFKA
            );
            return Err(Error::fetch(Part::Kafka, why));
        }
    }
    Ok(())
}

pub(crate) fn registry(folder: &Path, progress: &dyn Progress) -> Result<(), Error> {
    progress.step(
        Part::Registry,
        Step::Download {
            bytes: versions::REGISTRY_BYTES,
        },
    );
    let version = versions::REGISTRY;
    // copied, not resolved: its parent POMs are missing from Maven Central
    run(
        Part::Registry,
        Command::new("mvn")
            .current_dir(folder)
            .args(["-B", "-q", MAVEN_COPY])
            .args([
                format!("-Dartifact=io.apicurio:apicurio-registry-app:{version}:tar.gz:all"),
                format!("-DoutputDirectory={}", folder.display()),
            ]),
    )?;
    let archive = folder.join(format!("apicurio-registry-app-{version}-all.tar.gz"));
    progress.step(Part::Registry, Step::Verify { pinned: true });
    check_sum(Part::Registry, &archive, versions::REGISTRY_SHA256)?;
    progress.step(Part::Registry, Step::Unpack);
    let unpacking = || format!("unpacking {}", archive.display());
    open(&archive)?.unpack(folder).doing(unpacking)?;
    fs::remove_file(&archive).doing(unpacking)
}

pub(crate) const LIBCHDB: &str = "libchdb.so";

pub(crate) fn clickhouse(
    folder: &Path,
    package: &ClickhousePackage,
    progress: &dyn Progress,
) -> Result<(), Error> {
    progress.step(
        Part::Clickhouse,
        Step::Download {
            bytes: versions::CLICKHOUSE_BYTES,
        },
    );
    let download = folder.join("download");
    fs::create_dir(&download).doing(|| format!("creating {}", download.display()))?;
    // its own cache, since npm would keep 178 MB more in the user's
    run(
        Part::Clickhouse,
        Command::new("npm")
            .current_dir(&download)
            .args([
                "pack",
                "--silent",
                &format!("{}@{}", package.name, versions::CLICKHOUSE),
            ])
            .arg("--pack-destination")
            .arg(&download)
            .arg("--cache")
            .arg(download.join("npm-cache")),
    )?;
    let archive = find_tgz(&download)?;
    progress.step(
        Part::Clickhouse,
        Step::Verify {
            pinned: package.sha256.is_some(),
        },
    );
    if let Some(sum) = package.sha256 {
        check_sum(Part::Clickhouse, &archive, sum)?;
    }
    progress.step(Part::Clickhouse, Step::Unpack);
    unpack_library(&archive, &folder.join(LIBCHDB))?;
    fs::remove_dir_all(&download).doing(|| format!("removing {}", download.display()))
}

fn find_tgz(folder: &Path) -> Result<PathBuf, Error> {
    let entries = fs::read_dir(folder).doing(|| format!("listing {}", folder.display()))?;
    entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .find(|path| path.extension() == Some(OsStr::new("tgz")))
        .ok_or_else(|| Error::fetch(Part::Clickhouse, "npm pack left no .tgz"))
}

fn unpack_library(archive: &Path, target: &Path) -> Result<(), Error> {
    let unpacking = || format!("unpacking {}", archive.display());
    let mut archive_file = open(archive)?;
    for entry in archive_file.entries().doing(unpacking)? {
        let mut entry = entry.doing(unpacking)?;
        let is_library = entry.path().doing(unpacking)?.file_name() == Some(OsStr::new(LIBCHDB));
        if is_library {
            let mut file = File::create(target).doing(unpacking)?;
            io::copy(&mut entry, &mut file).doing(unpacking)?;
            return Ok(());
        }
    }
    Err(Error::fetch(
        Part::Clickhouse,
        format!("{} holds no {LIBCHDB}", archive.display()),
    ))
}

fn open(archive: &Path) -> Result<Archive<GzDecoder<File>>, Error> {
    let file = File::open(archive).doing(|| format!("opening {}", archive.display()))?;
    Ok(Archive::new(GzDecoder::new(file)))
}

fn check_sum(part: Part, path: &Path, expected: &str) -> Result<(), Error> {
    let found = sha256(path)?;
    if found == expected {
        return Ok(());
    }
    let name = path.file_name().unwrap_or_default().display();
    let why = format!(
        "{name} has sha256 {found}, pinned is {expected}; if a broken copy sits in ~/.m2, remove it"
    );
    Err(Error::fetch(part, why))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_checksum_names_the_file_and_both_sums() {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), "abc").unwrap();
        let text = check_sum(Part::Registry, file.path(), "00ff")
            .unwrap_err()
            .to_string();
        assert!(text.contains("ba7816bf") && text.contains("00ff"), "{text}");
    }
}
