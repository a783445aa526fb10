//! Waiting for a condition with a deadline; the last thing seen is told when it passes.

use std::{
    future::Future,
    time::{Duration, Instant},
};

/// Generous: two cores may be busy with something else. A test that passes never waits for it.
pub const DEADLINE: Duration = Duration::from_secs(120);

/// Asks until the answer is `Ok`, and returns it.
///
/// # Panics
/// When the deadline passes, with the last `Err`.
pub async fn until<T, F>(what: &str, mut ask: impl FnMut() -> F) -> T
where
    F: Future<Output = Result<T, String>>,
{
    let started = Instant::now();
    loop {
        match ask().await {
            Ok(answer) => return answer,
            Err(seen) if started.elapsed() > DEADLINE => {
                panic!("{what}: not within {DEADLINE:?}; last seen: {seen}")
            }
            Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
        }
    }
}
