//! The wires of this crate keep the contract.

use std::time::Duration;

use ipchannel_codec::{BoxWire, Native, Wire, conformance};
use tokio::time::timeout;

/// The clock is paused, and leaps to the end of this when nothing moves any more.
const HOUR: Duration = Duration::from_secs(3600);

async fn check(wire: impl Wire) {
    timeout(HOUR, conformance::check(&wire)).await.expect("nothing moves any more");
}

#[tokio::test(start_paused = true)]
async fn the_native_wire_keeps_the_contract() {
    check(Native::default()).await;
}

#[tokio::test(start_paused = true)]
async fn a_boxed_wire_keeps_the_contract() {
    check(BoxWire::new(Native::default())).await;
}
