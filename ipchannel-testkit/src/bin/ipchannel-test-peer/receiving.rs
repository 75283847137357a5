//! The messages that arrive.

use ipchannel::Messages;
use ipchannel_testkit::protocol::Source;
use tokio::sync::watch;

use crate::out::Out;

/// The number of a series, and the bytes beside it.
pub(crate) type Numbered = (u32, u64, String);

/// Tells each message, while it is to be read.
pub(crate) async fn receive(mut messages: Messages<Numbered>, mut reading: watch::Receiver<bool>, out: Out) {
    loop {
        if reading.wait_for(|on| *on).await.is_err() {
            return;
        }
        let next = tokio::select! {
            biased;
            _ = reading.wait_for(|on| !on) => continue,
            next = messages.next() => next,
        };
        let Some((sender, (series, number, _))) = next else { return };
        let Some(peer) = sender.peer else { continue };
        let redelivered = sender.redelivered;
        out.received(Source { from: peer.id.get(), incarnation: peer.incarnation.0, series, redelivered }, number);
    }
}
