//! Both ends up to the welcome, against streams that a test speaks on itself.

use std::time::Duration;

use ipchannel_core::frame::PROTOCOL_VERSION;
use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};
use tokio::time::{Instant, sleep};

use super::*;
use crate::conformance::Ends;
use crate::{Ended, Native, Policy};

/// Says `bytes`, closes, and returns what it heard.
async fn speak(mut stream: tokio::io::DuplexStream, bytes: &[u8]) -> Vec<u8> {
    stream.write_all(bytes).await.unwrap();
    stream.shutdown().await.unwrap();
    let mut heard = Vec::new();
    stream.read_to_end(&mut heard).await.unwrap();
    heard
}

#[tokio::test(start_paused = true)]
async fn a_hello_cut_anywhere_is_an_error_unless_nothing_was_said() {
    let (_, hello) = golden::hellos().swap_remove(0);
    for end in 0..hello.len() {
        let ends = Ends::new(1);
        let (io, stranger) = duplex(64);
        let (outcome, _) = both(ends.accept_over(&Native::default(), io), speak(stranger, &hello[..end])).await;
        match end {
            0 => assert!(matches!(outcome, Ok(Ended::Peer)), "{outcome:?}"),
            _ => assert!(matches!(outcome, Err(WireError::Truncated)), "{end}: {outcome:?}"),
        }
        assert_eq!(ends.heard_hello(), None);
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_cut_anywhere_is_an_error() {
    for (_, answer) in golden::answers() {
        for end in 0..answer.len() {
            let ends = Ends::new(1);
            let (io, stranger) = duplex(256);
            let (outcome, _) = both(ends.connect_over(&Native::default(), io), speak(stranger, &answer[..end])).await;
            assert!(matches!(outcome, Err(WireError::Truncated)), "{end}: {outcome:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_hello_of_another_version_is_answered_whatever_it_holds() {
    let ends = Ends::new(1);
    let (io, stranger) = duplex(64);
    let hello = [b"\xabipc\x01\x02\0\x03", &b"new"[..]].concat();
    let (outcome, heard) = both(ends.accept_over(&Native::default(), io), speak(stranger, &hello)).await;
    assert!(matches!(outcome, Err(WireError::Version { ours: PROTOCOL_VERSION, theirs: 0x102 })), "{outcome:?}");
    assert_eq!(heard, b"\xabipc\0\x01\0\x01\x01");
    assert_eq!(ends.heard_hello(), None);
}

#[tokio::test(start_paused = true)]
async fn an_answer_of_another_version_is_not_read_further() {
    let ends = Ends::new(1);
    let (io, stranger) = duplex(256);
    let answer = [b"\xabipc\x01\x02\0\x03", &b"new"[..]].concat();
    let (outcome, _) = both(ends.connect_over(&Native::default(), io), speak(stranger, &answer)).await;
    assert!(matches!(outcome, Err(WireError::Version { ours: PROTOCOL_VERSION, theirs: 0x102 })), "{outcome:?}");
}

#[tokio::test(start_paused = true)]
async fn ends_of_different_versions_both_learn_it() {
    let mut ends = Ends::new(8);
    ends.hello.version = 9;
    let wire = Native::default();
    let (connect, accept) = both(ends.connect(&wire), ends.accept(&wire)).await;
    assert!(matches!(connect, Err(WireError::Version { ours: 9, theirs: PROTOCOL_VERSION })), "{connect:?}");
    assert!(matches!(accept, Err(WireError::Version { ours: PROTOCOL_VERSION, theirs: 9 })), "{accept:?}");
}

#[tokio::test(start_paused = true)]
async fn a_stranger_is_turned_away_at_its_first_byte() {
    let ends = Ends::new(1);
    let (io, mut stranger) = duplex(64);
    stranger.write_all(b"G").await.unwrap();
    let (outcome, ()) = both(ends.accept_over(&Native::default(), io), async {}).await;
    assert!(matches!(outcome, Err(WireError::Malformed(Malformed::Foreign))), "{outcome:?}");
}

#[tokio::test(start_paused = true)]
async fn a_hello_that_trickles_in_is_given_up_after_the_timeout() {
    let wire = Native::new(Policy { hello_timeout: Duration::from_secs(3), ..Policy::default() });
    let ends = Ends::new(1);
    let (io, mut stranger) = duplex(64);
    let (_, hello) = golden::hellos().swap_remove(0);
    let begun = Instant::now();
    let trickle = async {
        for byte in hello {
            if stranger.write_all(&[byte]).await.is_err() {
                break;
            }
            sleep(Duration::from_secs(1)).await;
        }
    };
    let (outcome, ()) = both(ends.accept_over(&wire, io), trickle).await;
    assert!(matches!(outcome, Err(WireError::HelloTimeout)), "{outcome:?}");
    assert!(begun.elapsed() >= Duration::from_secs(3));
}

#[tokio::test(start_paused = true)]
async fn a_refusal_that_nobody_reads_is_given_up_after_the_timeout() {
    let mut ends = Ends::new(1);
    ends.acceptor.answer = Err(ipchannel_core::frame::Refusal::Busy);
    let (_, hello) = golden::hellos().swap_remove(0);
    let (io, mut stranger) = duplex(1);
    let (outcome, _) = both(ends.accept_over(&Native::default(), io), stranger.write_all(&hello)).await;
    assert!(matches!(outcome, Err(WireError::HelloTimeout)), "{outcome:?}");
}

#[tokio::test(start_paused = true)]
async fn frames_that_come_with_the_greeting_are_heard() {
    let ends = Ends::new(1);
    let (io, stranger) = duplex(4096);
    let (_, hello) = golden::hellos().swap_remove(0);
    let (frame, bytes) = golden::frames().pop().unwrap();
    let words = [hello, bytes].concat();
    let (outcome, _) = both(ends.accept_over(&Native::default(), io), speak(stranger, &words)).await;
    assert!(matches!(outcome, Ok(Ended::Peer)), "{outcome:?}");
    assert_eq!(format!("{:?}", ends.accepted.heard()), format!("{:?}", [frame]));
}
