use std::collections::VecDeque;
use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use tokio::io::ReadBuf;
use tokio::time::Instant;

/// One direction of a connection: bytes under way, each with the time at which it arrives.
#[derive(Debug)]
pub(super) struct Pipe {
    capacity: usize,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    chunks: VecDeque<Chunk>,
    under_way: usize,
    cut: bool,
    writer_gone: bool,
    reader_gone: bool,
    reader: Option<Waker>,
    writer: Option<Waker>,
}

#[derive(Debug)]
struct Chunk {
    arrives: Instant,
    bytes: VecDeque<u8>,
}

/// What became of a read.
pub(super) enum Read {
    /// Bytes were read, or the end.
    Done,
    /// Bytes arrive then: come back, if no waker calls before.
    At(Instant),
    /// Nothing is there: a waker will call.
    Nothing,
}

impl Pipe {
    pub(super) fn new(capacity: usize) -> Self {
        Pipe { capacity, state: Mutex::default() }
    }

    /// `frozen` is asked after the waker is in place, so that a thaw in between is not missed.
    pub(super) fn read(
        &self,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
        frozen: impl FnOnce() -> bool,
    ) -> io::Result<Read> {
        let mut state = self.state();
        state.reader = Some(cx.waker().clone());
        if state.cut {
            return Err(io::ErrorKind::ConnectionReset.into());
        }
        if frozen() {
            return Ok(Read::Nothing);
        }
        let read = state.take(buf);
        match state.chunks.front() {
            _ if read > 0 || buf.remaining() == 0 => {}
            Some(chunk) => return Ok(Read::At(chunk.arrives)),
            None if state.writer_gone => {}
            None => return Ok(Read::Nothing),
        }
        if let Some(writer) = state.writer.take_if(|_| read > 0) {
            writer.wake();
        }
        Ok(Read::Done)
    }

    pub(super) fn poll_write(&self, cx: &mut Context<'_>, bytes: &[u8], arrives: Instant) -> Poll<io::Result<usize>> {
        let mut state = self.state();
        if state.cut {
            return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
        }
        if state.reader_gone || state.writer_gone {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        let taken = bytes.len().min(self.capacity - state.under_way);
        if taken == 0 && !bytes.is_empty() {
            state.writer = Some(cx.waker().clone());
            return Poll::Pending;
        }
        if taken > 0 {
            state.under_way += taken;
            state.chunks.push_back(Chunk { arrives, bytes: bytes[..taken].iter().copied().collect() });
            wake(&mut state.reader);
        }
        Poll::Ready(Ok(taken))
    }

    /// Nothing more will be written: the reader finds the end after what is under way.
    pub(super) fn finish(&self) {
        let mut state = self.state();
        state.writer_gone = true;
        wake(&mut state.reader);
    }

    /// Nothing more will be read: writing fails.
    pub(super) fn abandon(&self) {
        let mut state = self.state();
        state.reader_gone = true;
        wake(&mut state.writer);
    }

    pub(super) fn cut(&self) {
        let mut state = self.state();
        state.cut = true;
        state.chunks.clear();
        wake(&mut state.reader);
        wake(&mut state.writer);
    }

    pub(super) fn wake(&self) {
        wake(&mut self.state().reader);
    }

    pub(super) fn stands(&self) -> bool {
        let state = self.state();
        !(state.cut || state.reader_gone || state.writer_gone)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Moves what has arrived and fits into `buf`, and returns how much that was.
    fn take(&mut self, buf: &mut ReadBuf<'_>) -> usize {
        let (now, before) = (Instant::now(), buf.filled().len());
        while let Some(chunk) = self.chunks.front_mut().filter(|chunk| chunk.arrives <= now) {
            let (bytes, _) = chunk.bytes.as_slices();
            let fits = bytes.len().min(buf.remaining());
            buf.put_slice(&bytes[..fits]);
            chunk.bytes.drain(..fits);
            if !chunk.bytes.is_empty() {
                break;
            }
            self.chunks.pop_front();
        }
        let read = buf.filled().len() - before;
        self.under_way -= read;
        read
    }
}

fn wake(waker: &mut Option<Waker>) {
    if let Some(waker) = waker.take() {
        waker.wake();
    }
}
