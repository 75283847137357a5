//! What goes into an election and what comes out, as plain data.

use ipchannel_core::{PeerRef, Term};

/// The newest claim of the name `host`, as a look shows it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct HostView {
    /// Its number.
    pub term: Term,
    /// Who wrote it.
    pub host: PeerRef,
    /// Whether a live process holds it. A claim that only a forked child of its dead owner keeps locked is not alive.
    pub alive: bool,
}

/// What the driver of an [`Election`](super::Election) is to do. None of it may hold the election up: it goes on at once
/// and hears of the outcome later.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Action {
    /// Look at the host claim and report with [`handle_look`](super::Election::handle_look). If looking fails, try again
    /// after a while: nothing is known then, and none of it is an outcome. Never asked for twice at once.
    Look,
    /// Try to take the host claim and report with [`handle_take`](super::Election::handle_take); an error is a loss. Never
    /// asked for twice at once.
    Take {
        /// `None`: only if it is free. Otherwise also if it is held, as long as it is the claim of this term.
        depose: Option<Term>,
    },
    /// Dial this peer anew. Report an answer with [`handle_alive`](super::Election::handle_alive), a failure with
    /// [`handle_disconnected`](super::Election::handle_disconnected). How long to wait is up to the driver: the election
    /// does not wait for it.
    Probe {
        /// Whom.
        host: PeerRef,
    },
    /// We host, in this term: connect to all members, and push the roster to them.
    Announce {
        /// Our term.
        term: Term,
    },
    /// Tell all members that we still host: our claim was just seen to stand.
    Beat {
        /// Our term.
        term: Term,
    },
    /// Another process hosts now. Make sure that it knows us.
    Follow {
        /// Its term.
        term: Term,
        /// Who.
        host: PeerRef,
    },
    /// We do not host in this term, or no more: stop acting as host and release the claim of this term.
    Lost {
        /// The term that was ours.
        term: Term,
    },
}

/// What an election makes of the word of a process that says that it hosts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[must_use = "a process that hosts no more should be told so"]
pub enum Heard {
    /// It is our host.
    Accepted,
    /// It hosts no more: tell it.
    Superseded {
        /// The highest term known.
        term: Term,
        /// Who hosts in it.
        host: PeerRef,
    },
    /// Neither: the claim will decide.
    Ignored,
}
