use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep_until};

use super::cable::Shared;
use super::pipe::{Pipe, Read};
use crate::credentials::Credentials;

/// One end of a connection within a process.
///
/// Shutting it down changes nothing for the other end, which is the least that the contract allows: what works here
/// does not rely on a half close.
#[derive(Debug)]
pub struct Connection {
    shared: Arc<Shared>,
    dialled: bool,
    shut_down: bool,
    arrival: Option<Pin<Box<Sleep>>>,
}

impl Connection {
    pub(super) fn dialled(shared: Arc<Shared>) -> Self {
        Connection { shared, dialled: true, shut_down: false, arrival: None }
    }

    pub(super) fn accepted(shared: Arc<Shared>) -> Self {
        Connection { shared, dialled: false, shut_down: false, arrival: None }
    }

    fn incoming(&self) -> &Pipe {
        if self.dialled { &self.shared.back } else { &self.shared.there }
    }

    fn outgoing(&self) -> &Pipe {
        if self.dialled { &self.shared.there } else { &self.shared.back }
    }
}

impl crate::Connection for Connection {
    fn peer_credentials(&self) -> Option<Credentials> {
        Credentials::of_this_process()
    }
}

impl AsyncRead for Connection {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        loop {
            let arrives = match self.incoming().read(cx, buf, || self.shared.is_frozen())? {
                Read::Done => return Poll::Ready(Ok(())),
                Read::Nothing => return Poll::Pending,
                Read::At(arrives) => arrives,
            };
            let arrival = self.arrival.get_or_insert_with(|| Box::pin(sleep_until(arrives)));
            if arrival.deadline() != arrives {
                arrival.as_mut().reset(arrives);
            }
            ready!(arrival.as_mut().poll(cx));
        }
    }
}

impl AsyncWrite for Connection {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        if self.shut_down {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        self.outgoing().poll_write(cx, buf, Instant::now() + self.shared.delay())
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.shut_down = true;
        Poll::Ready(Ok(()))
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.outgoing().finish();
        self.incoming().abandon();
    }
}
