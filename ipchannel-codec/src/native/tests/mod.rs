mod arbitrary;
mod golden;
mod greetings;
mod hostile;
mod pump;
mod round_trips;

use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::join;
use ipchannel_core::frame::{Frame, Hello};
use ipchannel_core::link::FrameSink;
use ipchannel_core::{PeerId, Target};
use tokio::time::timeout;

use super::decode::Decoder;
use super::greeting::{self, Answer};
use super::reader::Reader;
use super::writer::Writer;
use crate::wire::{Malformed, WireError};

const LIMIT: usize = 16 * 1024 * 1024;
const HERE: Target = Target::Peer(PeerId::FIRST);

/// The clock is paused, and leaps to the end of this when nothing moves any more.
const HOUR: Duration = Duration::from_secs(3600);

/// Runs both to their ends.
async fn both<A: Future, B: Future>(a: A, b: B) -> (A::Output, B::Output) {
    timeout(HOUR, join(a, b)).await.expect("nothing moves any more")
}

/// The frames as the writer writes them.
fn written(frames: &[Frame]) -> Vec<u8> {
    let mut writer = Writer::new(LIMIT);
    for frame in frames {
        writer.put(frame);
    }
    let mut out = Vec::new();
    let mut cx = Context::from_waker(Waker::noop());
    while let Poll::Ready(Ok(true)) = writer.poll_write(&mut cx, &mut out) {}
    out
}

/// All whole frames that the reader finds in `bytes`, and how many bytes are left.
fn read(bytes: &[u8]) -> Result<(Vec<Frame>, usize), WireError> {
    let mut reader = Reader::new(LIMIT);
    let mut decoder = Decoder::new(HERE);
    let mut frames = Vec::new();
    let mut rest = bytes;
    let mut cx = Context::from_waker(Waker::noop());
    while let Poll::Ready(Ok(1..)) = reader.poll_read(&mut cx, &mut rest) {
        while let Some(body) = reader.next()? {
            frames.push(decoder.frame(body)?);
        }
    }
    Ok((frames, reader.buffered().len()))
}

/// A body alone.
fn decode(body: &[u8]) -> Result<Frame, Malformed> {
    Decoder::new(HERE).frame(Bytes::copy_from_slice(body))
}

/// A greeting, heard whole and read as a hello.
fn heard_hello(bytes: &[u8]) -> Result<Hello, WireError> {
    Ok(greeting::read_hello(heard(bytes)?)?)
}

/// A greeting, heard whole and read as an answer.
fn heard_answer(bytes: &[u8]) -> Result<Answer, WireError> {
    Ok(greeting::read_answer(&heard(bytes)?.body)?)
}

fn heard(mut bytes: &[u8]) -> Result<greeting::Heard, WireError> {
    let mut cx = Context::from_waker(Waker::noop());
    let mut reader = Reader::new(LIMIT);
    let mut io = tokio::io::join(&mut bytes, tokio::io::sink());
    let hearing = std::pin::pin!(greeting::hear(&mut io, &mut reader));
    match hearing.poll(&mut cx) {
        Poll::Ready(heard) => heard,
        Poll::Pending => unreachable!("a slice is always ready"),
    }
}
