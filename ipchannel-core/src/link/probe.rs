//! A connection that only asks whether a process answers.

use std::task::{Context, Poll};
use std::time::Instant;

use super::{Dial, FrameSink, Session, Violation};
use crate::frame::{Frame, Hello, Origin, PROTOCOL_VERSION, Purpose, Welcome};
use crate::peer::PeerRef;

/// Asks whether a process answers, and ends the connection as soon as it does.
pub struct Probe(Hello);

/// A [`Probe`] that was answered.
pub struct Probed(());

impl Probe {
    /// A probe of `to` by `me`.
    pub fn new(me: Origin, channel: &str, to: PeerRef) -> Self {
        let (version, purpose, channel) = (PROTOCOL_VERSION, Purpose::Probe, channel.to_owned());
        Probe(Hello { version, channel, from: me, to, attempt: 0, purpose })
    }
}

impl Dial for Probe {
    type Session = Probed;

    fn hello(&self) -> Hello {
        self.0.clone()
    }

    fn welcomed(self, _now: Instant, _welcome: Welcome) -> Result<Probed, Violation> {
        Ok(Probed(()))
    }
}

impl Session for Probed {
    fn handle_frame(&self, _now: Instant, _frame: Frame) -> Result<(), Violation> {
        Err(Violation::Direction)
    }

    fn poll_transmit(&self, _cx: &mut Context<'_>, _now: Instant, _sink: &mut dyn FrameSink) -> Poll<bool> {
        Poll::Ready(false)
    }
}
