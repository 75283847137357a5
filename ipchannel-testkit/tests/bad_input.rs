//! Bytes that no peer of ours would send, into the socket of a working channel.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::time::Duration;

use ipchannel_testkit::Stage;
use ipchannel_testkit::figures::{count, say};
use ipchannel_testkit::protocol::{Command, Seat, Sending, To};
use ipchannel_testkit::raw::{Hello, talk};

const PEER: &str = env!("CARGO_BIN_EXE_ipchannel-test-peer");
const SEED: u64 = 20_250_729;

/// How long the victim may take to end a connection: its own limit for a hello, and the rest of a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

/// How much memory may grow from one tenth of the cases to the end: what an allocator keeps.
const GROWTH_KIB: u64 = 8 * 1024;

#[test]
fn bad_input_ends_its_own_connection_and_nothing_else() {
    let cases = count(3000, 100_000) as u64;
    let mut stage = Stage::new(PEER, Duration::from_secs(60 + cases / 50));
    let mut peers = stage.open_all(2);
    let forever = |to| Sending { count: None, every_us: 1000, ..Command::send(To::Peer(to), 0) };
    peers[0].send(forever(2));
    peers[1].send(forever(1));

    let victim = peers[0].state().members.remove(0);
    let good =
        Hello { version: 1, channel: stage.settings().name, guest: 1, to: victim.id, incarnation: victim.incarnation };
    run(&victim, &good, 0, cases / 10);
    let before = peers[0].memory();
    run(&victim, &good, cases / 10, cases);
    let after = peers[0].memory();
    assert!(after < before + GROWTH_KIB, "from {before} to {after} KiB");
    assert!(peers[0].logged("broke the rules") > 0, "nothing was logged");

    // The two have talked all the time, and still do.
    for (to, from) in [(0, 2), (1, 1)] {
        let before = peers[to].history().highest(from, 0);
        peers[to].until("more of the traffic", |history| history.highest(from, 0) > before + 100);
    }
    peers.iter_mut().for_each(|peer| peer.tell(&Command::Halt));
    let mut say_tally = String::new();
    for (from, to) in [(1, 2), (2, 1)] {
        let last = peers[from as usize - 1].settled(To::Peer(to), 0);
        let receiver = &mut peers[to as usize - 1];
        receiver.until("the last", |history| history.highest(from, 0) == last);
        let tally = receiver.history().tally(from, 0, Some(last));
        tally.assert_clean("meanwhile");
        say_tally = tally.to_string();
    }
    say(&format!("{cases} bad inputs, memory from {before} to {after} KiB; each way meanwhile {say_tally}"));
}

#[test]
fn half_a_hello_and_then_silence_is_ended_and_holds_up_nobody() {
    let mut stage = Stage::new(PEER, Duration::from_secs(60));
    let mut peers = stage.open_all(2);
    let victim = peers[0].state().members.remove(0);
    let hello =
        Hello { version: 1, channel: stage.settings().name, guest: 1, to: victim.id, incarnation: victim.incarnation }
            .encode();
    let socket = socket(&victim);
    std::thread::scope(|scope| {
        let silent: Vec<_> = (0..100)
            .map(|length| {
                scope.spawn({
                    let (hello, socket) = (&hello, &socket);
                    move || talk(socket, &hello[..length % hello.len()], false, PATIENCE)
                })
            })
            .collect();
        peers[1].send(Command::send(To::Peer(1), 1000));
        assert_eq!(peers[1].settled(To::Peer(1), 0), 1000);
        let late = silent.iter().filter(|talk| !talk.is_finished()).count();
        say(&format!("1000 messages delivered while {late} connections said nothing"));
        for talk in silent {
            talk.join().unwrap().expect("the connection is ended");
        }
    });
    let newcomer = stage.open().connected();
    assert_eq!(newcomer, 3);
}

/// Cases `from` to `to`, four at a time. Each must end with its connection closed by the victim.
fn run(victim: &Seat, good: &Hello, from: u64, to: u64) {
    let socket = socket(victim);
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let socket = &socket;
            scope.spawn(move || {
                for case in (from..to).filter(|case| case % 4 == thread) {
                    let mut random = fastrand::Rng::with_seed(SEED + case);
                    let (kind, bytes) = spoil(&mut random, good, case);
                    if let Err(error) = talk(socket, &bytes, kind == Kind::HungUp, PATIENCE) {
                        panic!("case {case}, {kind:?}: the connection is not ended: {error}");
                    }
                }
            });
        }
    });
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    /// The victim ends it by itself.
    Wrong,
    /// Could go on; so this end says that nothing more comes.
    HungUp,
}

fn spoil(random: &mut fastrand::Rng, good: &Hello, case: u64) -> (Kind, Vec<u8>) {
    let guest = case + 1000;
    let hello = Hello { guest, ..good.clone() };
    let mut noise = vec![0; random.usize(1..2000)];
    random.fill(&mut noise);
    match random.u32(0..9) {
        // Not even the magic.
        0 => {
            noise[0] = 0;
            (Kind::Wrong, noise)
        }
        1 => (Kind::Wrong, Hello { version: random.u16(2..), ..hello }.encode()),
        // Another process, another life, another channel.
        2 => (Kind::Wrong, Hello { to: random.u32(2..), ..hello }.encode()),
        3 => (Kind::Wrong, Hello { incarnation: random.u64(..good.incarnation), ..hello }.encode()),
        4 => (Kind::Wrong, Hello { channel: "another".to_owned(), ..hello }.encode()),
        // Half a hello.
        5 => {
            let mut bytes = hello.encode();
            bytes.truncate(random.usize(1..bytes.len()));
            (Kind::HungUp, bytes)
        }
        // A good hello, then a frame that is too large.
        6 => {
            let mut bytes = hello.encode();
            bytes.extend(random.u32(64 * 1024 * 1024..).to_be_bytes());
            bytes.extend(noise);
            (Kind::Wrong, bytes)
        }
        // A good hello, then noise as a frame.
        7 => {
            let mut bytes = hello.encode();
            bytes.extend((noise.len() as u32).to_be_bytes());
            bytes.extend(noise);
            (Kind::HungUp, bytes)
        }
        // A hello with one byte changed.
        _ => {
            let mut bytes = hello.encode();
            let at = random.usize(..bytes.len());
            bytes[at] ^= 1 << random.u32(0..8);
            (Kind::HungUp, bytes)
        }
    }
}

fn socket(seat: &Seat) -> String {
    seat.endpoint.strip_prefix("uds:").unwrap().to_owned()
}
