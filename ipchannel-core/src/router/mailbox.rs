//! Between the handles of an outbox and its driver.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::Waker;

use super::expiry::Line;
use crate::envelope::Envelope;

/// How far an outbox has come.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub(super) enum Phase {
    #[default]
    Open,
    /// Nothing new is accepted; what is here still goes out.
    Closing,
    /// What has not gone out is handed back.
    GivenUp,
    /// The driver has ended.
    Ended,
}

#[derive(Default)]
pub(super) struct Mailbox(Mutex<Inside>);

#[derive(Default)]
struct Inside {
    line: Line<Envelope>,
    phase: Phase,
    driver: Option<Waker>,
}

impl Mailbox {
    /// Puts an envelope in, or gives it back where no driver will take it out.
    #[expect(clippy::result_large_err, reason = "the envelope goes back as it came")]
    pub(super) fn push(&self, envelope: Envelope) -> Result<(), Envelope> {
        let mut inside = self.inside();
        if inside.phase >= Phase::GivenUp {
            return Err(envelope);
        }
        inside.line.push(envelope);
        wake(inside);
        Ok(())
    }

    /// Goes on to this phase; never back.
    pub(super) fn advance(&self, phase: Phase) {
        let mut inside = self.inside();
        inside.phase = inside.phase.max(phase);
        wake(inside);
    }

    /// Moves everything into `line`, and wakes `driver` when there is more.
    pub(super) fn empty_into(&self, line: &mut Line<Envelope>, driver: &Waker) -> Phase {
        let mut inside = self.inside();
        line.append(&mut inside.line);
        match &mut inside.driver {
            Some(waker) => waker.clone_from(driver),
            none => *none = Some(driver.clone()),
        }
        inside.phase
    }

    /// Ends, unless there is more. From then on nothing can be put in.
    pub(super) fn end_if_empty(&self) -> bool {
        let mut inside = self.inside();
        if inside.line.is_empty() {
            inside.phase = Phase::Ended;
        }
        inside.line.is_empty()
    }

    /// Ends, with what is left.
    pub(super) fn end(&self) -> Line<Envelope> {
        let mut inside = self.inside();
        inside.phase = Phase::Ended;
        std::mem::take(&mut inside.line)
    }

    fn inside(&self) -> MutexGuard<'_, Inside> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn wake(mut inside: MutexGuard<'_, Inside>) {
    let driver = inside.driver.take();
    drop(inside);
    driver.into_iter().for_each(Waker::wake);
}
