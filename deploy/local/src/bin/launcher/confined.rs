//! What ClickHouse may touch of this machine: its own folder, and what a program needs to run.
//!
//! A server keeps the SQL function `file` to one folder. `clickhouse local`, which is what `libchdb` has,
//! lets every user read any path with it that the process can read: other programs' keys and passwords.

#[cfg(target_os = "linux")]
use std::error::Error;
use std::io;
use std::path::Path;

/// Nothing of it tells of people, and of `/proc` nothing of other programs.
#[cfg(target_os = "linux")]
const READABLE: [&str; 28] = [
    "/lib",
    "/lib64",
    "/usr/lib",
    "/usr/lib64",
    "/usr/share/locale",
    "/usr/share/zoneinfo",
    // where the C library is on NixOS
    "/nix/store",
    "/etc/gai.conf",
    "/etc/host.conf",
    "/etc/hosts",
    "/etc/ld.so.cache",
    "/etc/localtime",
    "/etc/nsswitch.conf",
    "/etc/resolv.conf",
    "/etc/ssl/certs",
    "/dev/random",
    "/dev/urandom",
    "/proc/cpuinfo",
    "/proc/loadavg",
    "/proc/meminfo",
    "/proc/pressure",
    "/proc/stat",
    "/proc/sys/fs/file-nr",
    "/proc/sys/vm",
    "/proc/uptime",
    "/sys/devices/system",
    "/sys/fs/cgroup",
    "/sys/kernel/mm/transparent_hugepage",
];

/// To the end of this process, if nothing else runs in it yet.
#[cfg(target_os = "linux")]
pub(crate) fn to(folder: &Path, library: &Path) -> io::Result<()> {
    let enforced = restrict(folder, library).map_err(io::Error::other)?;
    if enforced == landlock::RulesetStatus::NotEnforced {
        say_unconfined("this kernel has no Landlock");
    }
    Ok(())
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn to(_folder: &Path, _library: &Path) -> io::Result<()> {
    say_unconfined("only Linux has Landlock");
    Ok(())
}

/// Into ClickHouse's log; tests look for it.
fn say_unconfined(why: &str) {
    eprintln!(
        "local-stack-launcher: ClickHouse is not confined: {why}; its users can read all files that you can"
    );
}

/// This thread and all that it starts. A kernel that knows less of it enforces what it knows.
#[cfg(target_os = "linux")]
fn restrict(
    folder: &Path,
    library: &Path,
) -> Result<landlock::RulesetStatus, Box<dyn Error + Send + Sync>> {
    use landlock::{
        ABI, Access, AccessFs, PathBeneath, PathFd, Ruleset, RulesetAttr, RulesetCreatedAttr,
        path_beneath_rules,
    };

    let all = AccessFs::from_all(ABI::V5);
    let read = AccessFs::ReadFile | AccessFs::ReadDir;
    let null = read | AccessFs::WriteFile;
    let own = all & !(AccessFs::Execute | AccessFs::MakeChar | AccessFs::MakeBlock);
    // each thread reads its counters there
    let process = PathFd::new("/proc/self")?;
    let enforced = Ruleset::default()
        .handle_access(all)?
        .create()?
        .add_rules(path_beneath_rules(READABLE, read))?
        .add_rules(path_beneath_rules(library.parent(), read))?
        .add_rules(path_beneath_rules(["/dev/null"], null))?
        .add_rule(PathBeneath::new(PathFd::new(folder)?, own))?
        .add_rule(PathBeneath::new(&process, read))?
        .restrict_self()?;
    // the rule holds for this inode, and the kernel makes another once nobody has it open
    std::mem::forget(process);
    Ok(enforced.ruleset)
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn its_own_folder_is_open_and_what_lies_beside_it_is_not() {
        let root = tempfile::tempdir().unwrap();
        let (own, beside) = (root.path().join("own"), root.path().join("beside"));
        fs::create_dir(&own).unwrap();
        fs::write(&beside, "a secret").unwrap();
        let confined = std::thread::spawn(move || {
            if restrict(&own, Path::new("/lib/none.so")).unwrap()
                == landlock::RulesetStatus::NotEnforced
            {
                eprintln!("not checked: this kernel has no Landlock");
                return;
            }
            fs::write(own.join("table"), "rows").unwrap();
            fs::rename(own.join("table"), own.join("part")).unwrap();
            assert_eq!(fs::read_to_string(own.join("part")).unwrap(), "rows");
            let parent = std::os::unix::process::parent_id();
            for path in [
                beside.clone(),
                own.join("../beside"),
                "/etc/passwd".into(),
                format!("/proc/{parent}/environ").into(),
                format!("/proc/{parent}/cmdline").into(),
            ] {
                let error = fs::read(&path).expect_err("no access");
                assert_eq!(error.kind(), io::ErrorKind::PermissionDenied, "{path:?}");
            }
            assert!(fs::write(beside, "mine").is_err());
        });
        confined.join().unwrap();
    }
}
