//! A service that panics where a caller breaks the rules of tower, and whose readiness and responses a test controls.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll, Waker};

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio::sync::oneshot;
use tower_service::Service;

use super::{AsUndelivered, BoxError, Elapsed};
use crate::error::Undelivered;

#[derive(Clone, PartialEq, Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error("{0}")]
    Plain(&'static str),
    #[error(transparent)]
    Elapsed(#[from] Elapsed),
    #[error(transparent)]
    Undelivered(#[from] Undelivered),
}

impl AsUndelivered for Failure {
    fn as_undelivered(&self) -> Option<Undelivered> {
        BoxError::from(self.clone()).as_undelivered().or(match self {
            Failure::Undelivered(undelivered) => Some(undelivered.clone()),
            _ => None,
        })
    }
}

impl From<Failure> for Undelivered {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Undelivered(undelivered) => undelivered,
            Failure::Elapsed(elapsed) => elapsed.into(),
            plain => BoxError::from(plain).into(),
        }
    }
}

/// Answers a request with the request. Each clone has to be asked for readiness itself.
pub(crate) struct Probe<R> {
    control: Control<R>,
    is_ready: bool,
}

/// Controls a [`Probe`] and all its clones.
pub(crate) struct Control<R>(Arc<Mutex<World<R>>>);

struct World<R> {
    allowed: usize,
    /// Only of the last who asked, as services do.
    asker: Option<Waker>,
    unready: VecDeque<Failure>,
    failures: VecDeque<Failure>,
    holds: bool,
    held: VecDeque<oneshot::Sender<()>>,
    calls: Vec<R>,
}

/// A probe that is ready for `allowed` calls.
pub(crate) fn probe<R>(allowed: usize) -> (Probe<R>, Control<R>) {
    let control = Control(Arc::new(Mutex::new(World {
        allowed,
        asker: None,
        unready: VecDeque::new(),
        failures: VecDeque::new(),
        holds: false,
        held: VecDeque::new(),
        calls: Vec::new(),
    })));
    (Probe { control: control.clone(), is_ready: false }, control)
}

/// Always ready.
pub(crate) const OPEN: usize = usize::MAX;

impl<R> Control<R> {
    fn world(&self) -> MutexGuard<'_, World<R>> {
        self.0.lock().unwrap()
    }

    fn wake(mut world: MutexGuard<'_, World<R>>) {
        let asker = world.asker.take();
        drop(world);
        asker.into_iter().for_each(Waker::wake);
    }

    /// Is ready for this many more calls.
    pub(crate) fn allow(&self, more: usize) {
        let mut world = self.world();
        world.allowed = world.allowed.saturating_add(more);
        Self::wake(world);
    }

    /// Is not ready any more.
    pub(crate) fn shut(&self) {
        self.world().allowed = 0;
    }

    /// Fails the next question for readiness.
    pub(crate) fn unready(&self, failure: Failure) {
        let mut world = self.world();
        world.unready.push_back(failure);
        Self::wake(world);
    }

    /// Fails the next call.
    pub(crate) fn fail(&self, failure: Failure) {
        self.world().failures.push_back(failure);
    }

    /// Whether calls that come now are answered only by [`release`](Self::release).
    pub(crate) fn hold(&self, holds: bool) {
        self.world().holds = holds;
    }

    /// Answers the oldest call that is held. `false` if there is none, or nobody waits for it.
    pub(crate) fn release(&self) -> bool {
        let held = self.world().held.pop_front();
        held.is_some_and(|held| held.send(()).is_ok())
    }

    /// Answers all calls that are held, and from now on at once.
    pub(crate) fn release_all(&self) {
        let mut world = self.world();
        world.holds = false;
        let held = std::mem::take(&mut world.held);
        drop(world);
        for held in held {
            // Nobody may wait for it any more.
            let _ = held.send(());
        }
    }

    pub(crate) fn calls(&self) -> Vec<R>
    where
        R: Clone,
    {
        self.world().calls.clone()
    }
}

impl<R> Clone for Control<R> {
    fn clone(&self) -> Self {
        Control(self.0.clone())
    }
}

impl<R> Clone for Probe<R> {
    fn clone(&self) -> Self {
        Probe { control: self.control.clone(), is_ready: false }
    }
}

impl<R: Clone + Send + 'static> Service<R> for Probe<R> {
    type Response = R;
    type Error = Failure;
    type Future = BoxFuture<'static, Result<R, Failure>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Failure>> {
        self.is_ready = false;
        let mut world = self.control.world();
        if let Some(failure) = world.unready.pop_front() {
            return Poll::Ready(Err(failure));
        }
        if world.allowed == 0 {
            world.asker = Some(cx.waker().clone());
            return Poll::Pending;
        }
        self.is_ready = true;
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: R) -> Self::Future {
        assert!(self.is_ready, "called before it was ready");
        self.is_ready = false;
        let mut world = self.control.world();
        // It may have been shut since.
        if world.allowed != OPEN {
            world.allowed = world.allowed.saturating_sub(1);
        }
        world.calls.push(request.clone());
        if let Some(failure) = world.failures.pop_front() {
            return std::future::ready(Err(failure)).boxed();
        }
        if !world.holds {
            return std::future::ready(Ok(request)).boxed();
        }
        let (release, released) = oneshot::channel();
        world.held.push_back(release);
        released.map(|_| Ok(request)).boxed()
    }
}

#[test]
#[should_panic = "called before it was ready"]
fn the_probe_notices_a_clone_that_is_called_in_place_of_the_one_that_was_ready() {
    let (mut probe, _control) = probe::<u32>(OPEN);
    assert!(probe.poll_ready(&mut Context::from_waker(Waker::noop())).is_ready());
    drop(probe.clone().call(1));
}
