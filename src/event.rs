//! What happens to a channel, as a stream of events.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use futures_core::Stream;
use ipchannel_core::frame::Presence;
use ipchannel_core::{Identity, Member, PeerId, Term};
use tokio::sync::broadcast;
use tokio_util::sync::ReusableBoxFuture;

use crate::sender::SenderId;

/// Something that happened to a channel.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Event {
    /// We hold an id, and know who hosts.
    Connected {
        /// Our id.
        id: PeerId,
    },
    /// We hold no id any more.
    Disconnected {
        /// Why.
        reason: Disconnected,
    },
    /// Another process hosts now, or we do.
    HostChanged {
        /// Who hosts.
        host: PeerId,
        /// The term: it only grows.
        term: Term,
    },
    /// We host from now on. The term is a fencing token for what only one process may do.
    HostGained {
        /// Our term.
        term: Term,
    },
    /// We host no longer: what only one process may do is not ours any more.
    HostLost {
        /// The term that ended.
        term: Term,
    },
    /// A process joined, or came back.
    Joined(Member),
    /// A process left.
    Left {
        /// Who.
        member: Member,
        /// Whether it closed the channel or just ended.
        presence: Presence,
    },
    /// A message waited for a handler of its event until its deadline, and none came.
    Unhandled {
        /// Who sent it.
        from: SenderId,
        /// The event nobody subscribed to.
        event: Arc<str>,
    },
    /// A handler failed or panicked, or a message was not what its handler takes.
    HandlerFailed {
        /// Who sent the message.
        from: SenderId,
        /// Its event.
        event: Arc<str>,
        /// What went wrong.
        error: Arc<str>,
    },
    /// Something went wrong that the channel goes on trying to mend.
    Trouble {
        /// What went wrong, and what to do.
        error: Arc<str>,
    },
    /// This reader was too slow: so many events before this one are not told.
    Missed {
        /// How many.
        events: u64,
    },
}

/// Why a channel holds no id any more.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Disconnected {
    /// It was closed.
    Closed,
    /// After the private directory was deleted another process took the id; the next free one is taken instead.
    IdLost {
        /// The id that was ours.
        id: PeerId,
    },
    /// The identity it must have is held by another process.
    IdentityHeld(Identity),
}

/// How many events wait for a reader before the oldest are missed.
const BUFFER: usize = 1024;

#[derive(Clone, Debug)]
pub(crate) struct EventSender {
    sender: broadcast::Sender<Event>,
    /// For who asks first: another thread may have connected the channel before its opener can ask for anything.
    first: Arc<Mutex<Option<broadcast::Receiver<Event>>>>,
}

impl EventSender {
    pub(crate) fn new() -> Self {
        let (sender, first) = broadcast::channel(BUFFER);
        EventSender { sender, first: Arc::new(Mutex::new(Some(first))) }
    }

    pub(crate) fn send(&self, event: Event) {
        tracing::debug!(?event, "channel event");
        // Nobody listening is no error.
        let _ = self.sender.send(event);
    }

    pub(crate) fn subscribe(&self) -> Events {
        let first = self.first.lock().unwrap_or_else(PoisonError::into_inner).take();
        Events::new(first.unwrap_or_else(|| self.sender.subscribe()))
    }
}

/// The events of a channel; made by [`Channel::events`](crate::Channel::events).
///
/// A reader that falls more than a thousand events behind misses the oldest and is told so by [`Event::Missed`]; it never slows the channel.
pub struct Events(ReusableBoxFuture<'static, (Received, broadcast::Receiver<Event>)>);

type Received = Result<Event, broadcast::error::RecvError>;

async fn receive(mut receiver: broadcast::Receiver<Event>) -> (Received, broadcast::Receiver<Event>) {
    (receiver.recv().await, receiver)
}

impl Events {
    fn new(receiver: broadcast::Receiver<Event>) -> Self {
        Events(ReusableBoxFuture::new(receive(receiver)))
    }

    /// The next event, or `None` once the channel is gone.
    ///
    /// # Cancel safety
    /// Cancel safe: an event is either returned or still there.
    pub async fn next(&mut self) -> Option<Event> {
        std::future::poll_fn(|cx| Pin::new(&mut *self).poll_next(cx)).await
    }
}

impl Stream for Events {
    type Item = Event;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Event>> {
        let (received, receiver) = ready!(self.0.poll(cx));
        self.0.set(receive(receiver));
        Poll::Ready(match received {
            Ok(event) => Some(event),
            Err(broadcast::error::RecvError::Lagged(events)) => Some(Event::Missed { events }),
            Err(broadcast::error::RecvError::Closed) => None,
        })
    }
}

impl std::fmt::Debug for Events {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Events").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_first_reader_hears_what_was_before_it_and_later_ones_do_not() {
        let sender = EventSender::new();
        let host_gained = |term| Event::HostGained { term: Term(term) };
        sender.send(host_gained(1));
        let (mut first, mut second) = (sender.subscribe(), sender.subscribe());
        sender.send(host_gained(2));
        let term = |event| match event {
            Some(Event::HostGained { term: Term(term) }) => term,
            other => panic!("{other:?}"),
        };
        assert_eq!((term(first.next().await), term(first.next().await)), (1, 2));
        assert_eq!(term(second.next().await), 2);
        drop(sender);
        assert!(first.next().await.is_none() && second.next().await.is_none());
    }

    #[tokio::test]
    async fn a_slow_reader_is_told_how_much_it_missed() {
        let sender = EventSender::new();
        for term in 0..=BUFFER as u64 {
            sender.send(Event::HostGained { term: Term(term) });
        }
        let mut events = sender.subscribe();
        assert!(matches!(events.next().await, Some(Event::Missed { events: 1 })));
        assert!(matches!(events.next().await, Some(Event::HostGained { term: Term(1) })));
    }
}
