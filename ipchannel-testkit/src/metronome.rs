//! How late the machine is.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

const TICK: Duration = Duration::from_millis(5);

/// Measures how late a thread that wants next to nothing gets a processor.
///
/// A promise that is a time supposes that processes run: where even this one is kept waiting, the machine has broken it.
pub struct Metronome(Arc<AtomicU64>);

impl Metronome {
    /// Starts to measure.
    pub fn start() -> Self {
        let worst = Arc::new(AtomicU64::new(0));
        let watched = Arc::downgrade(&worst);
        thread::spawn(move || {
            while let Some(worst) = watched.upgrade() {
                let start = Instant::now();
                thread::sleep(TICK);
                let late = start.elapsed().saturating_sub(TICK).as_micros();
                worst.fetch_max(u64::try_from(late).unwrap_or(u64::MAX), Ordering::Relaxed);
            }
        });
        Metronome(worst)
    }

    /// The worst since this was last asked, in microseconds.
    pub fn worst(&self) -> u64 {
        self.0.swap(0, Ordering::Relaxed)
    }
}
