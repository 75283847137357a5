//! Nothing that is read is trusted.

use fastrand::Rng;
use ipchannel_core::frame::{Control, PROTOCOL_VERSION};

use super::*;
use crate::native::{GREETING_LIMIT, MAGIC};

#[test]
fn a_frame_cut_anywhere_is_not_a_frame() {
    for (frame, bytes) in golden::frames() {
        for end in 0..bytes.len() {
            let (heard, left) = read(&bytes[..end]).unwrap();
            assert!(heard.is_empty() && left == end, "{frame:?} up to {end}");
        }
    }
}

/// With a length that fits what is left: the fields run out. Only a payload may be shorter.
#[test]
fn a_body_cut_anywhere_is_too_short() {
    for (frame, bytes) in golden::frames() {
        let body = &bytes[4..];
        let payload = if let Frame::Data(_) = frame { 2 } else { 0 };
        for end in 0..body.len() {
            let outcome = decode(&body[..end]);
            match end < body.len() - payload {
                true => assert!(matches!(outcome, Err(Malformed::Short)), "{frame:?} up to {end}: {outcome:?}"),
                false => assert!(outcome.is_ok(), "{frame:?} up to {end}: {outcome:?}"),
            }
        }
    }
}

#[test]
fn a_body_that_goes_on_is_too_long() {
    for (frame, bytes) in golden::frames() {
        if !matches!(frame, Frame::Data(_)) {
            let outcome = decode(&[&bytes[4..], b"\0"].concat());
            assert!(matches!(outcome, Err(Malformed::Long)), "{frame:?}: {outcome:?}");
        }
    }
}

#[test]
fn a_greeting_cut_anywhere_is_cut() {
    for (_, bytes) in golden::hellos() {
        for end in 0..bytes.len() {
            assert!(matches!(heard_hello(&bytes[..end]), Err(WireError::Truncated)), "{end}");
        }
    }
    for (_, bytes) in golden::answers() {
        for end in 0..bytes.len() {
            assert!(matches!(heard_answer(&bytes[..end]), Err(WireError::Truncated)), "{end}");
        }
    }
}

fn is_unknown(body: &[u8], meant: &str) {
    let outcome = decode(body);
    assert!(matches!(outcome, Err(Malformed::Unknown { what, .. }) if what == meant), "{meant}: {outcome:?}");
}

#[test]
fn a_value_that_means_nothing_is_named() {
    let [data, roster, beat] = [0, 6, 7].map(|n| golden::frames()[n].1[4..].to_vec());
    let with = |body: &[u8], at: usize, value: u8| {
        let mut body = body.to_vec();
        body[at] = value;
        body
    };
    is_unknown(&[0], "kind of frame");
    is_unknown(&[7], "kind of frame");
    is_unknown(&with(&data, 9, 4), "set of flags");
    is_unknown(&with(&data, 10, 5), "kind of message");
    is_unknown(&with(&beat, 12, 0), "peer id");
    is_unknown(&with(&roster, 25, 3), "presence");
    is_unknown(&with(&roster, 55, 2), "yes or no");
    assert!(matches!(decode(&with(&data, 15, 0xff)), Err(Malformed::Text)));
    assert!(matches!(decode(&with(&roster, 42, 0xff)), Err(Malformed::Text)));
    assert!(matches!(decode(&with(&roster, 61, b'-')), Err(Malformed::Endpoint)));
}

#[test]
fn a_count_that_promises_too_much_reserves_nothing() {
    for (frame, bytes) in golden::frames() {
        let body = &bytes[4..];
        for at in 1..body.len().saturating_sub(4) {
            let mut body = body.to_vec();
            body[at..at + 4].copy_from_slice(&u32::MAX.to_be_bytes());
            // Memory for four billion of anything would end the process.
            if let Ok(Frame::Control(Control::Roster { facts, .. })) = decode(&body) {
                assert_eq!(facts.len(), 2, "{frame:?} at {at}");
            }
        }
    }
}

#[test]
fn a_frame_above_the_limit_is_turned_away_by_its_length_alone() {
    for size in [LIMIT as u32 + 1, u32::MAX] {
        let outcome = read(&size.to_be_bytes());
        assert!(
            matches!(outcome, Err(WireError::TooLarge { size: s, limit: LIMIT }) if s == size as usize),
            "{outcome:?}"
        );
    }
    assert!(matches!(read(&(LIMIT as u32).to_be_bytes()), Ok((_, 4))));
}

#[test]
fn a_buffer_grows_with_what_came_and_not_with_what_was_promised() {
    let mut reader = Reader::new(LIMIT);
    let mut cx = Context::from_waker(Waker::noop());
    let mut bytes = (LIMIT as u32).to_be_bytes().to_vec();
    bytes.resize(1_000_000, 0);
    let mut rest = &bytes[..];
    while let Poll::Ready(Ok(1..)) = reader.poll_read(&mut cx, &mut rest) {
        assert!(reader.capacity() <= 2 * reader.buffered().len() + 3 * 64 * 1024, "{}", reader.capacity());
    }
    assert_eq!(reader.buffered().len(), bytes.len());
}

#[test]
fn a_buffer_that_a_large_frame_made_large_is_given_back() {
    let mut reader = Reader::new(LIMIT);
    let mut cx = Context::from_waker(Waker::noop());
    let size = 5_000_000_u32;
    let bytes = [&size.to_be_bytes()[..], &vec![0; size as usize], b"res"].concat();
    let mut rest = &bytes[..];
    while let Poll::Ready(Ok(1..)) = reader.poll_read(&mut cx, &mut rest) {
        while let Some(frame) = reader.next().unwrap() {
            assert_eq!(frame.len(), size as usize);
        }
    }
    assert_eq!(reader.buffered(), b"res");
    assert!(reader.capacity() <= 2 * 64 * 1024, "{}", reader.capacity());
}

#[test]
fn a_frame_above_the_limit_is_not_written() {
    let mut writer = Writer::new(30);
    let fits = golden::frames()[0].0.clone();
    let large = golden::frames()[1].0.clone();
    assert!(writer.put(&fits));
    assert!(!writer.put(&large));
    assert!(!writer.put(&fits), "nothing may follow what is missing");
    assert!(matches!(writer.take_error(), Some(WireError::TooLarge { size: 59, limit: 30 })));
}

#[test]
fn strangers_are_told_by_their_first_bytes() {
    for bytes in [&b"GET / HTTP/1.1\r\n"[..], b"POST ", b"\x16\x03\x01", b"\0\0\0", b"\xabipC", b"\xabhttp"] {
        assert!(matches!(heard_hello(bytes), Err(WireError::Malformed(Malformed::Foreign))), "{bytes:?}");
    }
    assert!(!MAGIC[0].is_ascii());
}

#[test]
fn a_greeting_above_the_limit_is_turned_away_by_its_length_alone() {
    let head = |length: u16| [&MAGIC[..], &PROTOCOL_VERSION.to_be_bytes(), &length.to_be_bytes()].concat();
    let outcome = heard_hello(&head(GREETING_LIMIT as u16 + 1));
    assert!(matches!(outcome, Err(WireError::TooLarge { size: 4097, limit: 4096 })), "{outcome:?}");
    assert!(matches!(heard_hello(&head(GREETING_LIMIT as u16)), Err(WireError::Truncated)));
    let (mut hello, _) = golden::hellos().swap_remove(0);
    hello.channel = "x".repeat(GREETING_LIMIT);
    assert!(matches!(greeting::hello(&hello), Err(WireError::TooLarge { .. })));
}

#[test]
fn mutilated_frames_never_panic() {
    let golden: Vec<Vec<u8>> = golden::frames().into_iter().map(|(_, bytes)| bytes[4..].to_vec()).collect();
    let mut good = 0;
    for seed in 0..100_000 {
        let mut random = Rng::with_seed(seed);
        let mut body = golden[random.usize(..golden.len())].clone();
        for _ in 0..random.usize(1..4) {
            let at = random.usize(..body.len());
            body[at] = random.u8(..);
        }
        good += usize::from(decode(&body).is_ok());
    }
    assert!(good > 1000, "some change nothing but a value: {good}");
}

#[test]
fn random_bytes_never_panic() {
    for seed in 0..100_000 {
        let mut random = Rng::with_seed(seed);
        let mut body: Vec<u8> = (0..random.usize(..64)).map(|_| random.u8(..) >> random.u8(..8)).collect();
        if let Some(kind) = body.first_mut() {
            *kind %= 9;
        }
        let _ = decode(&body);
        let _ = heard_hello(&[&MAGIC[..], b"\0\x01\0", &body].concat());
        let _ = heard_answer(&[&MAGIC[..], b"\0\x01\0", &body].concat());
        let _ = read(&body);
    }
}

#[test]
fn what_is_read_as_a_frame_is_written_as_the_same_frame() {
    let mut same = 0;
    for seed in 0..20_000 {
        let mut random = Rng::with_seed(seed);
        let mut body = written(&[arbitrary::frame(&mut random)])[4..].to_vec();
        let at = random.usize(..body.len());
        body[at] = random.u8(..);
        if let Ok(frame) = decode(&body) {
            assert_eq!(written(&[frame])[4..], body, "seed {seed}");
            same += 1;
        }
    }
    assert!(same > 1000, "{same}");
}
