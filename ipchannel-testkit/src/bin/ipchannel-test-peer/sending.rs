//! The messages that are sent, and what becomes of them.

use std::time::Duration;

use ipchannel::{All, Broadcast, Channel, Error, Others, Reason, Receipt, Undelivered};
use ipchannel_testkit::protocol::{Fate, Outcome, Report, Sending, To, Why};
use tokio::sync::{mpsc, watch};
use tokio_util::task::TaskTracker;

use crate::out::Out;

/// What tells the fate of a message: to one, or to many.
enum Pending {
    One(u32, Receipt),
    Many(Broadcast),
}

pub(crate) fn start(tasks: &TaskTracker, channel: Channel, sending: Sending, halted: watch::Receiver<u32>, out: Out) {
    let (sender, receiver) = mpsc::unbounded_channel();
    let (to, series) = (sending.to, sending.series);
    let told = out.clone();
    tasks.spawn(async move {
        let last = send(&channel, sending, halted, sender).await;
        drop(channel);
        told.tell(Report::Sent { to, series, last });
    });
    tasks.spawn(async move {
        settle(receiver, series, &out).await;
        out.tell(Report::AllSettled { to, series });
    });
}

/// Sends to the end, and returns the last number that was accepted.
async fn send(
    channel: &Channel,
    sending: Sending,
    mut halted: watch::Receiver<u32>,
    pending: mpsc::UnboundedSender<(u64, Pending)>,
) -> u64 {
    let padding = "x".repeat(sending.padding);
    let mut ticks = (sending.every_us > 0).then(|| tokio::time::interval(Duration::from_micros(sending.every_us)));
    let numbers = sending.first..sending.count.map_or(u64::MAX, |count| sending.first + count);
    let mut last = sending.first - 1;
    for number in numbers {
        let message = (sending.series, number, padding.as_str());
        let sent = tokio::select! {
            biased;
            _ = halted.changed() => return last,
            sent = send_one(channel, &sending, &message, ticks.as_mut()) => sent,
        };
        match sent {
            Ok(receipt) => {
                let _ = pending.send((number, receipt));
                last = number;
            }
            Err(error) if error.is_closed() => return last,
            Err(error) => panic!("cannot send: {error}"),
        }
        tokio::task::coop::consume_budget().await;
    }
    last
}

async fn send_one(
    channel: &Channel,
    sending: &Sending,
    message: &(u32, u64, &str),
    ticks: Option<&mut tokio::time::Interval>,
) -> Result<Pending, Error> {
    let deadline = Duration::from_millis(sending.deadline_ms);
    if let Some(ticks) = ticks {
        ticks.tick().await;
    }
    match sending.to {
        To::Peer(id) => {
            let receipt = channel.to(id).deadline(deadline).send_wait(message).await?;
            Ok(Pending::One(id, receipt))
        }
        To::All => Ok(Pending::Many(channel.to(All).deadline(deadline).send(message)?)),
        To::Others => Ok(Pending::Many(channel.to(Others).deadline(deadline).send(message)?)),
    }
}

/// Tells the fate of each, in the order they were sent.
async fn settle(mut pending: mpsc::UnboundedReceiver<(u64, Pending)>, series: u32, out: &Out) {
    while let Some((number, pending)) = pending.recv().await {
        let fate = |to, result: Result<(), Undelivered>| Fate { to, series, outcome: outcome(result) };
        match pending {
            Pending::One(to, receipt) => out.settled(fate(to, receipt.await), number),
            Pending::Many(broadcast) => match broadcast.await {
                Ok(outcomes) => {
                    outcomes.into_iter().for_each(|(to, result)| out.settled(fate(to.get(), result), number))
                }
                Err(error) => out.settled(fate(0, Err(error)), number),
            },
        }
    }
}

fn outcome(result: Result<(), Undelivered>) -> Outcome {
    match result {
        Ok(()) => Outcome::Delivered,
        Err(Undelivered::NotDelivered(reason)) => Outcome::NotDelivered(why(&reason)),
        Err(Undelivered::Unknown(reason)) => Outcome::Unknown(why(&reason)),
    }
}

fn why(reason: &Reason) -> Why {
    match reason {
        Reason::Deadline => Why::Deadline,
        Reason::PeerReplaced(_) => Why::PeerReplaced,
        Reason::PeerGone(_) => Why::PeerGone,
        Reason::Closed => Why::Closed,
        Reason::NotAccepted(_) => Why::NotAccepted,
        Reason::Layer(_) => Why::Layer,
        other => panic!("a reason nobody knows here: {other}"),
    }
}
