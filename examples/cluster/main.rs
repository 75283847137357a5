//! Four processes on one channel: they talk, their host is killed, they go on, it comes back. Judged by what they report.
//!
//! `cargo run --release --example cluster`. Exits with 1 if a message was lost, doubled or out of order, or an id changed.

mod act;
mod history;
mod judge;
mod report;
mod stage;
mod timeline;
mod verdict;
mod worker;

use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    let done = match std::env::args().nth(1).as_deref() {
        None => act::play().await,
        Some("worker") => worker::run().await.map(|()| true),
        Some(_) => Err("usage: cluster".into()),
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("cluster: {error}");
            let causes = std::iter::successors(error.source(), |error| error.source());
            causes.for_each(|cause| eprintln!("  because: {cause}"));
            ExitCode::FAILURE
        }
    }
}
