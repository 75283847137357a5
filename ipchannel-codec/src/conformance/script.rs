//! Ends of a link that say what a test tells them to, and remember what they hear.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use ipchannel_core::frame::{Credit, Frame, Hello, Refusal, Seq, Welcome};
use ipchannel_core::link::{Accept, Dial, FrameSink, Session, Violation};

/// The part of one end, shared by the test and the session that plays it.
#[derive(Clone, Default)]
pub(crate) struct Script(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    lines: VecDeque<Frame>,
    finished: bool,
    acknowledges: bool,
    objects: bool,
    unacknowledged: Option<Seq>,
    heard: Vec<Frame>,
    sessions: usize,
    /// Of the wire.
    player: Option<Waker>,
    /// Of the test.
    watcher: Option<Waker>,
}

impl Script {
    /// Has this end say these frames.
    pub(crate) fn say(&self, frames: impl IntoIterator<Item = Frame>) {
        self.change(|state| state.lines.extend(frames));
    }

    /// Has this end close the connection when everything is said.
    pub(crate) fn finish(&self) {
        self.change(|state| state.finished = true);
    }

    /// Has this end answer data with acknowledgements.
    pub(crate) fn acknowledge(&self) {
        self.change(|state| state.acknowledges = true);
    }

    /// Has this end find that whatever it hears breaks the rules.
    pub(crate) fn object(&self) {
        self.change(|state| state.objects = true);
    }

    /// Takes the next `count` frames that were heard, once they are here.
    pub(crate) async fn hear(&self, count: usize) -> Vec<Frame> {
        self.when(|state| (state.heard.len() >= count).then(|| state.heard.drain(..count).collect())).await
    }

    /// Takes what was heard and not taken yet.
    pub(crate) fn heard(&self) -> Vec<Frame> {
        mem::take(&mut self.state().heard)
    }

    /// Resolves once nobody plays this end.
    pub(crate) async fn ended(&self) {
        self.when(|state| (state.sessions == 0).then_some(())).await;
    }

    /// How many sessions play this end.
    pub(crate) fn sessions(&self) -> usize {
        self.state().sessions
    }

    /// A session that plays this end.
    pub(crate) fn play(&self) -> Player {
        self.state().sessions += 1;
        Player(self.clone())
    }

    async fn when<T>(&self, mut ready: impl FnMut(&mut State) -> Option<T>) -> T {
        poll_fn(|cx| {
            let mut state = self.state();
            match ready(&mut state) {
                Some(value) => Poll::Ready(value),
                None => {
                    state.watcher = Some(cx.waker().clone());
                    Poll::Pending
                }
            }
        })
        .await
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        let mut state = self.state();
        change(&mut state);
        if let Some(player) = state.player.take() {
            player.wake();
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn next_line(&mut self) -> Option<Frame> {
        let acknowledgement = self.unacknowledged.take();
        acknowledgement.map(|cursor| Frame::Ack(welcome(cursor))).or_else(|| self.lines.pop_front())
    }

    fn tell_watcher(&mut self) {
        if let Some(watcher) = self.watcher.take() {
            watcher.wake();
        }
    }
}

/// A session that follows a script.
pub(crate) struct Player(Script);

impl Session for Player {
    fn handle_frame(&self, _: Instant, frame: Frame) -> Result<(), Violation> {
        let mut state = self.0.state();
        if state.objects {
            return Err(Violation::Direction);
        }
        if let (Frame::Data(data), true) = (&frame, state.acknowledges) {
            state.unacknowledged = Some(data.seq);
        }
        state.heard.push(frame);
        state.tell_watcher();
        Ok(())
    }

    fn poll_transmit(&self, cx: &mut Context<'_>, _: Instant, sink: &mut dyn FrameSink) -> Poll<bool> {
        let mut state = self.0.state();
        let Some(mut line) = state.next_line() else {
            if state.finished {
                return Poll::Ready(false);
            }
            state.player = Some(cx.waker().clone());
            return Poll::Pending;
        };
        while sink.put(&line) {
            match state.next_line() {
                Some(next) => line = next,
                None => break,
            }
        }
        Poll::Ready(true)
    }
}

impl Drop for Player {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.sessions -= 1;
        state.tell_watcher();
    }
}

/// The dialling end.
pub(crate) struct Dialler {
    pub(crate) hello: Hello,
    pub(crate) script: Script,
    /// What it was welcomed with.
    pub(crate) welcome: Arc<Mutex<Option<Welcome>>>,
}

impl Dial for Dialler {
    type Session = Player;

    fn hello(&self) -> Hello {
        self.hello.clone()
    }

    fn welcomed(self, _: Instant, welcome: Welcome) -> Result<Player, Violation> {
        *self.welcome.lock().unwrap_or_else(PoisonError::into_inner) = Some(welcome);
        Ok(self.script.play())
    }
}

/// The accepting end.
pub(crate) struct Acceptor {
    pub(crate) script: Script,
    pub(crate) answer: Result<Welcome, Refusal>,
    /// What it was greeted with.
    pub(crate) hello: Mutex<Option<Hello>>,
}

impl Accept for Acceptor {
    type Session = Player;

    fn accept(&self, _: Instant, hello: &Hello) -> Result<(Player, Welcome), Refusal> {
        *self.hello.lock().unwrap_or_else(PoisonError::into_inner) = Some(hello.clone());
        self.answer.map(|welcome| (self.script.play(), welcome))
    }
}

/// A welcome with this cursor and some credit.
pub(crate) fn welcome(cursor: Seq) -> Welcome {
    Welcome { cursor, credit: Credit { messages: 1024, bytes: 1 << 40 } }
}
