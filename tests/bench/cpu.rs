//! What a process has used, from `/proc`.

use std::time::Duration;

/// The unit of times in `/proc/PID/stat`, on every Linux that we know.
const TICKS_PER_SECOND: u64 = 100;

/// CPU time of all threads so far, those that have ended too.
pub fn used(pid: u32) -> Duration {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).expect("the process runs");
    // the name stands in brackets and may hold blanks
    let (_, fields) = stat.rsplit_once(')').expect("the form of stat");
    let fields: Vec<&str> = fields.split_whitespace().collect();
    let ticks = |index: usize| fields[index].parse::<u64>().expect("a number of ticks");
    Duration::from_millis((ticks(11) + ticks(12)) * 1_000 / TICKS_PER_SECOND)
}

/// Memory that it holds.
pub fn resident_mib(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("the process runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.split_whitespace().next());
    kib.expect("VmRSS").parse::<u64>().expect("a number") / 1024
}
