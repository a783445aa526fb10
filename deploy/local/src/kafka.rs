//! One KRaft node that is broker and controller.

use std::ffi::OsString;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::archive::Classes;
use crate::child::Invocation;
use crate::error::{Error, While};
use crate::options::KafkaOptions;
use crate::part::Part;
use crate::place::Place;
use crate::ports::Ports;
use crate::tools::{Java, run};

const NODE_ID: u32 = 1;
/// What `kafka-storage format` writes beside meta.properties: the same for every cluster of a version.
const TEMPLATE: &str = "bootstrap.checkpoint";
const META: &str = "meta.properties";

pub(crate) fn invocation(
    java: &Java,
    installed: &Path,
    place: &Place,
    options: &KafkaOptions,
    classes: &Classes,
) -> Result<Invocation, Error> {
    let folder = place.folder(Part::Kafka);
    let logs = folder.join("data");
    format(installed, &logs)?;
    let config = folder.join("server.properties");
    fs::write(&config, properties(&logs, &place.ports, options))
        .doing(|| format!("writing {}", config.display()))?;

    let mut args: Vec<OsString> = vec![
        "-Xms64m".into(),
        format!("-Xmx{}m", options.heap_mib_max).into(),
        // fewer threads than G1, and the smaller one at this heap
        "-XX:+UseSerialGC".into(),
        "-XX:-UsePerfData".into(),
        "-XX:+ExitOnOutOfMemoryError".into(),
        "-Djava.awt.headless=true".into(),
        "-Dorg.slf4j.simpleLogger.showDateTime=true".into(),
        "-Dorg.slf4j.simpleLogger.dateTimeFormat=HH:mm:ss.SSS".into(),
    ];
    args.extend(classes.flag());
    args.extend(options.jvm_args.iter().map(Into::into));
    args.extend([
        "-cp".into(),
        class_path(installed)?,
        "kafka.Kafka".into(),
        config.into(),
    ]);
    Ok(Invocation {
        part: Part::Kafka,
        program: java.path.clone(),
        args,
        folder,
        log: place.log(Part::Kafka),
    })
}

/// In a fixed order and without `*`: a class archive is valid for one class path only.
fn class_path(installed: &Path) -> Result<OsString, Error> {
    let lib = installed.join("lib");
    let listing = || format!("listing {}", lib.display());
    let mut jars: Vec<PathBuf> = fs::read_dir(&lib)
        .and_then(|entries| entries.map(|entry| Ok(entry?.path())).collect())
        .doing(listing)?;
    jars.sort();
    std::env::join_paths(jars)
        .map_err(std::io::Error::other)
        .doing(listing)
}

fn properties(logs: &Path, ports: &Ports, options: &KafkaOptions) -> String {
    let (client, controller) = (ports.kafka(), ports.controller());
    let mut lines = vec![
        "process.roles=broker,controller".to_owned(),
        format!("node.id={NODE_ID}"),
        format!("controller.quorum.voters={NODE_ID}@127.0.0.1:{controller}"),
        format!("listeners=CLIENT://127.0.0.1:{client},CONTROLLER://127.0.0.1:{controller}"),
        format!("advertised.listeners=CLIENT://127.0.0.1:{client}"),
        "listener.security.protocol.map=CLIENT:PLAINTEXT,CONTROLLER:PLAINTEXT".to_owned(),
        "inter.broker.listener.name=CLIENT".to_owned(),
        "controller.listener.names=CONTROLLER".to_owned(),
        format!("log.dirs={}", logs.display()),
    ];
    lines.extend(FIXED.lines().map(str::to_owned));
    lines.extend(
        options
            .properties
            .iter()
            .map(|(key, value)| format!("{key}={value}")),
    );
    lines.push(String::new());
    lines.join("\n")
}

/// One broker, quick to start, quick to notice a dead consumer or transaction; topics are made by
/// `waybill topics apply` only. No deletion by age: tests and benchmarks write old timestamps. The
/// cleaner's buffer would take 128 MiB of the heap. After a kill the controller refuses the broker until
/// its old session has ended, which would take 9 s.
const FIXED: &str = "\
default.replication.factor=1
min.insync.replicas=1
offsets.topic.replication.factor=1
offsets.topic.num.partitions=8
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=8
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
share.coordinator.state.topic.num.partitions=1
auto.create.topics.enable=false
message.max.bytes=2097152
log.retention.ms=-1
log.cleaner.dedupe.buffer.size=16777216
broker.session.timeout.ms=3000
broker.heartbeat.interval.ms=500
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
transaction.abort.timed.out.transaction.cleanup.interval.ms=1000
num.network.threads=2
num.io.threads=4
background.threads=2
";

/// Runs Kafka's own tool once, at fetch time: it takes a JVM two seconds.
pub(crate) fn make_template(installed: &Path, java: &Java) -> Result<(), Error> {
    let scratch = installed.join("format");
    let formatting = || format!("formatting {}", scratch.display());
    fs::create_dir(&scratch).doing(formatting)?;
    let config = scratch.join("server.properties");
    fs::write(
        &config,
        format!(
            "process.roles=broker,controller\nnode.id={NODE_ID}\nlog.dirs={}\n\
             controller.quorum.voters={NODE_ID}@127.0.0.1:1\ncontroller.listener.names=CONTROLLER\n\
             listeners=CLIENT://127.0.0.1:2,CONTROLLER://127.0.0.1:1\n\
             inter.broker.listener.name=CLIENT\n\
             listener.security.protocol.map=CLIENT:PLAINTEXT,CONTROLLER:PLAINTEXT\n",
            scratch.join("data").display()
        ),
    )
    .doing(formatting)?;
    run(
        Part::Kafka,
        Command::new(&java.path)
            .arg("-cp")
            .arg(class_path(installed)?)
            .args(["kafka.tools.StorageTool", "format", "-t", &uuid()?, "-c"])
            .arg(&config),
    )?;
    fs::rename(
        scratch.join("data").join(TEMPLATE),
        installed.join(TEMPLATE),
    )
    .doing(formatting)?;
    fs::remove_dir_all(&scratch).doing(formatting)
}

/// Gives a new folder a cluster id of its own: state kept by our services belongs to one cluster.
fn format(installed: &Path, logs: &Path) -> Result<(), Error> {
    let formatting = || format!("formatting {}", logs.display());
    let meta = logs.join(META);
    if meta.exists() {
        return Ok(());
    }
    fs::create_dir_all(logs).doing(formatting)?;
    fs::copy(installed.join(TEMPLATE), logs.join(TEMPLATE)).doing(formatting)?;
    let text = format!(
        "version=1\ncluster.id={}\nnode.id={NODE_ID}\ndirectory.id={}\n",
        uuid()?,
        uuid()?
    );
    // renamed last: the folder counts as formatted when this file is whole
    let unfinished = logs.join("meta.properties.unfinished");
    fs::write(&unfinished, text).doing(formatting)?;
    fs::rename(&unfinished, &meta).doing(formatting)
}

/// A random UUID as Kafka writes it: 22 characters of URL-safe base 64.
fn uuid() -> Result<String, Error> {
    let mut bytes = [0; 16];
    fs::File::open("/dev/urandom")
        .and_then(|mut file| file.read_exact(&mut bytes))
        .doing(|| "reading /dev/urandom".to_owned())?;
    Ok(base64(u128::from_be_bytes(bytes)))
}

fn base64(bits: u128) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    // 21 digits of 6 bits leave 2 bits for the last; the first is kept below 32, since a leading
    // `-` reads as an option and is refused by Kafka
    let digit = |index: u128| {
        DIGITS
            .get((index & 63) as usize)
            .map_or('A', |digit| *digit as char)
    };
    let bits = bits >> 1;
    (0..21)
        .map(|place| digit(bits >> (122 - 6 * place)))
        .chain([digit(bits << 4)])
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uuid_is_22_digits_and_never_begins_with_a_dash() {
        assert_eq!(base64(0), "AAAAAAAAAAAAAAAAAAAAAA");
        assert_eq!(base64(u128::MAX), "f____________________w");
        assert_eq!(base64(u128::from(32_u8) << 1), "AAAAAAAAAAAAAAAAAAAAIA");
    }

    #[test]
    fn a_folder_is_formatted_once() {
        let root = tempfile::tempdir().unwrap();
        fs::write(root.path().join(TEMPLATE), "x").unwrap();
        let logs = root.path().join("data");
        format(root.path(), &logs).unwrap();
        let first = fs::read_to_string(logs.join(META)).unwrap();
        format(root.path(), &logs).unwrap();
        assert_eq!(fs::read_to_string(logs.join(META)).unwrap(), first);
    }
}
