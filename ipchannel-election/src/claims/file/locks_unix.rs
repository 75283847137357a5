//! The two locks of a claim on unix.
//!
//! The flock of the claim's file belongs to an open file, which a forked child shares. The record lock of the life belongs
//! to the process alone. Both are free when the process is gone, the flock only if no forked child is left. They are
//! on two files, since the BSDs and NFS make one lock of them.

use std::fs::{File, TryLockError};
use std::io;

use rustix::fs::{FlockOperation, fcntl_lock};
use rustix::io::Errno;

use crate::claims::Liveness;

/// What a claim is whose file is locked although its holder is gone.
pub(super) const ABANDONED: Liveness = Liveness::Orphaned;

/// Locks a claim's file for as long as it is open. `false`: somebody else has locked it.
pub(super) fn try_seal(file: &File) -> io::Result<bool> {
    free(file.try_lock())
}

/// Whether a claim's file is locked. Disturbs nobody.
pub(super) fn is_sealed(file: &File) -> io::Result<bool> {
    Ok(!free(file.try_lock_shared())?)
}

/// Locks the file of a life until the process ends or closes *any* descriptor of that file. `false`: somebody else has.
pub(super) fn try_live(file: &File) -> io::Result<bool> {
    record_lock(file, FlockOperation::NonBlockingLockExclusive)
}

/// Whether another process has locked the file of a life. Disturbs nobody.
pub(super) fn lives(file: &File) -> io::Result<bool> {
    Ok(!record_lock(file, FlockOperation::NonBlockingLockShared)?)
}

fn free(outcome: Result<(), TryLockError>) -> io::Result<bool> {
    match outcome {
        Ok(()) => Ok(true),
        Err(TryLockError::WouldBlock) => Ok(false),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

fn record_lock(file: &File, operation: FlockOperation) -> io::Result<bool> {
    match fcntl_lock(file, operation) {
        Ok(()) => Ok(true),
        Err(Errno::AGAIN | Errno::ACCESS) => Ok(false),
        Err(errno) => Err(errno.into()),
    }
}
