use std::convert::Infallible;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use ipchannel_core::Endpoint;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::credentials::Credentials;
use crate::error::AcceptError;

/// There is none on this platform.
#[derive(Debug)]
pub struct Listener(Infallible);

/// There is none on this platform.
#[derive(Debug)]
pub struct Connection(Infallible);

impl crate::Listener for Listener {
    type Connection = Connection;

    fn endpoint(&self) -> &Endpoint {
        match self.0 {}
    }

    async fn accept(&mut self) -> Result<Connection, AcceptError> {
        match self.0 {}
    }
}

impl crate::Connection for Connection {
    fn peer_credentials(&self) -> Option<Credentials> {
        match self.0 {}
    }
}

impl AsyncRead for Connection {
    fn poll_read(self: Pin<&mut Self>, _: &mut Context<'_>, _: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.0 {}
    }
}

impl AsyncWrite for Connection {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, _: &[u8]) -> Poll<io::Result<usize>> {
        match self.0 {}
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.0 {}
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.0 {}
    }
}
