use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{BufMut, Bytes};
use ipchannel_core::frame::Frame;
use ipchannel_core::link::FrameSink;
use tokio::io::AsyncWrite;

use super::encode;
use crate::wire::WireError;

/// How much is collected before it is written.
const ENOUGH: usize = 64 * 1024;
/// Payloads from this size on are written from where they are: copying them would cost more than another write.
const LARGE: usize = 16 * 1024;

/// Collects frames, and writes many at once.
pub(super) struct Writer {
    limit: usize,
    buffer: Vec<u8>,
    /// How much of `buffer` is written.
    written: usize,
    /// Large payloads, and where in `buffer` each belongs.
    large: VecDeque<(usize, Bytes)>,
    /// The sum of the lengths of `large`.
    large_bytes: usize,
    flushed: bool,
    failed: Option<WireError>,
}

impl Writer {
    /// A writer of frames of up to `limit` bytes.
    pub(super) fn new(limit: usize) -> Self {
        Writer {
            limit: limit.min(u32::MAX as usize),
            buffer: Vec::new(),
            written: 0,
            large: VecDeque::new(),
            large_bytes: 0,
            flushed: true,
            failed: None,
        }
    }

    /// Whether enough is collected.
    pub(super) fn is_full(&self) -> bool {
        self.buffer.len() - self.written + self.large_bytes >= ENOUGH
    }

    /// What is not a frame.
    pub(super) fn put_raw(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// Why a frame could not be put, once.
    pub(super) fn take_error(&mut self) -> Option<WireError> {
        self.failed.take()
    }

    /// Writes and flushes what was put. `true`: something went; ready with `false`: there is nothing left to do.
    pub(super) fn poll_write<IO: AsyncWrite + Unpin>(
        &mut self,
        cx: &mut Context<'_>,
        io: &mut IO,
    ) -> Poll<io::Result<bool>> {
        if let Some(part) = self.next_part() {
            let length = ready!(Pin::new(io).poll_write(cx, part))?;
            if length == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.advance(length);
            return Poll::Ready(Ok(true));
        }
        if !self.flushed {
            ready!(Pin::new(io).poll_flush(cx))?;
            self.flushed = true;
        }
        Poll::Ready(Ok(false))
    }

    fn next_part(&self) -> Option<&[u8]> {
        let part = match self.large.front() {
            Some((at, payload)) if *at == self.written => payload,
            Some((at, _)) => &self.buffer[self.written..*at],
            None => &self.buffer[self.written..],
        };
        (!part.is_empty()).then_some(part)
    }

    fn advance(&mut self, length: usize) {
        self.flushed = false;
        match self.large.front_mut() {
            Some((at, payload)) if *at == self.written => {
                self.large_bytes -= length;
                let _ = payload.split_to(length);
                if payload.is_empty() {
                    self.large.pop_front();
                }
            }
            _ => self.written += length,
        }
        if self.large.is_empty() && self.written == self.buffer.len() {
            self.buffer.clear();
            self.buffer.shrink_to(2 * ENOUGH);
            self.written = 0;
        }
    }
}

impl FrameSink for Writer {
    fn put(&mut self, frame: &Frame) -> bool {
        if self.failed.is_some() {
            return false;
        }
        let start = self.buffer.len();
        self.buffer.put_u32(0);
        let payload = encode::frame(&mut self.buffer, frame);
        let body = self.buffer.len() - start - 4;
        let size = body + payload.map_or(0, Bytes::len);
        match u32::try_from(size) {
            Ok(length) if size <= self.limit => self.buffer[start..start + 4].copy_from_slice(&length.to_be_bytes()),
            _ => {
                self.buffer.truncate(start);
                self.failed = Some(WireError::TooLarge { size, limit: self.limit });
                return false;
            }
        }
        match payload {
            Some(payload) if payload.len() >= LARGE => {
                self.large_bytes += payload.len();
                self.large.push_back((self.buffer.len(), payload.clone()));
            }
            Some(payload) => self.buffer.extend_from_slice(payload),
            None => {}
        }
        !self.is_full()
    }
}
