use std::collections::HashMap;
use std::sync::Mutex;
use std::time::Duration;

use futures_util::FutureExt;
use tokio_test::{assert_pending, task};
use tower::ServiceExt;
use tower_layer::Identity;

use super::testing::*;
use super::*;
use crate::error::Reason;
use crate::layer::probe::{Control, OPEN};
use crate::peer::{Incarnation, PeerRef};

/// A channel of some members, with a link to each that is made on demand.
#[derive(Clone, Default)]
struct World(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    me: Option<PeerId>,
    members: Vec<(PeerId, Lineage)>,
    links: HashMap<PeerId, Control<Envelope>>,
    room: usize,
}

fn peer(number: u32) -> PeerId {
    PeerId::new(number).unwrap()
}

fn lineage(number: u32) -> Lineage {
    Lineage::from_text(format!("program {number}"))
}

impl World {
    /// A router of peer 2, which knows nobody yet, with this much room for each peer.
    fn router(room: usize) -> (Router, World) {
        let (router, driver, world) = World::router_and_driver(room);
        tokio::spawn(driver);
        (router, world)
    }

    fn router_and_driver(room: usize) -> (Router, RouterDriver, World) {
        let world = World::default();
        world.0.lock().unwrap().room = room;
        let make = {
            let world = world.clone();
            move |seat| world.make(seat)
        };
        let (router, driver) = Router::new(world.clone(), make, Limits { messages: 2, bytes: 1000 });
        (router, driver, world)
    }

    fn make(&self, seat: PeerId) -> Outbox {
        let mut state = self.0.lock().unwrap();
        let (link, control) = link(OPEN);
        assert!(state.links.insert(seat, control).is_none(), "made once");
        let (outbox, driver) = Outbox::new(peer_stack(link, Identity::new(), 1000), ledger(state.room));
        tokio::spawn(driver);
        outbox
    }

    /// From now on peers 3, 2 and 1 are here.
    fn populate(&self) {
        let mut state = self.0.lock().unwrap();
        state.me = Some(peer(2));
        state.members = [3, 1, 2].into_iter().map(|number| (peer(number), lineage(number))).collect();
    }

    fn link(&self, number: u32) -> Control<Envelope> {
        self.0.lock().unwrap().links[&peer(number)].clone()
    }

    async fn came_to(&self, number: u32) -> Vec<u64> {
        settle_down().await;
        numbers(&self.link(number))
    }

    async fn settle_all(&self) {
        settle_down().await;
        for link in self.0.lock().unwrap().links.values() {
            link.calls().into_iter().for_each(|envelope| envelope.ticket.unwrap().settle(Ok(())));
        }
    }
}

impl Members for World {
    fn me(&self) -> Option<PeerId> {
        self.0.lock().unwrap().me
    }

    fn members(&self) -> Vec<(PeerId, Lineage)> {
        self.0.lock().unwrap().members.clone()
    }

    fn lineage(&self, seat: PeerId) -> Option<Lineage> {
        let state = self.0.lock().unwrap();
        state.members.iter().find(|(id, _)| *id == seat).map(|(_, lineage)| lineage.clone())
    }
}

fn to(number: u32, message: u64) -> Envelope {
    numbered(Target::Peer(peer(number)), message)
}

fn to_all(message: u64) -> Envelope {
    numbered(Target::All, message)
}

fn to_others(message: u64) -> Envelope {
    numbered(Target::Others, message)
}

fn one(delivery: Delivery) -> Receipt {
    match delivery {
        Delivery::One(receipt) => receipt,
        Delivery::Many(_) => panic!("one was meant"),
    }
}

fn many(delivery: Delivery) -> Broadcast {
    match delivery {
        Delivery::Many(broadcast) => broadcast,
        Delivery::One(_) => panic!("many were meant"),
    }
}

#[tokio::test]
async fn messages_keep_their_order_for_each_receiver_before_and_after_the_router_opens() {
    let (router, world) = World::router(100);
    let send = |envelope| drop(router.try_send(envelope).unwrap());
    send(to(1, 1));
    send(to_all(2));
    send(to(1, 3));
    send(to(4, 4));
    send(to_others(5));
    send(to(2, 6));
    assert_eq!(world.came_to(1).await, []);
    world.populate();
    router.open();
    send(to(1, 7));
    send(to_all(8));
    send(to(4, 9));
    assert_eq!(world.came_to(1).await, [1, 2, 3, 5, 7, 8]);
    assert_eq!(world.came_to(2).await, [2, 6, 8]);
    assert_eq!(world.came_to(3).await, [2, 5, 8]);
    assert_eq!(world.came_to(4).await, [4, 9], "who is no member hears no broadcast");
}

#[tokio::test]
async fn a_broadcast_tells_what_became_of_it_for_each_recipient_and_reaches_who_has_room() {
    let (router, world) = World::router(1);
    world.populate();
    router.open();
    drop(router.try_send(to(2, 0)).unwrap());
    let mut broadcast = task::spawn(many(router.try_send(to_all(1)).unwrap()));
    assert_pending!(broadcast.poll());
    assert_eq!(world.came_to(2).await, [0]);
    world.link(1).calls()[0].ticket.as_ref().unwrap().settle(Ok(()));
    assert_pending!(broadcast.poll());
    let gone = certainly(Reason::PeerGone(peer(3)));
    assert_eq!(world.came_to(3).await, [1]);
    world.link(3).calls()[0].ticket.as_ref().unwrap().settle(Err(gone.clone()));
    assert!(broadcast.is_woken());
    let full = certainly(Reason::NotAccepted(SendError::Full));
    assert_eq!(broadcast.await, Ok(vec![(peer(1), Ok(())), (peer(2), Err(full)), (peer(3), Err(gone))]));
}

#[tokio::test]
async fn a_broadcast_from_before_the_router_opened_tells_it_too() {
    let (router, world) = World::router(10);
    let mut broadcast = task::spawn(many(router.try_send(to_others(1)).unwrap()));
    assert_pending!(broadcast.poll());
    world.populate();
    router.open();
    assert!(broadcast.is_woken());
    assert_pending!(broadcast.poll());
    world.settle_all().await;
    assert_eq!(broadcast.await, Ok(vec![(peer(1), Ok(())), (peer(3), Ok(()))]));
}

#[tokio::test]
async fn before_the_router_opens_room_is_limited_for_each_peer_and_for_broadcasts() {
    let (router, world) = World::router(1);
    drop(router.try_send(to(1, 1)).unwrap());
    let (error, envelope) = router.try_send(to(1, 2)).unwrap_err();
    assert_eq!((error, number(&envelope), envelope.ticket.is_none()), (SendError::Full, 2, true));
    drop(router.try_send(to(3, 3)).unwrap());
    (4..6).for_each(|number| drop(router.try_send(to_all(number)).unwrap()));
    assert_eq!(router.try_send(to_all(6)).unwrap_err().0, SendError::Full);
    // Who waits for room gets it when the router opens, and then the broadcast goes its way.
    let mut waiting = task::spawn(router.send_wait(to_all(7)));
    assert_pending!(waiting.poll());
    world.populate();
    router.open();
    assert!(waiting.is_woken());
    assert_pending!(waiting.poll());
    for _ in 0..4 {
        world.settle_all().await;
        if waiting.is_woken() && waiting.poll().is_ready() {
            break;
        }
    }
    assert_eq!(world.came_to(2).await, [4, 7], "there was no room for 5");
}

#[tokio::test(start_paused = true)]
async fn messages_expire_before_the_router_opens() {
    let (router, world) = World::router(10);
    let receipt = one(router.try_send(within(3, to(1, 1))).unwrap());
    let broadcast = many(router.try_send(within(2, to_all(2))).unwrap());
    let lasting = one(router.try_send(to(1, 3)).unwrap());
    let late = certainly(Reason::Deadline);
    assert_eq!(broadcast.await, Err(late.clone()));
    assert_eq!(receipt.await, Err(late));
    world.populate();
    router.open();
    assert_eq!(world.came_to(1).await, [3]);
    assert!(lasting.now_or_never().is_none());
}

#[tokio::test(start_paused = true)]
async fn without_its_driver_messages_expire_when_the_router_opens() {
    let (router, driver, world) = World::router_and_driver(10);
    drop(driver);
    let receipt = one(router.try_send(within(1, to(1, 1))).unwrap());
    let broadcast = many(router.try_send(within(1, to_others(2))).unwrap());
    tokio::time::advance(Duration::from_secs(2)).await;
    world.populate();
    router.open();
    let late = certainly(Reason::Deadline);
    assert_eq!(receipt.await, Err(late.clone()));
    assert_eq!(broadcast.await, Ok(vec![(peer(1), Err(late.clone())), (peer(3), Err(late))]));
    assert_eq!(world.came_to(1).await, []);
}

#[tokio::test]
async fn the_driver_ends_when_the_router_opens_or_is_dropped() {
    let (router, driver, _world) = World::router_and_driver(10);
    let mut driver = task::spawn(driver);
    assert_pending!(driver.poll());
    let clone = router.clone();
    router.open();
    assert!(driver.is_woken() && driver.poll().is_ready());
    drop((router, clone));

    let (router, driver, _world) = World::router_and_driver(10);
    let mut driver = task::spawn(driver);
    assert_pending!(driver.poll());
    let receipt = one(router.try_send(to(1, 1)).unwrap());
    let broadcast = many(router.try_send(to_all(2)).unwrap());
    drop(router);
    assert!(driver.is_woken() && driver.poll().is_ready());
    let closed = certainly(Reason::Closed);
    assert_eq!((receipt.await, broadcast.await), (Err(closed.clone()), Err(closed)));
}

#[tokio::test]
async fn a_message_to_a_seat_is_for_the_lineage_that_holds_it() {
    let (router, world) = World::router(10);
    let early = to(1, 0);
    drop(router.try_send(early).unwrap());
    world.populate();
    router.open();
    drop(router.try_send(to(1, 1)).unwrap());
    drop(router.try_send(to(4, 2)).unwrap());
    drop(router.try_send(to_others(3)).unwrap());
    drop(router.try_send(Envelope { lineage: Some(lineage(9)), ..to(1, 4) }).unwrap());
    let member = PeerRef { id: peer(1), incarnation: Incarnation(7) };
    drop(router.try_send(numbered(Target::Member(member), 5)).unwrap());
    settle_down().await;
    let came = |number| world.link(number).calls().into_iter().map(|envelope| (envelope.target, envelope.lineage));
    let (seat, own) = (Target::Peer(peer(1)), Some(lineage(1)));
    let expected = [
        (seat, own.clone()),
        (seat, own.clone()),
        (seat, own),
        (seat, Some(lineage(9))),
        (Target::Member(member), None),
    ];
    assert!(came(1).eq(expected));
    assert!(came(3).eq([(Target::Peer(peer(3)), Some(lineage(3)))]));
    assert!(came(4).eq([(Target::Peer(peer(4)), None)]));
}

#[tokio::test]
async fn what_was_sent_before_an_early_close_goes_out_when_the_router_opens() {
    let (router, world) = World::router(10);
    drop(router.try_send(to(1, 1)).unwrap());
    drop(router.try_send(to_all(2)).unwrap());
    let outbox = router.outbox(peer(1)).unwrap();
    router.close();
    for envelope in [to(1, 3), to(4, 3), to_all(3)] {
        assert_eq!(router.try_send(envelope.clone()).unwrap_err().0, SendError::Closed);
        assert_eq!(router.send_wait(envelope).await.unwrap_err().0, SendError::Closed);
    }
    world.populate();
    router.open();
    assert_eq!(world.came_to(1).await, [1, 2]);
    assert_eq!(world.came_to(3).await, [2]);
    assert!(router.outbox(peer(1)).is_none());
    assert_eq!(outbox.try_send(to(1, 4)).unwrap_err().0, SendError::Closed);
}

#[tokio::test]
async fn giving_up_hands_back_what_is_held() {
    let (router, _world) = World::router(10);
    let receipt = one(router.try_send(to(1, 1)).unwrap());
    let broadcast = many(router.try_send(to_all(2)).unwrap());
    let left = router.give_up();
    let closed = certainly(Reason::Closed);
    assert_eq!(left.iter().map(|(envelope, _)| number(envelope)).collect::<Vec<_>>(), [1, 2]);
    assert!(left.iter().all(|(_, fate)| *fate == closed));
    assert_eq!((receipt.await, broadcast.await), (Err(closed.clone()), Err(closed)));
    assert!(router.give_up().is_empty());
}

#[tokio::test]
async fn who_waits_for_room_gets_it_for_one_and_for_many() {
    let (router, world) = World::router(1);
    world.populate();
    router.open();
    drop(router.try_send(to(1, 1)).unwrap());
    let mut to_one = task::spawn(router.send_wait(to(1, 2)));
    assert_pending!(to_one.poll());
    let mut broadcast = task::spawn(router.send_wait(to_all(3)));
    assert_pending!(broadcast.poll());
    assert_eq!(world.came_to(3).await, [3], "one that is slow does not keep it from the others");
    world.settle_all().await;
    assert!(to_one.is_woken());
    let receipt = one(to_one.await.unwrap());
    assert_pending!(broadcast.poll());
    world.settle_all().await;
    assert_eq!(receipt.await, Ok(()));
    let outcome = many(broadcast.await.unwrap());
    world.settle_all().await;
    assert_eq!(outcome.await, Ok((1..=3).map(|number| (peer(number), Ok(()))).collect()));
    assert_eq!(world.came_to(1).await, [1, 2, 3]);
}

#[tokio::test]
async fn as_a_service_it_is_always_ready_and_says_full() {
    let (mut router, _world) = World::router(1);
    assert!(matches!(router.ready().await.unwrap().call(to(1, 1)).await, Ok(Delivery::One(_))));
    assert_eq!(router.ready().await.unwrap().call(to(1, 2)).await.unwrap_err(), SendError::Full);
    assert!(matches!(router.ready().await.unwrap().call(to_all(3)).await, Ok(Delivery::Many(_))));
}

/// Many tasks send while the router opens. A message's number holds its sender and its place.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn senders_in_many_tasks_see_their_order_kept_while_the_router_opens() {
    const SENDERS: u64 = 4;
    const EACH: u64 = 200;
    let seed = fastrand::u64(..);
    println!("seed {seed}");
    let rng = &mut fastrand::Rng::with_seed(seed);
    for _ in 0..40 {
        let (router, world) = World::router(10_000);
        world.populate();
        let senders = (0..SENDERS).map(|sender| {
            let (router, mut rng) = (router.clone(), rng.fork());
            tokio::spawn(async move {
                let mut expected: HashMap<u32, Vec<u64>> = HashMap::new();
                for place in 0..EACH {
                    let number = sender * EACH + place;
                    let (envelope, receivers) = match rng.u32(..6) {
                        0 => (to_all(number), 1..4),
                        seat => (to(seat % 3 + 1, number), seat % 3 + 1..seat % 3 + 2),
                    };
                    if rng.bool() {
                        tokio::task::yield_now().await;
                    }
                    // Room for broadcasts is scarce before the router opens.
                    drop(router.send_wait(envelope).await.unwrap());
                    receivers.for_each(|seat| expected.entry(seat).or_default().push(number));
                }
                (sender, expected)
            })
        });
        let senders: Vec<_> = senders.collect();
        for _ in 0..rng.u32(..30) {
            tokio::task::yield_now().await;
        }
        router.open();
        let mut all = Vec::new();
        for sender in senders {
            all.push(tokio::time::timeout(Duration::from_secs(60), sender).await.expect("stuck").unwrap());
        }
        for seat in 1..4 {
            let count = all.iter().map(|(_, expected)| expected[&seat].len()).sum::<usize>();
            let link = world.link(seat);
            tokio::time::timeout(Duration::from_secs(60), async {
                while numbers(&link).len() < count {
                    tokio::task::yield_now().await;
                }
            })
            .await
            .expect("some are missing");
            let came = numbers(&link);
            for (sender, expected) in &all {
                let from_sender = came.iter().copied().filter(|number| number / EACH == *sender);
                assert!(from_sender.eq(expected[&seat].iter().copied()), "seed {seed}: sender {sender} to {seat}");
            }
        }
    }
}
