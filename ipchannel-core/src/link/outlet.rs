//! The sending end of one connection.

use std::task::{Context, Poll};
use std::time::Instant;

use super::handle::Link;
use super::sender::Sender;
use super::{Dial, FrameSink, Session, Violation};
use crate::frame::{Frame, Hello, Origin, Welcome};

/// A connection of a [`Link`] that was not welcomed yet. Made by [`Link::begin`].
pub struct Dialling {
    link: Link,
    hello: Hello,
}

/// The sending end of one connection of a [`Link`].
pub struct Outlet {
    link: Link,
    peer: Origin,
    attempt: u64,
}

impl Dialling {
    pub(super) fn new(link: Link, hello: Hello) -> Self {
        Dialling { link, hello }
    }
}

impl Dial for Dialling {
    type Session = Outlet;

    fn hello(&self) -> Hello {
        self.hello.clone()
    }

    fn welcomed(self, now: Instant, welcome: Welcome) -> Result<Outlet, Violation> {
        let Dialling { link, hello } = self;
        link.with(|state| {
            // A later attempt has begun: this one finds out when it wants to write.
            if state.sender.attempt() != hello.attempt {
                return Ok(());
            }
            state.sender.handle_welcome(now, welcome)
        })?;
        let peer = Origin::Member(hello.to);
        link.process().connected(peer, true);
        Ok(Outlet { link, peer, attempt: hello.attempt })
    }
}

impl Outlet {
    /// Does something with the sender if this is still its connection.
    fn with_sender<R>(&self, act: impl FnOnce(&mut Sender) -> R) -> Option<R> {
        self.link.with(|state| (state.sender.attempt() == self.attempt).then(|| act(&mut state.sender)))
    }
}

impl Session for Outlet {
    fn handle_frame(&self, now: Instant, frame: Frame) -> Result<(), Violation> {
        match frame {
            Frame::Ack(ack) => self.with_sender(|sender| sender.handle_ack(now, ack)).unwrap_or(Ok(())),
            Frame::Control(control) => {
                if let Some(answer) = self.link.process().control(self.peer, control) {
                    self.with_sender(|sender| sender.control(answer));
                }
                Ok(())
            }
            Frame::Bye(cursor) => {
                self.with_sender(|sender| sender.handle_bye(cursor)).unwrap_or(Ok(()))?;
                self.link.process().leaving(self.peer);
                Ok(())
            }
            _ => Err(Violation::Direction),
        }
    }

    fn poll_transmit(&self, cx: &mut Context<'_>, now: Instant, sink: &mut dyn FrameSink) -> Poll<bool> {
        self.link.with(|state| {
            if state.sender.attempt() != self.attempt {
                return Poll::Ready(false);
            }
            let polled = state.sender.poll_transmit(now, sink);
            if polled.is_pending() {
                state.wire.register(cx);
            }
            polled
        })
    }
}

impl Drop for Outlet {
    fn drop(&mut self) {
        self.with_sender(Sender::handle_end);
        self.link.process().disconnected(self.peer, true);
    }
}
