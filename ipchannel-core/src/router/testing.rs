//! What the tests of outboxes and of the router share.

use std::collections::BTreeSet;
use std::time::Duration;

use futures_util::FutureExt;
use tower::ServiceExt;
use tower::util::BoxService;

use crate::envelope::{CodecId, Envelope, Payload, Target};
use crate::error::{Reason, Undelivered};
use crate::layer::now;
use crate::layer::probe::{Control, Failure, probe};
use crate::peer::PeerId;
use crate::receipt::{Ledger, Limits, Receipt};

pub(super) const ROOMY: Limits = Limits { messages: 1000, bytes: 1 << 20 };

pub(super) fn ledger(messages: usize) -> Ledger {
    Ledger::new(Limits { messages, ..ROOMY })
}

/// A link that takes what the control allows, and what was taken.
pub(super) fn link(allowed: usize) -> (BoxService<Envelope, Receipt, Undelivered>, Control<Envelope>) {
    let (service, control) = probe::<Envelope>(allowed);
    let receipt = |envelope: Envelope| envelope.ticket.unwrap().receipt();
    (service.map_response(receipt).map_err(Undelivered::from).boxed(), control)
}

/// A message of a number.
pub(super) fn numbered(target: Target, number: u64) -> Envelope {
    let data = number.to_be_bytes().to_vec().into();
    Envelope::new(target, "event", Payload { codec: CodecId(0), data })
}

pub(super) fn to_first(number: u64) -> Envelope {
    numbered(Target::Peer(PeerId::FIRST), number)
}

pub(super) fn within(seconds: u64, envelope: Envelope) -> Envelope {
    Envelope { deadline: Some(now() + Duration::from_secs(seconds)), ..envelope }
}

pub(super) fn number(envelope: &Envelope) -> u64 {
    u64::from_be_bytes(envelope.payload.data[..].try_into().unwrap())
}

/// The numbers that came through, in order.
pub(super) fn numbers(control: &Control<Envelope>) -> Vec<u64> {
    control.calls().iter().map(number).collect()
}

pub(super) fn certainly(reason: Reason) -> Undelivered {
    Undelivered::NotDelivered(reason)
}

pub(super) fn plain(text: &'static str) -> (Failure, Undelivered) {
    (Failure::Plain(text), certainly(Reason::Layer(text.into())))
}

/// What it says now, if it says anything.
pub(super) fn outcome(receipt: Receipt) -> Option<Result<(), Undelivered>> {
    receipt.now_or_never()
}

/// Lets the other tasks run until they have nothing more to do. Only where there is one thread.
pub(super) async fn settle_down() {
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
}

/// Of each message one thing has become.
pub(super) fn assert_partition(all: u64, parts: &[&[u64]]) {
    let count: usize = parts.iter().map(|part| part.len()).sum();
    let set: BTreeSet<u64> = parts.iter().flat_map(|part| part.iter().copied()).collect();
    assert_eq!((set.len(), count), (all as usize, all as usize), "{parts:?}");
}
