use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};

use ipchannel_core::frame::{Hello, Seq, Welcome};
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, duplex};

use super::frames;
use super::script::{Acceptor, Dialler, Script, welcome};
use crate::wire::{Ended, Wire, WireError};

/// Two ends, and a stream between them.
pub(crate) struct Ends {
    pub(crate) dialled: Script,
    pub(crate) accepted: Script,
    pub(crate) hello: Hello,
    pub(crate) acceptor: Acceptor,
    welcome: Arc<Mutex<Option<Welcome>>>,
    streams: Mutex<(Option<DuplexStream>, Option<DuplexStream>)>,
}

impl Ends {
    /// The stream holds `capacity` bytes each way.
    pub(crate) fn new(capacity: usize) -> Self {
        let (near, far) = duplex(capacity);
        let accepted = Script::default();
        Ends {
            dialled: Script::default(),
            accepted: accepted.clone(),
            hello: frames::hello(),
            acceptor: Acceptor { script: accepted, answer: Ok(welcome(Seq(41))), hello: Mutex::default() },
            welcome: Arc::default(),
            streams: Mutex::new((Some(near), Some(far))),
        }
    }

    /// Runs the dialling end over the stream, once.
    pub(crate) fn connect<W: Wire>(&self, wire: &W) -> impl Future<Output = Result<Ended, WireError>> + Send {
        let io = self.streams.lock().unwrap_or_else(PoisonError::into_inner).0.take();
        self.connect_over(wire, io.expect("the dialling end runs once"))
    }

    /// Runs the accepting end over the stream, once.
    pub(crate) fn accept<W: Wire>(&self, wire: &W) -> impl Future<Output = Result<Ended, WireError>> + Send {
        let io = self.streams.lock().unwrap_or_else(PoisonError::into_inner).1.take();
        self.accept_over(wire, io.expect("the accepting end runs once"))
    }

    pub(crate) fn connect_over<W: Wire>(
        &self,
        wire: &W,
        io: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    ) -> impl Future<Output = Result<Ended, WireError>> + Send {
        let (script, welcome) = (self.dialled.clone(), self.welcome.clone());
        wire.connect(io, Dialler { hello: self.hello.clone(), script, welcome })
    }

    pub(crate) fn accept_over<W: Wire>(
        &self,
        wire: &W,
        io: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    ) -> impl Future<Output = Result<Ended, WireError>> + Send {
        wire.accept(io, &self.acceptor)
    }

    /// What the accepting end was greeted with.
    pub(crate) fn heard_hello(&self) -> Option<Hello> {
        self.acceptor.hello.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What the dialling end was welcomed with.
    pub(crate) fn heard_welcome(&self) -> Option<Welcome> {
        *self.welcome.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many sessions live at the dialling and the accepting end.
    pub(crate) fn sessions(&self) -> (usize, usize) {
        (self.dialled.sessions(), self.accepted.sessions())
    }
}
