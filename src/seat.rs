//! Taking a seat.

use std::process;
use std::time::Duration;

use ipchannel_core::{Endpoint, Identity, Incarnation, Lineage, Member, PeerId, PeerRef};
use ipchannel_election::claims::{Claim, Held, Name, Taken};
use ipchannel_election::seat::{Choice, SeatView, Seating, Wish};
use tokio::time::Instant;

use crate::event::{Disconnected, Event};
use crate::node::{Node, Phase};

/// How long to wait before looking again at a seat that is held, or at claims that could not be read.
const PAUSE: Duration = Duration::from_millis(20);

/// What this process brings along to a seat.
pub(crate) struct Seats {
    pub(crate) wish: Wish,
    pub(crate) executable: String,
}

impl Seats {
    /// Takes the seat that is ours, or the lowest that is free. `None`: the identity we must have is held, as the phase
    /// and the events then say.
    pub(crate) async fn take(&self, node: &Node, endpoint: &Endpoint) -> Option<(Member, Box<dyn Held>)> {
        let until = Instant::now() + node.config.identity_deadline;
        let seating = Seating::new(self.wish.clone(), until.into_std());
        loop {
            let claims = match node.claims.look_all() {
                Ok(claims) => claims,
                Err(error) => {
                    node.trouble(&error);
                    tokio::time::sleep(PAUSE).await;
                    continue;
                }
            };
            let seats: Vec<SeatView> = claims.iter().filter_map(seat_view).collect();
            match seating.choose(Instant::now().into_std(), &seats) {
                Choice::Take { id, identity } => {
                    let member = |number| self.member(id, number, identity.clone(), endpoint);
                    match node.claims.take(Name::Seat(id), None, &member) {
                        Ok(Taken::Won(held)) => return Some((member(held.number()), held)),
                        // Somebody was faster: on to the next.
                        Ok(Taken::Lost) => tokio::task::yield_now().await,
                        Err(error) => {
                            node.trouble(&error);
                            tokio::time::sleep(PAUSE).await;
                        }
                    }
                }
                Choice::Wait { .. } => tokio::time::sleep(PAUSE).await,
                Choice::Held { by } => {
                    self.give_up(node, by);
                    return None;
                }
            }
        }
    }

    fn member(&self, id: PeerId, number: u64, identity: Option<Identity>, endpoint: &Endpoint) -> Member {
        let lineage = match &identity {
            Some(identity) => Lineage::of_identity(identity),
            None => Lineage::of_executable(&self.executable),
        };
        let peer = PeerRef { id, incarnation: Incarnation(number) };
        Member { peer, lineage, identity, endpoint: endpoint.clone(), pid: process::id() }
    }

    fn give_up(&self, node: &Node, by: PeerRef) {
        let Wish::Require(identity) = &self.wish else { return };
        let text = format!("the identity `{identity}` is held by peer {}: end that process, or choose another", by.id);
        node.phase.send_replace(Phase::IdentityHeld(text));
        node.events.send(Event::Disconnected { reason: Disconnected::IdentityHeld(identity.clone()) });
    }
}

fn seat_view(claim: &Claim) -> Option<SeatView> {
    matches!(claim.name, Name::Seat(_)).then(|| SeatView {
        peer: claim.holder.peer,
        identity: claim.holder.identity.clone(),
        alive: claim.liveness.is_held(),
    })
}
