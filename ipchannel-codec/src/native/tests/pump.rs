//! Both ends after the welcome.

use std::io;
use std::pin::Pin;
use std::time::Duration;

use futures_util::future::{join, join3};
use ipchannel_core::frame::Seq;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufStream, DuplexStream, ReadBuf, duplex};
use tokio::time::{Instant, sleep, timeout};

use super::*;
use crate::conformance::Ends;
use crate::{Ended, Native, Policy};

/// A stream to an accepting end, past the hello.
async fn greeted(mut stream: DuplexStream) -> DuplexStream {
    let (_, hello) = golden::hellos().swap_remove(0);
    let (_, welcome) = golden::answers().swap_remove(0);
    stream.write_all(&hello).await.unwrap();
    stream.read_exact(&mut vec![0; welcome.len()]).await.unwrap();
    stream
}

fn data(payload: usize) -> Frame {
    let (mut frame, _) = golden::frames().swap_remove(0);
    if let Frame::Data(data) = &mut frame {
        data.envelope.payload.data = vec![7; payload].into();
    }
    frame
}

#[tokio::test(start_paused = true)]
async fn any_talk_over_any_stream_is_heard_by_both() {
    for seed in 0..200 {
        let mut random = fastrand::Rng::with_seed(seed);
        let ends = Ends::new(random.usize(1..2000));
        let wire = Native::default();
        let talk = |random: &mut fastrand::Rng| (0..random.usize(..100)).map(|_| arbitrary::frame(random)).collect();
        let (there, back): (Vec<Frame>, Vec<Frame>) = (talk(&mut random), talk(&mut random));
        ends.dialled.say(there.clone());
        ends.accepted.say(back.clone());
        let watch = async {
            let heard = join(ends.accepted.hear(there.len()), ends.dialled.hear(back.len())).await;
            ends.accepted.finish();
            heard
        };
        let talked = timeout(HOUR, join3(ends.connect(&wire), ends.accept(&wire), watch)).await;
        let (connect, accept, (heard_there, heard_back)) = talked.unwrap_or_else(|_| panic!("seed {seed}: stuck"));
        assert!(matches!((&connect, &accept), (Ok(Ended::Peer), Ok(Ended::Here))), "{connect:?}, {accept:?}");
        // Only the target is the receiver's own.
        let here = |frames: &[Frame]| format!("{frames:?}").replace("Member(peer 1 (incarnation 9))", "Peer(peer 1)");
        assert_eq!(here(&heard_there), here(&there), "seed {seed}");
        assert_eq!(here(&heard_back), here(&back), "seed {seed}");
    }
}

#[tokio::test(start_paused = true)]
async fn one_acknowledgement_answers_a_whole_batch() {
    let ends = Ends::new(1 << 20);
    ends.accepted.acknowledge();
    ends.dialled.say((1..=1000).map(|_| data(8)));
    let watch = async {
        ends.accepted.hear(1000).await;
        ends.dialled.hear(1).await;
        ends.dialled.finish();
    };
    let wire = Native::default();
    let (connect, (accept, ())) = both(ends.connect(&wire), join(ends.accept(&wire), watch)).await;
    assert!(connect.is_ok() && accept.is_ok(), "{connect:?}, {accept:?}");
    assert!(ends.dialled.heard().len() < 10);
}

#[tokio::test(start_paused = true)]
async fn streams_that_buffer_are_flushed() {
    let ends = Ends::new(1);
    let (near, far) = duplex(64);
    let talk = async {
        for _ in 0..10 {
            ends.dialled.say([Frame::Bye(Seq(1))]);
            ends.accepted.hear(1).await;
            ends.accepted.say([Frame::Bye(Seq(1))]);
            ends.dialled.hear(1).await;
        }
        ends.dialled.finish();
    };
    let wire = Native::default();
    let connect = ends.connect_over(&wire, BufStream::new(near));
    let accept = ends.accept_over(&wire, BufStream::new(far));
    let (connect, (accept, ())) = both(connect, join(accept, talk)).await;
    assert!(matches!((&connect, &accept), (Ok(Ended::Here), Ok(Ended::Peer))), "{connect:?}, {accept:?}");
}

#[tokio::test(start_paused = true)]
async fn an_end_in_the_middle_of_a_frame_is_an_error() {
    let (_, frame) = golden::frames().swap_remove(1);
    for end in 0..=frame.len() {
        let ends = Ends::new(1);
        let (io, stranger) = duplex(4096);
        let speak = async {
            let mut stream = greeted(stranger).await;
            stream.write_all(&frame[..end]).await.unwrap();
        };
        let (outcome, ()) = both(ends.accept_over(&Native::default(), io), speak).await;
        match end == 0 || end == frame.len() {
            true => assert!(matches!(outcome, Ok(Ended::Peer)), "{end}: {outcome:?}"),
            false => assert!(matches!(outcome, Err(WireError::Truncated)), "{end}: {outcome:?}"),
        }
        assert_eq!(ends.accepted.heard().len(), usize::from(end == frame.len()));
        assert_eq!(ends.sessions(), (0, 0));
    }
}

#[tokio::test(start_paused = true)]
async fn a_frame_that_trickles_in_is_given_up_after_the_timeout() {
    let wire = Native::new(Policy { frame_timeout: Duration::from_secs(20), ..Policy::default() });
    let (_, frame) = golden::frames().swap_remove(1);
    let ends = Ends::new(1);
    let (io, stranger) = duplex(4096);
    let trickle = async {
        let mut stream = greeted(stranger).await;
        let begun = Instant::now();
        for byte in frame {
            if stream.write_all(&[byte]).await.is_err() {
                break;
            }
            sleep(Duration::from_secs(1)).await;
        }
        begun.elapsed()
    };
    let (outcome, lasted) = both(ends.accept_over(&wire, io), trickle).await;
    assert!(matches!(outcome, Err(WireError::FrameTimeout)), "{outcome:?}");
    assert!(lasted >= Duration::from_secs(20), "{lasted:?}");
}

#[tokio::test(start_paused = true)]
async fn silence_between_frames_is_no_fault_nor_is_a_slow_one_in_time() {
    let ends = Ends::new(1);
    let (io, stranger) = duplex(4096);
    let (_, frame) = golden::frames().pop().unwrap();
    let speak = async {
        let mut stream = greeted(stranger).await;
        for _ in 0..20 {
            sleep(Duration::from_secs(100)).await;
            stream.write_all(&frame[..5]).await.unwrap();
            sleep(Duration::from_secs(9)).await;
            // The end of one frame and the start of the next, which has a time of its own.
            stream.write_all(&[&frame[5..], &frame[..5]].concat()).await.unwrap();
            sleep(Duration::from_secs(9)).await;
            stream.write_all(&frame[5..]).await.unwrap();
        }
    };
    let (outcome, ()) = both(ends.accept_over(&Native::default(), io), speak).await;
    assert!(matches!(outcome, Ok(Ended::Peer)), "{outcome:?}");
    assert_eq!(ends.accepted.heard().len(), 40);
}

#[tokio::test(start_paused = true)]
async fn an_end_that_closes_waits_only_so_long_for_a_peer_that_does_not_read() {
    let ends = Ends::new(1);
    ends.accepted.say((0..100).map(|_| data(100)));
    ends.accepted.finish();
    let (io, stranger) = duplex(64);
    let (outcome, _stream) = both(ends.accept_over(&Native::default(), io), greeted(stranger)).await;
    assert!(matches!(outcome, Err(WireError::CloseTimeout)), "{outcome:?}");
}

#[tokio::test(start_paused = true)]
async fn an_open_end_waits_as_long_as_it_takes_for_a_peer_that_does_not_read() {
    let ends = Ends::new(1);
    ends.accepted.say((0..100).map(|_| data(100)));
    let (io, stranger) = duplex(64);
    let wire = Native::default();
    let both = join(ends.accept_over(&wire, io), greeted(stranger));
    assert!(timeout(HOUR, both).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn a_frame_above_the_limit_ends_the_connection_at_either_end() {
    let small = Native::new(Policy { frame_limit: 1000, ..Policy::default() });
    for (near, far) in [(Native::default(), small.clone()), (small, Native::default())] {
        let ends = Ends::new(1 << 16);
        ends.dialled.say([data(2000)]);
        let (connect, accept) = both(ends.connect(&near), ends.accept(&far)).await;
        let (guilty, other) = if near.policy().frame_limit == 1000 { (connect, accept) } else { (accept, connect) };
        assert!(matches!(guilty, Err(WireError::TooLarge { size: 2022, limit: 1000 })), "{guilty:?}");
        assert!(matches!(other, Ok(Ended::Peer)), "{other:?}");
    }
}

/// Writing fails as soon as the peer is gone; what it said before is still to be read.
struct Gone<R>(R, bool);

impl<R: AsyncRead + Unpin> AsyncRead for Gone<R> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        // Nothing is there before the write has failed.
        if !self.1 {
            return Poll::Pending;
        }
        Pin::new(&mut self.0).poll_read(cx, buf)
    }
}

impl<R: Unpin> AsyncWrite for Gone<R> {
    fn poll_write(mut self: Pin<&mut Self>, _: &mut Context<'_>, _: &[u8]) -> Poll<io::Result<usize>> {
        self.1 = true;
        Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

#[tokio::test(start_paused = true)]
async fn the_last_words_of_a_peer_are_heard_though_it_reads_no_more() {
    let last: Vec<u8> = golden::frames().into_iter().flat_map(|(_, bytes)| bytes).collect();
    for stays in [false, true] {
        let ends = Ends::new(1);
        ends.dialled.say([data(8)]);
        let (mut stranger, stream) = duplex(4096);
        stranger.write_all(&last).await.unwrap();
        let stranger = stays.then_some(stranger);
        let (outcome, ()) = both(pump_over(&ends, Gone(stream, false)), async {}).await;
        match stays {
            // Then its end is what counts.
            false => assert!(matches!(outcome, Ok(Ended::Peer)), "{outcome:?}"),
            true => assert!(matches!(outcome, Err(WireError::Io(_))), "{outcome:?}"),
        }
        assert_eq!(ends.dialled.heard().len(), golden::frames().len());
        drop(stranger);
    }
}

/// The dialling end past its welcome.
async fn pump_over(ends: &Ends, io: impl AsyncRead + AsyncWrite + Unpin) -> Result<Ended, WireError> {
    let (session, frame_timeout) = (ends.dialled.play(), Duration::from_secs(10));
    let (reader, writer) = (Reader::new(LIMIT), Writer::new(LIMIT));
    super::super::pump::Pump::new(io, session, reader, Decoder::new(HERE), writer, frame_timeout).run().await
}

/// What was written, as the addresses and lengths of each part.
#[derive(Default)]
struct Parts(Vec<(*const u8, usize)>);

impl AsyncWrite for Parts {
    fn poll_write(mut self: Pin<&mut Self>, _: &mut Context<'_>, part: &[u8]) -> Poll<io::Result<usize>> {
        self.0.push((part.as_ptr(), part.len()));
        Poll::Ready(Ok(part.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

#[test]
fn many_small_frames_are_one_write_and_large_payloads_are_not_copied() {
    let mut writer = Writer::new(LIMIT);
    let large = data(40_000);
    let small: Vec<Frame> = (0..100).map(|_| data(8)).collect();
    for frame in small.iter().chain([&large]).chain(&small) {
        writer.put(frame);
    }
    let mut parts = Parts::default();
    let mut cx = Context::from_waker(Waker::noop());
    while let Poll::Ready(Ok(true)) = writer.poll_write(&mut cx, &mut parts) {}
    let Frame::Data(large) = large else { unreachable!() };
    let [before, payload, after] = parts.0[..] else { panic!("{:?}", parts.0) };
    assert_eq!(payload, (large.envelope.payload.data.as_ptr(), 40_000));
    assert_eq!((before.1, after.1), (100 * 34 + 26, 100 * 34));
}

#[test]
fn payloads_are_slices_of_what_was_read() {
    let (_, bytes) = golden::frames().swap_remove(1);
    let body = Bytes::copy_from_slice(&bytes[4..]);
    let range = body.as_ptr_range();
    let frame = Decoder::new(HERE).frame(body.clone()).unwrap();
    let Frame::Data(data) = frame else { panic!("{frame:?}") };
    assert!(range.contains(&data.envelope.payload.data.as_ptr()));
    assert!(range.contains(&data.envelope.headers.get("k").unwrap().as_ptr()));
}
