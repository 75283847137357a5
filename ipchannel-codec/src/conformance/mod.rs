//! Checks that a [`Wire`] keeps its contract: for those who write one.
//!
//! ```
//! # use ipchannel_codec::Native;
//! #[tokio::test(start_paused = true)]
//! async fn the_wire_keeps_its_contract() {
//!     ipchannel_codec::conformance::check(&Native::default()).await;
//! }
//! ```

mod ends;
mod frames;
mod script;

use std::future::Future;

use futures_util::future::{join, join3, select};
use ipchannel_core::Incarnation;
use ipchannel_core::frame::{Frame, Refusal, Seq};
use ipchannel_core::link::Violation;
use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

use crate::wire::{Ended, Wire, WireError};

pub(crate) use ends::Ends;

/// Runs all checks, over streams in memory that hold from one byte to plenty.
///
/// Run it with the clock paused (`#[tokio::test(start_paused = true)]`), since it waits for timeouts.
///
/// # Panics
/// The wire breaks its contract; the message says how.
pub async fn check<W: Wire>(wire: &W) {
    for capacity in [1, 7, 64, 4096, 256 * 1024] {
        everything_arrives_in_order_both_ways(wire, capacity).await;
        either_end_may_close_after_its_last_word(wire, capacity).await;
    }
    what_is_said_late_is_carried_at_once(wire).await;
    hello_and_welcome_arrive_as_they_were_said(wire).await;
    every_refusal_reaches_the_dialling_end(wire).await;
    a_broken_rule_ends_the_connection(wire).await;
    a_dropped_end_ends_the_other(wire).await;
    a_silent_end_is_given_up(wire).await;
    noise_ends_the_connection(wire).await;
}

/// Both ends say more than the stream holds before either hears anything.
async fn everything_arrives_in_order_both_ways<W: Wire>(wire: &W, capacity: usize) {
    let ends = Ends::new(capacity);
    // Where the stream carries a byte at a time, large messages would only take time.
    let count = if capacity < 64 { 40 } else { 200 };
    let there = frames::from_the_dialling_end(count);
    let back = frames::from_the_accepting_end(count);
    ends.dialled.say(there.clone());
    ends.accepted.say(back.clone());
    let watch = async {
        let (heard_there, heard_back) = join(ends.accepted.hear(there.len()), ends.dialled.hear(back.len())).await;
        ends.dialled.finish();
        (heard_there, heard_back)
    };
    let (connect, accept, (heard_there, heard_back)) = join3(ends.connect(wire), ends.accept(wire), watch).await;
    frames::assert_same(&heard_there, &there);
    frames::assert_same(&heard_back, &back);
    assert!(matches!(connect, Ok(Ended::Here)), "the end that closed: {connect:?}");
    assert!(matches!(accept, Ok(Ended::Peer)), "the other end: {accept:?}");
    assert_eq!(ends.sessions(), (0, 0), "the sessions are dropped when the connection has ended");
}

async fn either_end_may_close_after_its_last_word<W: Wire>(wire: &W, capacity: usize) {
    for dialling in [true, false] {
        let ends = Ends::new(capacity);
        let (closing, other, words) = match dialling {
            true => (&ends.dialled, &ends.accepted, frames::from_the_dialling_end(20)),
            false => (&ends.accepted, &ends.dialled, frames::from_the_accepting_end(20)),
        };
        closing.say(words.clone());
        closing.say([Frame::Bye(Seq(7))]);
        closing.finish();
        let (connect, accept) = join(ends.connect(wire), ends.accept(wire)).await;
        let (closed, ended) = if dialling { (connect, accept) } else { (accept, connect) };
        assert!(matches!(closed, Ok(Ended::Here)), "the end that closed: {closed:?}");
        assert!(matches!(ended, Ok(Ended::Peer)), "the other end: {ended:?}");
        let mut heard = other.heard();
        assert!(matches!(heard.pop(), Some(Frame::Bye(Seq(7)))), "the last word is heard");
        frames::assert_same(&heard, &words);
    }
}

/// A session that had nothing to say is asked again when it wakes the wire, and is asked after each batch.
async fn what_is_said_late_is_carried_at_once<W: Wire>(wire: &W) {
    let ends = Ends::new(4096);
    ends.accepted.acknowledge();
    let talk = async {
        for (number, frame) in (1..).zip(frames::data(100)) {
            ends.dialled.say([frame]);
            ends.accepted.hear(1).await;
            let heard = ends.dialled.hear(1).await;
            assert!(matches!(heard[..], [Frame::Ack(ack)] if ack.cursor == Seq(number)), "{heard:?}");
        }
        ends.accepted.finish();
    };
    let (connect, accept, ()) = join3(ends.connect(wire), ends.accept(wire), talk).await;
    assert!(matches!((&connect, &accept), (Ok(Ended::Peer), Ok(Ended::Here))), "{connect:?}, {accept:?}");
}

async fn hello_and_welcome_arrive_as_they_were_said<W: Wire>(wire: &W) {
    for hello in frames::hellos() {
        let mut ends = Ends::new(64);
        ends.hello = hello.clone();
        ends.dialled.finish();
        let (connect, accept) = join(ends.connect(wire), ends.accept(wire)).await;
        assert!(matches!((&connect, &accept), (Ok(Ended::Here), Ok(Ended::Peer))), "{connect:?}, {accept:?}");
        assert_eq!(ends.heard_hello(), Some(hello));
        assert_eq!(ends.heard_welcome(), ends.acceptor.answer.ok());
    }
}

async fn every_refusal_reaches_the_dialling_end<W: Wire>(wire: &W) {
    for refusal in [
        Refusal::Version,
        Refusal::Channel,
        Refusal::Destination,
        Refusal::Unknown,
        Refusal::Superseded(Incarnation(u64::MAX)),
        Refusal::Attempt,
        Refusal::Leaving,
        Refusal::Busy,
    ] {
        let mut ends = Ends::new(64);
        ends.acceptor.answer = Err(refusal);
        let (connect, accept) = join(ends.connect(wire), ends.accept(wire)).await;
        assert!(matches!(connect, Err(WireError::Refused(heard)) if heard == refusal), "{refusal:?}: {connect:?}");
        assert!(matches!(accept, Ok(Ended::Refused(said)) if said == refusal), "{refusal:?}: {accept:?}");
        assert_eq!(ends.heard_welcome(), None);
    }
}

async fn a_broken_rule_ends_the_connection<W: Wire>(wire: &W) {
    let ends = Ends::new(4096);
    ends.accepted.object();
    ends.dialled.say(frames::data(1));
    let (connect, accept) = join(ends.connect(wire), ends.accept(wire)).await;
    assert!(matches!(accept, Err(WireError::Violation(Violation::Direction))), "{accept:?}");
    assert!(!matches!(connect, Ok(Ended::Here)), "{connect:?}");
    assert_eq!(ends.sessions(), (0, 0));
}

async fn a_dropped_end_ends_the_other<W: Wire>(wire: &W) {
    for dialling in [true, false] {
        let ends = Ends::new(4096);
        ends.dialled.say(frames::from_the_dialling_end(10));
        ends.accepted.say(frames::from_the_accepting_end(10));
        let watch = Box::pin(join(ends.dialled.hear(1), ends.accepted.hear(1)));
        let (connect, accept) = (Box::pin(ends.connect(wire)), Box::pin(ends.accept(wire)));
        let (dropped, kept, outcome) = match dialling {
            true => (&ends.dialled, &ends.accepted, join(until(watch, connect), accept).await.1),
            false => (&ends.accepted, &ends.dialled, join(until(watch, accept), connect).await.1),
        };
        dropped.ended().await;
        kept.ended().await;
        assert!(!matches!(outcome, Ok(Ended::Here)), "{outcome:?}");
    }
}

/// Runs `future` until `watch` is ready, and drops it.
async fn until(watch: impl Future + Unpin, future: impl Future + Unpin) {
    select(watch, future).await;
}

async fn a_silent_end_is_given_up<W: Wire>(wire: &W) {
    let ends = Ends::new(64);
    let (io, _silent) = duplex(64 * 1024);
    let outcome = ends.connect_over(wire, io).await;
    assert!(matches!(outcome, Err(WireError::HelloTimeout)), "{outcome:?}");
    let (io, _silent) = duplex(64 * 1024);
    let outcome = ends.accept_over(wire, io).await;
    assert!(matches!(outcome, Err(WireError::HelloTimeout)), "{outcome:?}");
    assert_eq!(ends.sessions(), (0, 0));
}

/// What follows is not what any wire says first.
async fn noise_ends_the_connection<W: Wire>(wire: &W) {
    let noise: Vec<u8> = (0..4096_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let ends = Ends::new(64);
    for dialling in [true, false] {
        let (io, mut stranger) = duplex(64 * 1024);
        let speak = async {
            // It may be cut off before it has said everything.
            let _ = stranger.write_all(&noise).await;
            let _ = stranger.read_to_end(&mut Vec::new()).await;
        };
        let outcome = match dialling {
            true => join(ends.connect_over(wire, io), speak).await.0,
            false => join(ends.accept_over(wire, io), speak).await.0,
        };
        assert!(outcome.is_err(), "noise was taken for a greeting: {outcome:?}");
        assert_eq!(ends.sessions(), (0, 0));
    }
}
