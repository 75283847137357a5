//! The tasks of one channel: all of them end when it does.

use std::future::Future;

use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Spawns on the user's runtime, remembers what it spawned, and ends it. Clones share the tasks.
#[derive(Clone, Debug)]
pub(crate) struct Tasks {
    runtime: Handle,
    tracker: TaskTracker,
    stop: CancellationToken,
}

impl Tasks {
    pub(crate) fn new(runtime: Handle) -> Self {
        Tasks { runtime, tracker: TaskTracker::new(), stop: CancellationToken::new() }
    }

    /// Runs `task` until it ends or the channel does.
    #[expect(clippy::disallowed_methods, reason = "the one place where tasks are made")]
    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let stop = self.stop.clone();
        self.tracker.spawn_on(
            async move {
                stop.run_until_cancelled(task).await;
            },
            &self.runtime,
        );
    }

    /// Whether any task lives: none does any more once the runtime has ended.
    pub(crate) fn are_running(&self) -> bool {
        !self.tracker.is_empty()
    }

    /// Asks every task to end, without waiting.
    pub(crate) fn stop(&self) {
        self.stop.cancel();
        self.tracker.close();
    }

    /// Waits until all have ended. Only after [`stop`](Self::stop).
    pub(crate) async fn stopped(&self) {
        self.tracker.wait().await;
    }

    pub(crate) fn runtime(&self) -> &Handle {
        &self.runtime
    }
}
