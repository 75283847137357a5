use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::UnixStream;

use crate::credentials::Credentials;

/// One end of a connection over a unix socket. The process at the other end is known to belong to the same user.
#[derive(Debug)]
pub struct Connection {
    stream: UnixStream,
    peer: Credentials,
}

/// Why a connected stream is not made a [`Connection`].
#[derive(Debug)]
pub(super) enum Stranger {
    /// It is another user's.
    User(u32),
    /// The system does not say whose it is; some do so when the other end is closed already.
    Gone(io::Error),
}

impl Connection {
    pub(super) fn check(stream: UnixStream) -> Result<Self, Stranger> {
        let peer = stream.peer_cred().map_err(Stranger::Gone)?;
        if peer.uid() != rustix::process::geteuid().as_raw() {
            return Err(Stranger::User(peer.uid()));
        }
        // A process of another pid namespace has number 0.
        let pid = peer.pid().and_then(|pid| u32::try_from(pid).ok()).filter(|pid| *pid != 0);
        Ok(Connection { stream, peer: Credentials::new(peer.uid(), pid) })
    }
}

impl crate::Connection for Connection {
    fn peer_credentials(&self) -> Option<Credentials> {
        Some(self.peer)
    }
}

impl AsyncRead for Connection {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
