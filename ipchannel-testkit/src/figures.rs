//! How much the tests do, and what they say about it.

use std::io::Write;

/// The small count, or with `IPCHANNEL_FULL=1` the full one.
pub fn count(small: usize, full: usize) -> usize {
    if std::env::var_os("IPCHANNEL_FULL").is_some_and(|value| value == "1") { full } else { small }
}

/// Says a line, whatever the test harness does with the output of tests.
pub fn say(line: &str) {
    let _ = writeln!(std::io::stderr(), "figures: {line}");
}

/// Durations in microseconds as a short text: the median, the 99th percentile and the longest, in milliseconds.
pub fn spread(mut micros: Vec<u64>) -> String {
    micros.sort_unstable();
    let at = |percent: usize| match micros.as_slice() {
        [] => 0.0,
        micros => micros[((micros.len() - 1) * percent).div_ceil(100)] as f64 / 1000.0,
    };
    format!("p50 {:.1} ms, p99 {:.1} ms, most {:.1} ms", at(50), at(99), at(100))
}
