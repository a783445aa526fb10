//! What is fetched, and how we know that we got it. Changing a version means changing its checksums.

use crate::error::Error;

pub(crate) const KAFKA: &str = "4.1.1";
/// Kafka says nothing without an slf4j binding; this one needs no settings file.
pub(crate) const SLF4J: &str = "1.7.36";
/// `sha256sum` of each jar that Maven resolves for the two Kafka artifacts and the binding.
pub(crate) const KAFKA_JARS: &str = include_str!("../kafka-4.1.1.sha256");
pub(crate) const KAFKA_BYTES: u64 = 54_000_000;

/// The newest that runs on Java 17.
pub(crate) const REGISTRY: &str = "3.0.9";
pub(crate) const REGISTRY_SHA256: &str =
    "2b28181501a20cbf6efcd77f9b7153908fc01f3d3a7c32024c0bd9e1b04c8a43";
pub(crate) const REGISTRY_BYTES: u64 = 108_860_403;

pub(crate) const CLICKHOUSE: &str = "26.7.3-stable.1";
pub(crate) const CLICKHOUSE_BYTES: u64 = 177_817_999;

/// The npm package that holds ClickHouse as a shared library, for one kind of machine.
#[derive(Debug)]
pub(crate) struct ClickhousePackage {
    pub(crate) name: &'static str,
    /// Absent where no one has checked the package by hand: npm's own integrity check must do.
    pub(crate) sha256: Option<&'static str>,
}

const LINUX_X64_SHA256: &str = "c0d32b129e988f2b9a9a31c9141aecf5e1e2453f9a079efc4d36ab8e3f92b2ad";

pub(crate) fn clickhouse_package(os: &str, arch: &str) -> Result<ClickhousePackage, Error> {
    // the libraries are built for glibc; a musl program cannot open them
    let (name, sha256) = match (os, arch) {
        _ if cfg!(target_env = "musl") => return Err(Error::unsupported("linux-musl", arch)),
        ("linux", "x86_64") => ("@chdb/lib-linux-x64-gnu", Some(LINUX_X64_SHA256)),
        ("linux", "aarch64") => ("@chdb/lib-linux-arm64-gnu", None),
        ("macos", "x86_64") => ("@chdb/lib-darwin-x64", None),
        ("macos", "aarch64") => ("@chdb/lib-darwin-arm64", None),
        _ => return Err(Error::unsupported(os, arch)),
    };
    Ok(ClickhousePackage { name, sha256 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_platform_without_a_package_is_named_in_the_error() {
        let text = clickhouse_package("freebsd", "riscv64")
            .unwrap_err()
            .to_string();
        assert!(
            text.contains("freebsd") && text.contains("riscv64"),
            "{text}"
        );
    }

    #[test]
    fn every_kafka_jar_has_a_checksum_and_slf4j_is_among_them() {
        for line in KAFKA_JARS.lines() {
            let (sum, name) = line.split_once("  ").unwrap();
            assert!(sum.len() == 64 && name.ends_with(".jar"), "{line}");
        }
        assert!(KAFKA_JARS.contains(&format!("slf4j-simple-{SLF4J}.jar")));
        assert!(KAFKA_JARS.contains(&format!("kafka_2.13-{KAFKA}.jar")));
    }
}
