//! Ends that say anything at all: whoever hears it neither panics nor loses count.

use std::sync::Arc;
use std::task::{Context, Waker};
use std::time::{Duration, Instant};

use fastrand::Rng;
use tower_service::Service;

use super::fixture::{Frames, Kept, beat, ledger, member, message, peer};
use super::{Accept, Dial, Inlets, Link, Policy, Session, Violation};
use crate::frame::{Credit, Data, Frame, Hello, Origin, PROTOCOL_VERSION, Purpose, Seq, Welcome};
use crate::receipt::Limits;

const LIMITS: Limits = Limits { messages: 5, bytes: 200 };

fn seq(rng: &mut Rng) -> Seq {
    Seq(match rng.u32(0..8) {
        0 => u64::MAX - rng.u64(0..3),
        1 => rng.u64(..),
        _ => rng.u64(0..8),
    })
}

fn welcome(rng: &mut Rng) -> Welcome {
    let credit = match rng.u32(0..4) {
        0 => Credit { messages: u32::MAX, bytes: u64::MAX },
        _ => Credit { messages: rng.u32(0..5), bytes: rng.u64(0..100) },
    };
    Welcome { cursor: seq(rng), credit }
}

fn frame(rng: &mut Rng) -> Frame {
    match rng.u32(0..12) {
        0 => Frame::Bye(seq(rng)),
        1 => Frame::Control(beat(rng.u64(0..3))),
        2..7 => Frame::Ack(welcome(rng)),
        _ => {
            let ttl = [None, Some(Duration::ZERO), Some(Duration::MAX)][rng.usize(0..3)];
            let envelope = message(0, rng.usize(8..300));
            Frame::Data(Data { seq: seq(rng), redelivered: rng.bool(), ttl, envelope })
        }
    }
}

fn transmit(end: &impl Session, now: Instant, rng: &mut Rng) {
    let mut sink = Frames { room: rng.usize(1..5), ..Frames::new() };
    let _ = end.poll_transmit(&mut Context::from_waker(Waker::noop()), now, &mut sink);
}

fn seeds() -> impl Iterator<Item = (u64, Rng)> {
    (0..500).map(|_| fastrand::u64(..)).map(|seed| (seed, Rng::with_seed(seed)))
}

#[test]
fn a_link_survives_whatever_the_receiver_says() {
    let mut violations = 0;
    for (seed, mut rng) in seeds() {
        println!("seed {seed}");
        let ledger = ledger();
        let mut link = Link::new(Kept::new(peer(1, 1)), Policy::default(), ledger.clone());
        let (mut now, mut incarnation) = (Instant::now(), 1);
        for _ in 0..50 {
            let Ok(dialling) = link.begin(Origin::Member(peer(1, 1)), "", &member(2, incarnation, "a")) else {
                incarnation += 1;
                continue;
            };
            let said = if rng.bool() { Welcome { cursor: Seq(0), ..welcome(&mut rng) } } else { welcome(&mut rng) };
            let Ok(outlet) = dialling.welcomed(now, said) else { continue };
            for _ in 0..rng.usize(0..30) {
                now += Duration::from_millis(rng.u64(0..20));
                link.handle_timeout(now);
                let mut envelope = message(0, rng.usize(8..100));
                envelope.deadline = rng.bool().then(|| now + Duration::from_millis(rng.u64(0..50)));
                let _ = tokio_test::task::spawn(link.call(envelope)).poll();
                transmit(&outlet, now, &mut rng);
                if outlet.handle_frame(now, frame(&mut rng)).is_err() {
                    violations += 1;
                    break;
                }
            }
        }
        link.drain();
        assert_eq!(ledger.unsettled(), 0);
    }
    assert!(violations > 0);
}

#[test]
fn inlets_survive_whatever_a_sender_says_and_keep_to_their_limits() {
    let mut violations = 0;
    for (seed, mut rng) in seeds() {
        println!("seed {seed}");
        let process = Kept::new(peer(2, 1));
        let inlets = Inlets::new(process.clone(), "", LIMITS);
        let now = Instant::now();
        for _ in 0..50 {
            let from = match rng.u32(0..4) {
                0 => Origin::Guest(rng.u64(0..2)),
                _ => Origin::Member(peer(1, [1, 2, u64::MAX][rng.usize(0..3)])),
            };
            let attempt = if rng.u32(0..20) == 0 { u64::MAX } else { rng.u64(0..50) };
            let purpose = if rng.u32(0..5) == 0 { Purpose::Probe } else { Purpose::Link };
            let channel = String::new();
            let hello = Hello { version: PROTOCOL_VERSION, channel, from, to: peer(2, 1), attempt, purpose };
            let Ok((inlet, _)) = inlets.accept(now, &hello) else { continue };
            for _ in 0..rng.usize(0..30) {
                transmit(&inlet, now, &mut rng);
                match inlet.handle_frame(now, frame(&mut rng)) {
                    Ok(()) => {}
                    Err(Violation::Direction) if rng.bool() => {}
                    Err(_) => {
                        violations += 1;
                        break;
                    }
                }
            }
            let inbox = process.inbox.lock().unwrap();
            assert!(inbox.iter().filter(|delivery| delivery.from == from).count() <= LIMITS.messages);
            drop(inbox);
            if rng.bool() {
                drop(process.take_delivery());
            }
        }
    }
    assert!(violations > 0);
}

#[test]
fn two_connections_of_one_seat_never_deliver_out_of_order() {
    use std::sync::{Mutex, mpsc};

    use super::{Delivery, Process};
    use crate::frame::{Control, Refusal};
    use crate::peer::PeerRef;

    /// Takes the first message as slowly as it can without ever seeing the second before.
    struct Slow {
        slow: Mutex<Option<(mpsc::Sender<()>, mpsc::Receiver<()>)>>,
        order: Mutex<Vec<u64>>,
    }
    impl Process for Slow {
        fn me(&self) -> Option<PeerRef> {
            Some(peer(2, 1))
        }
        fn admit(&self, _: Origin) -> Result<(), Refusal> {
            Ok(())
        }
        fn connected(&self, _: Origin, _: bool) {}
        fn control(&self, _: Origin, _: Control) -> Option<Control> {
            None
        }
        fn deliver(&self, delivery: Delivery) {
            let slow = self.slow.lock().unwrap().take();
            if let Some((begun, overtaken)) = slow {
                begun.send(()).unwrap();
                let _ = overtaken.recv_timeout(Duration::from_millis(50));
            }
            self.order.lock().unwrap().push(super::fixture::number_of(&delivery.envelope));
        }
        fn leaving(&self, _: Origin) {}
        fn disconnected(&self, _: Origin, _: bool) {}
    }
    let ((begun, first_begun), (overtake, overtaken)) = (mpsc::channel(), mpsc::channel());
    let process = Arc::new(Slow { slow: Mutex::new(Some((begun, overtaken))), order: Mutex::default() });
    let inlets = Inlets::new(process.clone(), "", LIMITS);
    let connect = |attempt| {
        let (version, channel, purpose) = (PROTOCOL_VERSION, String::new(), Purpose::Link);
        let hello = Hello { version, channel, from: Origin::Member(peer(1, 1)), to: peer(2, 1), attempt, purpose };
        inlets.accept(Instant::now(), &hello).unwrap_or_else(|refusal| panic!("{refusal}"))
    };
    let send = |inlet: &super::Inlet, number: u64| {
        let data = Data { seq: Seq(number), redelivered: false, ttl: None, envelope: message(number, 8) };
        inlet.handle_frame(Instant::now(), Frame::Data(data)).unwrap();
    };
    std::thread::scope(|scope| {
        let (old, _) = connect(1);
        scope.spawn(move || send(&old, 1));
        first_begun.recv().unwrap();
        let (new, welcome) = connect(2);
        assert_eq!(welcome.cursor, Seq(1));
        send(&new, 2);
        let _ = overtake.send(());
    });
    assert_eq!(*process.order.lock().unwrap(), [1, 2]);
}
