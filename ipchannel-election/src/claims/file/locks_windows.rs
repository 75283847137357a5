//! The lock of a claim on Windows.
//!
//! Locks are mandatory there: nobody could read a claim whose file is locked. So the file of the life is the only one
//! that is. There is no fork that could inherit it.

use std::fs::{File, TryLockError};
use std::io;

use crate::claims::Liveness;

/// What a claim is whose holder is gone.
pub(super) const ABANDONED: Liveness = Liveness::Free;

/// Nothing to lock here.
pub(super) fn try_seal(_: &File) -> io::Result<bool> {
    Ok(true)
}

/// The life decides.
pub(super) fn is_sealed(_: &File) -> io::Result<bool> {
    Ok(true)
}

/// Locks the file of a life for as long as it is open. `false`: somebody else has.
pub(super) fn try_live(file: &File) -> io::Result<bool> {
    free(file.try_lock())
}

/// Whether the file of a life is locked. Disturbs nobody.
pub(super) fn lives(file: &File) -> io::Result<bool> {
    Ok(!free(file.try_lock_shared())?)
}

fn free(outcome: Result<(), TryLockError>) -> io::Result<bool> {
    match outcome {
        Ok(()) => Ok(true),
        Err(TryLockError::WouldBlock) => Ok(false),
        Err(TryLockError::Error(error)) => Err(error),
    }
}
