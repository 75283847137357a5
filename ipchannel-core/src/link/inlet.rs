//! The receiving end of one connection, and what comes out of it.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Instant;

use super::inlets::Table;
use super::receiver::{ConnectionId, Receiver};
use super::wakers::Wakers;
use super::{FrameSink, Session, Violation};
use crate::envelope::Envelope;
use crate::frame::{Data, Frame, Origin, Refusal, Welcome};
use crate::receipt::Limits;

/// A message that arrived: once, and in the order in which its sender sent it.
#[derive(Debug)]
pub struct Delivery {
    /// Who sent it.
    pub from: Origin,
    /// The message. Its target, deadline and ticket mean nothing here.
    pub envelope: Envelope,
    /// Whether a process that held our seat before and crashed may have had it already.
    pub redelivered: bool,
    /// When it is of no more use.
    pub deadline: Option<Instant>,
    /// Its room in the inbox.
    pub permit: Permit,
}

/// The room of one message in the inbox: drop it when the message is handled, and the sender may send another.
#[must_use = "dropping a permit says that the message is handled"]
pub struct Permit {
    seat: Arc<Seat>,
    size: usize,
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut wakers = Wakers::default();
        self.seat.change(&mut wakers, |receiver| receiver.handle_consumed(self.size));
        wakers.wake();
    }
}

impl fmt::Debug for Permit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Permit({} bytes)", self.size)
    }
}

/// What is known of one origin, for all its connections and messages.
pub(super) struct Seat {
    /// Held while a message is judged *and* delivered. Without it a connection could deliver its first message while the one
    /// it replaced is about to deliver its last.
    order: Mutex<()>,
    state: Mutex<State>,
}

struct State {
    receiver: Receiver,
    wire: Wakers,
}

impl Seat {
    pub(super) fn new(limits: Limits) -> Self {
        let state = State { receiver: Receiver::new(limits), wire: Wakers::default() };
        Seat { order: Mutex::default(), state: Mutex::new(state) }
    }

    /// Judges a connection. One that stood before finds that it no longer counts.
    pub(super) fn hello(&self, connection: ConnectionId, wakers: &mut Wakers) -> Result<Welcome, Refusal> {
        let mut state = self.state();
        wakers.take_from(&mut state.wire);
        state.receiver.handle_hello(connection)
    }

    /// Changes the receiver from outside its connection, which is to be woken if it has something to say now.
    pub(super) fn change(&self, wakers: &mut Wakers, change: impl FnOnce(&mut Receiver)) {
        let mut state = self.state();
        change(&mut state.receiver);
        if !state.wire.is_empty() && state.receiver.wants_transmit() {
            wakers.take_from(&mut state.wire);
        }
    }

    pub(super) fn is_connected(&self) -> bool {
        self.state().receiver.is_connected()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The receiving end of one connection. Made by [`Inlets`](super::Inlets).
pub struct Inlet {
    table: Arc<Table>,
    origin: Origin,
    /// `None` for a probe, on which nothing is said.
    link: Option<(Arc<Seat>, ConnectionId)>,
}

impl Inlet {
    pub(super) fn new(table: Arc<Table>, origin: Origin, link: Option<(Arc<Seat>, ConnectionId)>) -> Self {
        Inlet { table, origin, link }
    }

    fn handle_data(
        &self,
        seat: &Arc<Seat>,
        now: Instant,
        connection: ConnectionId,
        data: Data,
    ) -> Result<(), Violation> {
        let size = data.envelope.size();
        let _order = seat.order.lock().unwrap_or_else(PoisonError::into_inner);
        let mut state = seat.state();
        if !state.receiver.is_current(connection) || !state.receiver.handle_data(data.seq, size)? {
            return Ok(());
        }
        drop(state);
        self.table.process.deliver(Delivery {
            from: self.origin,
            envelope: data.envelope,
            redelivered: data.redelivered,
            deadline: data.ttl.and_then(|ttl| now.checked_add(ttl)),
            permit: Permit { seat: Arc::clone(seat), size },
        });
        Ok(())
    }
}

impl Session for Inlet {
    fn handle_frame(&self, now: Instant, frame: Frame) -> Result<(), Violation> {
        let Some((seat, connection)) = &self.link else { return Err(Violation::Direction) };
        if let Frame::Data(data) = frame {
            return self.handle_data(seat, now, *connection, data);
        }
        if !seat.state().receiver.is_current(*connection) {
            return Ok(());
        }
        match frame {
            Frame::Control(control) => {
                if let Some(answer) = self.table.process.control(self.origin, control) {
                    let mut state = seat.state();
                    if state.receiver.is_current(*connection) {
                        state.receiver.answer(answer);
                    }
                }
            }
            Frame::Bye(_) => self.table.process.leaving(self.origin),
            _ => return Err(Violation::Direction),
        }
        Ok(())
    }

    fn poll_transmit(&self, cx: &mut Context<'_>, _now: Instant, sink: &mut dyn FrameSink) -> Poll<bool> {
        let Some((seat, connection)) = &self.link else { return Poll::Ready(false) };
        let mut state = seat.state();
        if !state.receiver.is_current(*connection) {
            return Poll::Ready(false);
        }
        let polled = state.receiver.poll_transmit(sink);
        if polled.is_pending() {
            state.wire.register(cx);
        }
        polled
    }
}

impl Drop for Inlet {
    fn drop(&mut self) {
        let Some((seat, connection)) = self.link.take() else { return };
        seat.change(&mut Wakers::default(), |receiver| receiver.handle_end(connection));
        if let Origin::Guest(_) = self.origin {
            self.table.forget(self.origin);
        }
        self.table.process.disconnected(self.origin, false);
    }
}
