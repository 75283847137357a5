use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use ipchannel_core::link::Session;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::Instant;

use super::deadline::Deadline;
use super::decode::Decoder;
use super::is_gone;
use super::reader::Reader;
use super::writer::Writer;
use crate::wire::{Ended, WireError};

/// How many rounds of reading and writing go before other tasks have their turn.
const ROUNDS: usize = 16;

/// Carries frames between a stream and a session, after the greetings, until one of them ends.
pub(super) struct Pump<IO, S> {
    session: S,
    io: IO,
    reader: Reader,
    decoder: Decoder,
    writer: Writer,
    outgoing: Outgoing,
    frame: Deadline,
    close: Deadline,
}

enum Outgoing {
    Open,
    /// The session has nothing more to say: what it said is written, and the stream shut down.
    Closing,
    /// Writing failed. What the other end said before it went is still to be heard: it may have acknowledged much.
    Broken(io::Error),
}

impl<IO, S> Pump<IO, S>
where
    IO: AsyncRead + AsyncWrite + Unpin,
    S: Session,
{
    pub(super) fn new(
        io: IO,
        session: S,
        reader: Reader,
        decoder: Decoder,
        writer: Writer,
        frame_timeout: Duration,
    ) -> Self {
        let (frame, close) = (Deadline::new(frame_timeout), Deadline::new(frame_timeout));
        Pump { session, io, reader, decoder, writer, outgoing: Outgoing::Open, frame, close }
    }

    /// Runs to the end of the connection.
    pub(super) async fn run(mut self) -> Result<Ended, WireError> {
        // The greeting may have brought the first frames along.
        self.handle_buffered()?;
        poll_fn(|cx| self.poll(cx)).await
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<Ended, WireError>> {
        for _ in 0..ROUNDS {
            let read = match self.poll_read(cx) {
                Poll::Ready(Ok(None)) => true,
                Poll::Ready(Ok(Some(ended))) => return Poll::Ready(Ok(ended)),
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => false,
            };
            self.transmit(cx)?;
            let written = match self.poll_write(cx) {
                Poll::Ready(Some(ended)) => return Poll::Ready(Ok(ended)),
                Poll::Ready(None) => true,
                Poll::Pending => false,
            };
            if !read && !written {
                return self.poll_deadlines(cx).map(Err);
            }
        }
        cx.waker().wake_by_ref();
        self.poll_deadlines(cx).map(Err)
    }

    /// Reads a batch and hands it to the session.
    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Ended>, WireError>> {
        let read = match self.reader.poll_read(cx, &mut self.io) {
            Poll::Pending => return Poll::Pending,
            Poll::Ready(read) => read,
        };
        Poll::Ready(match read {
            Ok(0) if self.reader.is_empty() => Ok(Some(Ended::Peer)),
            Ok(0) => Err(WireError::Truncated),
            Ok(_) => self.handle_buffered().map(|()| None),
            Err(error) if is_gone(&error) && self.reader.is_empty() => Ok(Some(Ended::Peer)),
            Err(error) => Err(error.into()),
        })
    }

    fn handle_buffered(&mut self) -> Result<(), WireError> {
        let now = Instant::now().into_std();
        while let Some(body) = self.reader.next()? {
            self.frame.disarm();
            self.session.handle_frame(now, self.decoder.frame(body)?)?;
        }
        Ok(())
    }

    /// Collects what the session has to say, until it is enough for now.
    fn transmit(&mut self, cx: &mut Context<'_>) -> Result<(), WireError> {
        let now = Instant::now().into_std();
        while matches!(self.outgoing, Outgoing::Open) && !self.writer.is_full() {
            let more = self.session.poll_transmit(cx, now, &mut self.writer);
            if let Some(error) = self.writer.take_error() {
                return Err(error);
            }
            match more {
                Poll::Ready(true) => {}
                Poll::Ready(false) => self.outgoing = Outgoing::Closing,
                Poll::Pending => break,
            }
        }
        Ok(())
    }

    /// Writes as much as the stream takes, and closes it after the last word. Ready with `None` if something was written.
    fn poll_write(&mut self, cx: &mut Context<'_>) -> Poll<Option<Ended>> {
        if matches!(self.outgoing, Outgoing::Broken(_)) {
            return Poll::Pending;
        }
        let mut progress = false;
        let done = loop {
            match self.writer.poll_write(cx, &mut self.io) {
                Poll::Ready(Ok(true)) => progress = true,
                Poll::Ready(Ok(false)) => break Poll::Ready(Ok(())),
                Poll::Ready(Err(error)) => break Poll::Ready(Err(error)),
                Poll::Pending => break Poll::Pending,
            }
        };
        let shut = match (done, &self.outgoing) {
            (Poll::Ready(Ok(())), Outgoing::Closing) => Pin::new(&mut self.io).poll_shutdown(cx).map_ok(|()| true),
            (done, _) => done.map_ok(|()| false),
        };
        match shut {
            Poll::Ready(Ok(true)) => return Poll::Ready(Some(Ended::Here)),
            Poll::Ready(Err(error)) => {
                self.outgoing = Outgoing::Broken(error);
                progress = true;
            }
            Poll::Ready(Ok(false)) | Poll::Pending => {}
        }
        if progress { Poll::Ready(None) } else { Poll::Pending }
    }

    /// Whether a frame, or the end, has been under way for too long.
    fn poll_deadlines(&mut self, cx: &mut Context<'_>) -> Poll<WireError> {
        if !self.reader.is_empty() && self.frame.poll_armed(cx).is_ready() {
            return Poll::Ready(WireError::FrameTimeout);
        }
        if !matches!(self.outgoing, Outgoing::Open) && self.close.poll_armed(cx).is_ready() {
            return Poll::Ready(match std::mem::replace(&mut self.outgoing, Outgoing::Closing) {
                Outgoing::Broken(error) => WireError::Io(error),
                _ => WireError::CloseTimeout,
            });
        }
        Poll::Pending
    }
}
