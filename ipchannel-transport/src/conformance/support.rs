use std::pin::Pin;
use std::task::{Context as TaskContext, Poll};

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::Suite;
use crate::error::AcceptError;
use crate::transport::{Connection, Listener, Transport};

pub(super) type Accepted<T> = <<T as Transport>::Listener as Listener>::Connection;

impl<T: Transport> Suite<T> {
    pub(super) async fn listen(&self) -> T::Listener {
        self.transport.bind(&self.place()).await.expect("a fresh place can be bound")
    }

    /// Both ends of a new connection.
    pub(super) async fn meet(&self, listener: &mut T::Listener) -> (T::Connection, Accepted<T>) {
        let endpoint = listener.endpoint().clone();
        let (here, there) = futures_util::future::join(self.transport.connect(&endpoint), listener.accept()).await;
        (here.expect("somebody listens"), there.expect("somebody dialled"))
    }

    /// Accepts a connection and returns the first byte on it, or `None` where it ended without one.
    pub(super) async fn accept_and_hear(listener: &mut T::Listener) -> (Accepted<T>, Option<u8>) {
        let mut connection = accepted(listener.accept().await);
        let mut byte = [0];
        match connection.read(&mut byte).await {
            Ok(1) => (connection, Some(byte[0])),
            _ => (connection, None),
        }
    }
}

pub(super) fn accepted<C>(result: Result<C, AcceptError>) -> C {
    result.expect("a listener goes on as long as it is not dropped")
}

/// Sends a byte each way.
pub(super) async fn greet(one: &mut impl Connection, other: &mut impl Connection) {
    one.write_all(b"?").await.expect("the other end is open");
    assert_eq!(other.read_u8().await.expect("a byte was written"), b'?');
    other.write_all(b"!").await.expect("the other end is open");
    assert_eq!(one.read_u8().await.expect("a byte was written"), b'!');
}

/// One of several to run [`together`].
pub(super) type Task<'a> = Pin<Box<dyn Future<Output = ()> + Send + 'a>>;

pub(super) fn task<'a>(future: impl Future<Output = ()> + Send + 'a) -> Task<'a> {
    Box::pin(future)
}

/// Runs tasks side by side, each polled only when it is woken itself: so that a wake-up that is lost shows.
pub(super) async fn together<'a>(tasks: impl IntoIterator<Item = Task<'a>>) {
    tasks.into_iter().collect::<FuturesUnordered<_>>().collect::<()>().await;
}

/// Lets the others go on first.
pub(super) async fn give_way() {
    cancelled_after(1, std::future::pending::<()>()).await;
}

/// Polls a future some more times after it was first pending, then drops it unfinished.
pub(super) async fn cancelled_after<F: Future>(polls: u32, future: F) -> Option<F::Output> {
    Cancelled { polls, future: Box::pin(future) }.await
}

struct Cancelled<F> {
    polls: u32,
    future: Pin<Box<F>>,
}

impl<F: Future> Future for Cancelled<F> {
    type Output = Option<F::Output>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<Self::Output> {
        match self.future.as_mut().poll(cx) {
            Poll::Ready(output) => Poll::Ready(Some(output)),
            Poll::Pending if self.polls == 0 => Poll::Ready(None),
            Poll::Pending => {
                self.polls -= 1;
                cx.waker().wake_by_ref();
                Poll::Pending
            }
        }
    }
}

/// Says which check it was when one panics; the panic itself says what.
pub(super) struct Context<'a> {
    pub(super) check: &'a str,
    pub(super) scheme: &'a str,
    pub(super) seed: u64,
}

impl Context<'_> {
    pub(super) fn passed(self) {
        std::mem::forget(self);
    }
}

impl Drop for Context<'_> {
    #[expect(clippy::print_stderr, reason = "it adds to what a panic prints")]
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("transport `{}` breaks its contract: {} (seed {})", self.scheme, self.check, self.seed);
        }
    }
}
