//! The line of requests before the inner service.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use tower_service::Service;

use super::bell::Bell;

/// What the queue and the futures of those that wait in it share.
pub(super) struct Shared<S: Service<R>, R> {
    line: Mutex<Line<S, R>>,
    bell: Arc<Bell>,
    /// The bell, as the inner service knows it.
    waker: Waker,
}

struct Line<S: Service<R>, R> {
    inner: S,
    /// The number of the next place.
    next: u64,
    waiting: BTreeMap<u64, R>,
    /// Those that were passed on, until their futures come for it.
    passed: BTreeMap<u64, Result<S::Future, S::Error>>,
}

impl<S: Service<R>, R> Shared<S, R> {
    pub(super) fn new(inner: S) -> Self {
        let bell = Arc::new(Bell::default());
        let line = Line { inner, next: 0, waiting: BTreeMap::new(), passed: BTreeMap::new() };
        Shared { line: Mutex::new(line), waker: bell.clone().into(), bell }
    }

    pub(super) fn waiting(&self) -> usize {
        self.line().waiting.len()
    }

    /// Whether a request may be taken on, and then whether it can be passed on at once.
    pub(super) fn poll_ready(&self, cx: &mut Context<'_>, room: usize) -> Poll<Result<bool, S::Error>> {
        let mut line = self.line();
        let mut woken = Vec::new();
        if !line.waiting.is_empty() {
            // Before the inner service is asked: it may ring at once.
            self.bell.wait_for_room(cx.waker());
            woken = self.pass_on(&mut line, None);
        }
        let has_room = line.waiting.len() < room;
        let inner = match line.waiting.is_empty() {
            true => line.inner.poll_ready(&mut Context::from_waker(&self.waker)),
            false => Poll::Pending,
        };
        drop(line);
        woken.into_iter().for_each(Waker::wake);
        match inner {
            Poll::Ready(ready) => Poll::Ready(ready.map(|()| true)),
            Poll::Pending if has_room => Poll::Ready(Ok(false)),
            Poll::Pending => Poll::Pending,
        }
    }

    /// Calls the inner service, which was ready, and before which nobody waited.
    pub(super) fn call(&self, request: R) -> S::Future {
        self.line().inner.call(request)
    }

    fn line(&self) -> MutexGuard<'_, Line<S, R>> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Passes on what waits, oldest first, for as long as the inner service takes it. Gives whom to wake:
    /// those that were passed on, but `myself`, and who waits for room.
    fn pass_on(&self, line: &mut Line<S, R>, myself: Option<u64>) -> Vec<Waker> {
        let mut woken = Vec::new();
        let mut cx = Context::from_waker(&self.waker);
        while !line.waiting.is_empty() {
            let Poll::Ready(ready) = line.inner.poll_ready(&mut cx) else { break };
            let Some((place, request)) = line.waiting.pop_first() else { break };
            let outcome = ready.map(|()| line.inner.call(request));
            line.passed.insert(place, outcome);
            let waker = self.bell.take(place);
            woken.extend(waker.filter(|_| myself != Some(place)));
            woken.extend(self.bell.take_room());
        }
        woken
    }
}

/// One place in the line. Dropping it leaves the line.
pub(super) struct Place<S: Service<R>, R> {
    shared: Arc<Shared<S, R>>,
    number: u64,
}

impl<S: Service<R>, R> Place<S, R> {
    pub(super) fn new(shared: Arc<Shared<S, R>>, request: R) -> Self {
        let mut line = shared.line();
        let number = line.next;
        line.next += 1;
        line.waiting.insert(number, request);
        drop(line);
        Place { shared, number }
    }

    /// What came of it: the response of the inner service, or its error instead of readiness.
    pub(super) fn poll(&self, cx: &mut Context<'_>) -> Poll<Result<S::Future, S::Error>> {
        let Place { shared, number } = self;
        let mut line = shared.line();
        if let Some(outcome) = line.passed.remove(number) {
            return Poll::Ready(outcome);
        }
        // Before the inner service is asked: it may ring at once.
        shared.bell.wait(*number, cx.waker());
        let woken = shared.pass_on(&mut line, Some(*number));
        let outcome = line.passed.remove(number);
        drop(line);
        woken.into_iter().for_each(Waker::wake);
        outcome.map_or(Poll::Pending, Poll::Ready)
    }
}

impl<S: Service<R>, R> Drop for Place<S, R> {
    fn drop(&mut self) {
        let mut line = self.shared.line();
        let request = line.waiting.remove(&self.number);
        let passed = line.passed.remove(&self.number);
        drop(line);
        let mine = self.shared.bell.take(self.number);
        if request.is_some() {
            self.shared.bell.take_room().into_iter().for_each(Waker::wake);
            if mine.is_none() {
                // It may have been rung for, and now somebody else must answer.
                self.shared.bell.ring();
            }
        }
        drop((request, passed));
    }
}
