//! How much is under way, counted the same way at both ends.

use crate::frame::Credit;

/// So many messages, of so many bytes together.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Load {
    pub(super) messages: u32,
    pub(super) bytes: u64,
}

impl Load {
    pub(super) fn add(&mut self, size: usize) {
        self.messages += 1;
        self.bytes += size as u64;
    }

    pub(super) fn remove(&mut self, size: usize) {
        self.messages -= 1;
        self.bytes -= size as u64;
    }

    pub(super) fn plus(self, other: Load) -> Load {
        Load { messages: self.messages + other.messages, bytes: self.bytes + other.bytes }
    }

    /// Whether one more message of `size` bytes may join this load within `credit`.
    pub(super) fn leaves_room(self, size: usize, credit: Credit) -> bool {
        self.messages < credit.messages && (self.messages == 0 || self.bytes + size as u64 <= credit.bytes)
    }
}
