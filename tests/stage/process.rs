//! What a process used, as the system counts it.

fn of(process: u32, file: &str) -> String {
    std::fs::read_to_string(format!("/proc/{process}/{file}")).unwrap()
}

/// CPU time so far, own and the system's, in milliseconds; it is counted in hundredths of a second.
pub fn cpu_ms(process: u32) -> u64 {
    let stat = of(process, "stat");
    let fields: Vec<&str> = stat
        .rsplit(')')
        .next()
        .unwrap()
        .split_whitespace()
        .collect();
    10 * (fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap())
}

fn mib(process: u32, name: &str) -> u64 {
    let status = of(process, "status");
    let line = status.lines().find(|line| line.starts_with(name)).unwrap();
    line.split_whitespace()
        .nth(1)
        .unwrap()
        .parse::<u64>()
        .unwrap()
        / 1024
}

/// Memory of its own in MiB: files in the page cache do not count.
pub fn memory_mib(process: u32) -> u64 {
    mib(process, "RssAnon")
}
