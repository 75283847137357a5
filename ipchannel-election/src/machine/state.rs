//! Where an election stands.

use std::time::Instant;

use ipchannel_core::{PeerRef, Term};

use super::policy::Policy;

/// A term and who hosts in it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Reign {
    pub(super) term: Term,
    pub(super) host: PeerRef,
}

#[derive(Debug)]
pub(super) enum State {
    /// Without a seat: takes no part.
    Out,
    /// The outcome of a look or a take will tell; or it told nothing of use, and we look again then.
    Searching { again: Option<Instant> },
    /// The host of the highest term known is another.
    Following(Watch),
    /// We are to take the claim when it is our turn.
    Vying { depose: Option<Term>, at: Instant },
    /// The highest term known is ours.
    Hosting(Hosting),
}

#[derive(Debug)]
pub(super) struct Hosting {
    pub(super) beat_at: Instant,
    /// What to say once a look has shown that our claim stands: nothing is said in a term that may be over.
    pub(super) say: Option<Say>,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Say {
    Announce,
    Beat,
}

/// What we see of the host that we follow.
#[derive(Debug)]
pub(super) struct Watch {
    /// The last sign of life.
    heard: Instant,
    suspicion: Option<Suspicion>,
    estranged: Option<Estranged>,
}

/// The host was silent for long: it was dialled `since` then, and we check on ourselves at each tick.
#[derive(Debug)]
struct Suspicion {
    since: Instant,
    tick: Instant,
}

/// A connection with the host has ended: its claim is looked at again and again, in growing intervals. A process that dies
/// may close its connections a moment before it lets go of its claim, and what it said last may be read after the end
/// of another connection; so one look is not enough, and a word does not stop them at once.
#[derive(Debug)]
struct Estranged {
    look_at: Instant,
    looks: u32,
    probed: bool,
    /// Whether the host was heard since.
    heard: bool,
}

/// What a [`Watch`] wants at its timeout.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Due {
    Nothing,
    Look,
    LookAndProbe,
    Depose,
}

impl Watch {
    pub(super) fn new(now: Instant) -> Self {
        Watch { heard: now, suspicion: None, estranged: None }
    }

    /// The host says that it hosts.
    pub(super) fn heard(&mut self, now: Instant) {
        self.alive(now);
        if let Some(estranged) = &mut self.estranged {
            estranged.heard = true;
        }
    }

    /// A sign of life, which need not be over the connection of the host.
    pub(super) fn alive(&mut self, now: Instant) {
        self.heard = now;
        self.suspicion = None;
    }

    /// The connection has ended.
    pub(super) fn estrange(&mut self, now: Instant, policy: &Policy) {
        let probed = self.estranged.as_ref().is_some_and(|estranged| estranged.probed);
        self.estranged = Some(Estranged { look_at: now + policy.pause(0), looks: 1, probed, heard: false });
    }

    pub(super) fn is_estranged(&self) -> bool {
        self.estranged.is_some()
    }

    /// The claim is still held. Whether to dial the host: it may have lost no more than its connection.
    pub(super) fn still_held(&mut self) -> bool {
        self.estranged.as_mut().is_some_and(|estranged| !std::mem::replace(&mut estranged.probed, true))
    }

    pub(super) fn timeout(&self, policy: &Policy) -> Instant {
        let silence = match &self.suspicion {
            None => self.heard + policy.suspicion(),
            Some(suspicion) => suspicion.tick.min(suspicion.since + policy.patience()),
        };
        self.estranged.as_ref().map_or(silence, |estranged| estranged.look_at.min(silence))
    }

    pub(super) fn handle_timeout(&mut self, now: Instant, policy: &Policy) -> Due {
        match &mut self.suspicion {
            None if now >= self.heard + policy.suspicion() => {
                self.suspicion = Some(Suspicion { since: now, tick: now + policy.tick() });
                return Due::LookAndProbe;
            }
            None => {}
            Some(suspicion) => {
                suspicion.tick = now + policy.tick();
                if now >= suspicion.since + policy.patience() {
                    return Due::Depose;
                }
            }
        }
        match &mut self.estranged {
            Some(estranged) if now >= estranged.look_at => {
                let pause = policy.pause(estranged.looks);
                estranged.look_at = now + pause;
                estranged.looks += 1;
                if estranged.heard && pause >= policy.beat {
                    self.estranged = None;
                }
                Due::Look
            }
            _ => Due::Nothing,
        }
    }
}
