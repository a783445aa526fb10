//! Five ports in a row, ours alone among all stacks of this user.

use std::fs::File;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::ops::Range;
use std::process;
use std::sync::atomic::{AtomicU16, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::cache::Cache;
use crate::error::{Error, While};

const COUNT: u16 = 5;
/// Below the range from which systems take ports for outgoing connections, so that a part finds its
/// port still free when it is restarted.
const FIRST: u16 = 20_000;
const BLOCK: u16 = 10;
const BLOCKS: u16 = 1_200;
/// After a kill -9 of a stack its children need a moment to go.
const PATIENCE: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_millis(50);

/// For programs beside a stack: below its ports too.
const BESIDE: Range<u16> = 10_000..18_000;

static NEXT_BESIDE: AtomicU16 = AtomicU16::new(0);

/// A loopback address for a program that is started beside a stack. Nobody listens there, this process
/// was not given it lately, and no outgoing connection gets it meanwhile, as it would one that the
/// system chose.
///
/// # Errors
/// [`Error::NoPorts`] when all are taken.
pub fn free_address() -> Result<SocketAddr, Error> {
    let count = BESIDE.end - BESIDE.start;
    // Another process begins elsewhere.
    let start = u16::try_from(process::id().wrapping_mul(61) % u32::from(count)).unwrap_or(0);
    for _ in 0..count {
        let step = NEXT_BESIDE.fetch_add(1, Ordering::Relaxed) % count;
        let port = BESIDE.start + (start + step) % count;
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return Ok((Ipv4Addr::LOCALHOST, port).into());
        }
    }
    Err(Error::NoPorts)
}

#[derive(Debug)]
pub(crate) struct Ports {
    base: u16,
    /// Held while the stack lives.
    _claim: Option<File>,
}

impl Ports {
    pub(crate) fn fixed(base: u16) -> Result<Self, Error> {
        let deadline = Instant::now() + PATIENCE;
        while let Some(port) = taken(base) {
            if Instant::now() > deadline {
                return Err(Error::PortTaken { port });
            }
            thread::sleep(PAUSE);
        }
        Ok(Self { base, _claim: None })
    }

    /// The claim is a file lock: between finding ports free and using them seconds pass, in which
    /// another test process looks for some too.
    pub(crate) fn free(cache: &Cache) -> Result<Self, Error> {
        let folder = cache.path("ports");
        std::fs::create_dir_all(&folder).doing(|| format!("creating {}", folder.display()))?;
        let start = u16::try_from(process::id() % u32::from(BLOCKS)).unwrap_or(0);
        for block in (start..BLOCKS).chain(0..start) {
            let base = FIRST + block * BLOCK;
            let path = folder.join(base.to_string());
            let claim = File::create(&path).doing(|| format!("creating {}", path.display()))?;
            if claim.try_lock().is_ok() && taken(base).is_none() {
                return Ok(Self {
                    base,
                    _claim: Some(claim),
                });
            }
        }
        Err(Error::NoPorts)
    }

    pub(crate) fn kafka(&self) -> u16 {
        self.base
    }

    pub(crate) fn controller(&self) -> u16 {
        self.base.saturating_add(1)
    }

    pub(crate) fn registry(&self) -> u16 {
        self.base.saturating_add(2)
    }

    pub(crate) fn clickhouse_http(&self) -> u16 {
        self.base.saturating_add(3)
    }

    pub(crate) fn clickhouse_tcp(&self) -> u16 {
        self.base.saturating_add(4)
    }
}

fn taken(base: u16) -> Option<u16> {
    (base..base.saturating_add(COUNT))
        .find(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_err())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_stacks_never_get_the_same_ports() {
        let root = tempfile::tempdir().unwrap();
        let cache = Cache::at(root.path().to_owned()).unwrap();
        let one = Ports::free(&cache).unwrap();
        let two = Ports::free(&cache).unwrap();
        assert_ne!(one.base, two.base);
    }

    #[test]
    fn no_address_beside_a_stack_is_given_twice_in_a_row() {
        let mut given: Vec<u16> = (0..200).map(|_| free_address().unwrap().port()).collect();
        assert!(given.iter().all(|port| BESIDE.contains(port)));
        given.sort_unstable();
        given.dedup();
        assert_eq!(given.len(), 200);
    }

    #[test]
    fn a_taken_port_is_named() {
        // Neither a stack's nor one that the system gives to whoever asks for any: neighbours stay free.
        let mut bases = (32_100..32_700).step_by(usize::from(BLOCK));
        let base = bases.find(|base| taken(*base).is_none()).unwrap();
        let _listener = TcpListener::bind((Ipv4Addr::LOCALHOST, base + 2)).unwrap();
        assert_eq!(taken(base), Some(base + 2));
    }
}
