//! Apicurio Registry over an H2 file, spoken to by its Confluent-compatible API.

use std::ffi::OsString;
use std::fs;
use std::path::Path;

use crate::archive::Classes;
use crate::child::Invocation;
use crate::error::{Error, While};
use crate::part::Part;
use crate::place::Place;
use crate::tools::Java;
use crate::versions;

pub(crate) fn invocation(
    java: &Java,
    installed: &Path,
    place: &Place,
    classes: &Classes,
) -> Result<Invocation, Error> {
    let folder = place.folder(Part::Registry);
    fs::create_dir_all(&folder).doing(|| format!("creating {}", folder.display()))?;
    let database = folder.join("registry");
    let mut args: Vec<OsString> = vec![
        "-Xms32m".into(),
        "-Xmx256m".into(),
        "-XX:TieredStopAtLevel=1".into(),
        "-XX:+UseSerialGC".into(),
        "-XX:-UsePerfData".into(),
        "-Djava.awt.headless=true".into(),
        "-Dquarkus.http.host=127.0.0.1".into(),
        format!("-Dquarkus.http.port={}", place.ports.registry()).into(),
        "-Dquarkus.http.access-log.enabled=false".into(),
        // H2 keeps commits in memory for half a second otherwise: a kill would lose a schema id that
        // records already carry
        format!(
            "-Dapicurio.datasource.url=jdbc:h2:file:{};WRITE_DELAY=0",
            database.display()
        )
        .into(),
    ];
    args.extend(classes.flag());
    let jar = format!("apicurio-registry-app-{}-runner.jar", versions::REGISTRY);
    args.extend(["-jar".into(), installed.join(jar).into()]);
    Ok(Invocation {
        part: Part::Registry,
        program: java.path.clone(),
        args,
        folder,
        log: place.log(Part::Registry),
    })
}
