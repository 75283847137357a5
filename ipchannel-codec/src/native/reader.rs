use std::io;
use std::pin::pin;
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt};

use crate::wire::WireError;

/// How much is asked for at once.
const CHUNK: usize = 64 * 1024;
/// The room that must be left in the buffer before it is read into again.
const LEAST_ROOM: usize = 4 * 1024;
const LENGTH: usize = 4;

/// Collects bytes and cuts frames off their front.
pub(super) struct Reader {
    buffer: BytesMut,
    limit: usize,
    /// Whether a large frame has made the buffer larger than it needs to be.
    grown: bool,
}

impl Reader {
    /// A reader that accepts frames of up to `limit` bytes.
    pub(super) fn new(limit: usize) -> Self {
        Reader { buffer: BytesMut::new(), limit, grown: false }
    }

    pub(super) fn buffered(&self) -> &[u8] {
        &self.buffer
    }

    pub(super) fn is_empty(&self) -> bool {
        self.buffer.is_empty()
    }

    /// The bytes that the buffer keeps, once nobody else does.
    #[cfg(test)]
    pub(super) fn capacity(&mut self) -> usize {
        self.reserve();
        self.buffer.capacity()
    }

    pub(super) fn split_to(&mut self, length: usize) -> Bytes {
        self.buffer.split_to(length).freeze()
    }

    /// Reads once. 0 is the end.
    pub(super) async fn read<IO: AsyncRead + Unpin>(&mut self, io: &mut IO) -> io::Result<usize> {
        self.reserve();
        io.read_buf(&mut self.buffer).await
    }

    /// Reads once. 0 is the end.
    pub(super) fn poll_read<IO: AsyncRead + Unpin>(
        &mut self,
        cx: &mut Context<'_>,
        io: &mut IO,
    ) -> Poll<io::Result<usize>> {
        pin!(self.read(io)).poll(cx)
    }

    /// Grows with what came, never with what a length promises.
    fn reserve(&mut self) {
        if self.buffer.capacity() - self.buffer.len() < LEAST_ROOM {
            self.grown |= self.buffer.len() > CHUNK;
            self.buffer.reserve(self.buffer.len().max(CHUNK));
        }
    }

    /// The next whole frame without its length, if it is here.
    pub(super) fn next(&mut self) -> Result<Option<Bytes>, WireError> {
        let Some(length) = self.buffer.first_chunk::<LENGTH>() else {
            return Ok(None);
        };
        let size = u32::from_be_bytes(*length) as usize;
        if size > self.limit {
            return Err(WireError::TooLarge { size, limit: self.limit });
        }
        if self.buffer.len() < LENGTH + size {
            return Ok(None);
        }
        let mut frame = self.split_to(LENGTH + size);
        if self.grown && self.buffer.len() < CHUNK {
            // Left to itself the buffer would never be given back.
            self.buffer = BytesMut::from(&self.buffer[..]);
            self.grown = false;
        }
        Ok(Some(frame.split_off(LENGTH)))
    }
}
