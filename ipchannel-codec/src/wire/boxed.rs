use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use ipchannel_core::frame::{Frame, Hello, Refusal, Welcome};
use ipchannel_core::link::{Accept, Dial, FrameSink, Session, Violation};
use tokio::io::{AsyncRead, AsyncWrite};

use super::{Ended, Wire, WireError};

/// Any wire behind a pointer: for those who choose one at run time. A clone is the same wire.
#[derive(Clone)]
pub struct BoxWire(Arc<dyn DynWire>);

impl BoxWire {
    /// Hides which wire this is.
    pub fn new(wire: impl Wire) -> Self {
        BoxWire(Arc::new(wire))
    }
}

impl fmt::Debug for BoxWire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BoxWire").finish_non_exhaustive()
    }
}

impl Wire for BoxWire {
    fn connect<IO, D>(&self, io: IO, dial: D) -> impl Future<Output = Result<Ended, WireError>> + Send
    where
        IO: AsyncRead + AsyncWrite + Unpin + Send + 'static,
        D: Dial + 'static,
    {
        self.0.run_connect(Box::new(io), BoxDial(Box::new(dial)))
    }

    async fn accept<IO, A>(&self, io: IO, accept: &A) -> Result<Ended, WireError>
    where
        IO: AsyncRead + AsyncWrite + Unpin + Send + 'static,
        A: Accept<Session: 'static>,
    {
        self.0.run_accept(Box::new(io), accept).await
    }
}

trait Io: AsyncRead + AsyncWrite + Unpin + Send {}

impl<IO: AsyncRead + AsyncWrite + Unpin + Send> Io for IO {}

type Running<'a> = Pin<Box<dyn Future<Output = Result<Ended, WireError>> + Send + 'a>>;

trait DynWire: Send + Sync {
    fn run_connect(&self, io: Box<dyn Io>, dial: BoxDial) -> Running<'_>;
    fn run_accept<'a>(&'a self, io: Box<dyn Io>, accept: &'a dyn DynAccept) -> Running<'a>;
}

impl<W: Wire> DynWire for W {
    fn run_connect(&self, io: Box<dyn Io>, dial: BoxDial) -> Running<'_> {
        Box::pin(self.connect(io, dial))
    }

    fn run_accept<'a>(&'a self, io: Box<dyn Io>, accept: &'a dyn DynAccept) -> Running<'a> {
        Box::pin(async move { self.accept(io, &BoxAccept(accept)).await })
    }
}

struct BoxSession(Box<dyn Session>);

impl Session for BoxSession {
    fn handle_frame(&self, now: Instant, frame: Frame) -> Result<(), Violation> {
        self.0.handle_frame(now, frame)
    }

    fn poll_transmit(&self, cx: &mut Context<'_>, now: Instant, sink: &mut dyn FrameSink) -> Poll<bool> {
        self.0.poll_transmit(cx, now, sink)
    }
}

trait DynDial: Send {
    fn hello_of(&self) -> Hello;
    fn welcomed_as(self: Box<Self>, now: Instant, welcome: Welcome) -> Result<BoxSession, Violation>;
}

impl<D: Dial + 'static> DynDial for D {
    fn hello_of(&self) -> Hello {
        self.hello()
    }

    fn welcomed_as(self: Box<Self>, now: Instant, welcome: Welcome) -> Result<BoxSession, Violation> {
        Ok(BoxSession(Box::new(self.welcomed(now, welcome)?)))
    }
}

struct BoxDial(Box<dyn DynDial>);

impl Dial for BoxDial {
    type Session = BoxSession;

    fn hello(&self) -> Hello {
        self.0.hello_of()
    }

    fn welcomed(self, now: Instant, welcome: Welcome) -> Result<BoxSession, Violation> {
        self.0.welcomed_as(now, welcome)
    }
}

trait DynAccept: Send + Sync {
    fn judge(&self, now: Instant, hello: &Hello) -> Result<(BoxSession, Welcome), Refusal>;
}

impl<A: Accept<Session: 'static>> DynAccept for A {
    fn judge(&self, now: Instant, hello: &Hello) -> Result<(BoxSession, Welcome), Refusal> {
        let (session, welcome) = self.accept(now, hello)?;
        Ok((BoxSession(Box::new(session)), welcome))
    }
}

struct BoxAccept<'a>(&'a dyn DynAccept);

impl Accept for BoxAccept<'_> {
    type Session = BoxSession;

    fn accept(&self, now: Instant, hello: &Hello) -> Result<(BoxSession, Welcome), Refusal> {
        self.0.judge(now, hello)
    }
}
