//! What the process itself costs, read from `/proc` whenever somebody looks, and what its log lost.

use std::fs;

use prometheus::core::{Collector, Desc};
use prometheus::proto::MetricFamily;
use prometheus::{Counter, IntCounter, IntGauge, Registry};

use crate::telemetry;

/// The kernel reports CPU time to programs in hundredths of a second on every architecture in use.
const TICKS_PER_SECOND: f64 = 100.0;

#[derive(Debug)]
struct Process {
    resident_bytes: IntGauge,
    cpu_seconds: Counter,
    log_lines_lost: IntCounter,
}

/// Adds the process metrics to a registry.
pub(super) fn register(registry: &Registry) -> prometheus::Result<()> {
    registry.register(Box::new(Process {
        resident_bytes: IntGauge::new(
            "waybill_process_resident_bytes",
            "Memory of the process that is in RAM",
        )?,
        cpu_seconds: Counter::new(
            "waybill_process_cpu_seconds_total",
            "CPU time of the process, user and system",
        )?,
        log_lines_lost: IntCounter::new(
            "waybill_process_log_lines_lost_total",
            "Log lines that were not written because nobody read those before them",
        )?,
    }))
}

impl Collector for Process {
    fn desc(&self) -> Vec<&Desc> {
        let process = [self.resident_bytes.desc(), self.cpu_seconds.desc()].concat();
        [process, self.log_lines_lost.desc()].concat()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let read = |path| fs::read_to_string(path).unwrap_or_default();
        if let Some(bytes) = resident_bytes(&read("/proc/self/status")) {
            self.resident_bytes.set(bytes);
        }
        if let Some(seconds) = cpu_seconds(&read("/proc/self/stat")) {
            self.cpu_seconds
                .inc_by((seconds - self.cpu_seconds.get()).max(0.0));
        }
        let more = telemetry::lost_lines().saturating_sub(self.log_lines_lost.get());
        self.log_lines_lost.inc_by(more);
        let process = [self.resident_bytes.collect(), self.cpu_seconds.collect()].concat();
        [process, self.log_lines_lost.collect()].concat()
    }
}

fn resident_bytes(status: &str) -> Option<i64> {
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: i64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kibibytes.checked_mul(1_024)
}

fn cpu_seconds(stat: &str) -> Option<f64> {
    // the second field, the program's name, may hold spaces and parentheses
    let (_, after_name) = stat.rsplit_once(')')?;
    let mut fields = after_name.split_whitespace().skip(11);
    let user: f64 = fields.next()?.parse().ok()?;
    let system: f64 = fields.next()?.parse().ok()?;
    Some((user + system) / TICKS_PER_SECOND)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_told_in_bytes() {
        assert_eq!(
            resident_bytes("VmPeak:\t 9 kB\nVmRSS:\t  12 kB\n"),
            Some(12_288)
        );
        assert_eq!(resident_bytes("VmRSS: much"), None);
    }

    #[test]
    fn cpu_time_is_user_and_system_whatever_the_program_is_called() {
        let stat = "7 (a ) b) S 1 2 3 4 5 6 7 8 9 10 150 50 0 0 20";
        assert_eq!(cpu_seconds(stat), Some(2.0));
        assert_eq!(cpu_seconds("7 (a) S 1"), None);
    }

    #[test]
    fn this_process_has_memory_and_never_loses_cpu_time() {
        let registry = Registry::new();
        register(&registry).unwrap();
        let values = || -> Vec<f64> {
            let metrics: Vec<_> = registry.gather();
            let value = |family: &MetricFamily| {
                let metric = family.get_metric()[0].clone();
                metric.get_gauge().get_value() + metric.get_counter().get_value()
            };
            metrics.iter().map(value).collect()
        };
        let (before, after) = (values(), values());
        assert!(
            before[2] > 1_000_000.0 && after[0] >= before[0],
            "{before:?} {after:?}"
        );
    }
}
