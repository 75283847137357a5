//! The first words of each end.

use bytes::{BufMut, Bytes};
use ipchannel_core::Incarnation;
use ipchannel_core::frame::{Hello, Origin, PROTOCOL_VERSION, Purpose, Refusal, Welcome};
use tokio::io::AsyncRead;

use super::reader::Reader;
use super::take::Take;
use super::{GREETING_LIMIT, MAGIC, decode, encode};
use crate::wire::{Malformed, WireError};

const HEAD: usize = MAGIC.len() + 2 + 2;

pub(super) enum Answer {
    Welcome(Welcome),
    Refusal(Refusal),
}

/// A greeting of any version; its body may be read only if the version is ours.
pub(super) struct Heard {
    pub(super) version: u16,
    pub(super) body: Bytes,
}

/// Reads a greeting. What follows it stays in `reader`. With [`WireError::Truncated`], `reader` has what came before the end.
///
/// Cancel safe: what came is in `reader`.
pub(super) async fn hear<IO: AsyncRead + Unpin>(io: &mut IO, reader: &mut Reader) -> Result<Heard, WireError> {
    loop {
        let known = reader.buffered();
        if !known.iter().zip(&MAGIC).all(|(heard, magic)| heard == magic) {
            return Err(Malformed::Foreign.into());
        }
        if let &[_, _, _, _, v1, v0, l1, l0, ref body @ ..] = known {
            let length = usize::from(u16::from_be_bytes([l1, l0]));
            if length > GREETING_LIMIT {
                return Err(WireError::TooLarge { size: length, limit: GREETING_LIMIT });
            }
            if body.len() >= length {
                let mut body = reader.split_to(HEAD + length);
                return Ok(Heard { version: u16::from_be_bytes([v1, v0]), body: body.split_off(HEAD) });
            }
        }
        if reader.read(io).await? == 0 {
            return Err(WireError::Truncated);
        }
    }
}

pub(super) fn hello(hello: &Hello) -> Result<Vec<u8>, WireError> {
    greeting(hello.version, |out| {
        encode::text(out, &hello.channel);
        match hello.from {
            Origin::Member(peer) => {
                out.put_u8(0);
                encode::peer(out, peer);
            }
            Origin::Guest(number) => {
                out.put_u8(1);
                out.put_u64(number);
            }
        }
        encode::peer(out, hello.to);
        out.put_u64(hello.attempt);
        out.put_u8(match hello.purpose {
            Purpose::Link => 0,
            Purpose::Probe => 1,
        });
    })
}

pub(super) fn read_hello(heard: Heard) -> Result<Hello, Malformed> {
    let mut take = Take::new(&heard.body);
    let hello = Hello {
        version: heard.version,
        channel: take.text()?.to_owned(),
        from: match take.u8()? {
            0 => Origin::Member(take.peer()?),
            1 => Origin::Guest(take.u64()?),
            other => return Err(decode::unknown("origin", other)),
        },
        to: take.peer()?,
        attempt: take.u64()?,
        purpose: match take.u8()? {
            0 => Purpose::Link,
            1 => Purpose::Probe,
            other => return Err(decode::unknown("purpose", other)),
        },
    };
    take.end()?;
    Ok(hello)
}

pub(super) fn answer(answer: &Answer) -> Result<Vec<u8>, WireError> {
    greeting(PROTOCOL_VERSION, |out| match answer {
        Answer::Welcome(welcome) => {
            out.put_u8(0);
            encode::welcome(out, welcome);
        }
        Answer::Refusal(refusal) => match refusal {
            Refusal::Version => out.put_u8(1),
            Refusal::Channel => out.put_u8(2),
            Refusal::Destination => out.put_u8(3),
            Refusal::Unknown => out.put_u8(4),
            Refusal::Superseded(incarnation) => {
                out.put_u8(5);
                out.put_u64(incarnation.0);
            }
            Refusal::Attempt => out.put_u8(6),
            Refusal::Leaving => out.put_u8(7),
            Refusal::Busy => out.put_u8(8),
        },
    })
}

pub(super) fn read_answer(body: &Bytes) -> Result<Answer, Malformed> {
    let mut take = Take::new(body);
    let answer = match take.u8()? {
        0 => Answer::Welcome(decode::welcome(&mut take)?),
        1 => Answer::Refusal(Refusal::Version),
        2 => Answer::Refusal(Refusal::Channel),
        3 => Answer::Refusal(Refusal::Destination),
        4 => Answer::Refusal(Refusal::Unknown),
        5 => Answer::Refusal(Refusal::Superseded(Incarnation(take.u64()?))),
        6 => Answer::Refusal(Refusal::Attempt),
        7 => Answer::Refusal(Refusal::Leaving),
        8 => Answer::Refusal(Refusal::Busy),
        other => return Err(decode::unknown("answer", other)),
    };
    take.end()?;
    Ok(answer)
}

fn greeting(version: u16, body: impl FnOnce(&mut Vec<u8>)) -> Result<Vec<u8>, WireError> {
    let mut out = MAGIC.to_vec();
    out.put_u16(version);
    out.put_u16(0);
    body(&mut out);
    let size = out.len() - HEAD;
    match u16::try_from(size) {
        Ok(length) if size <= GREETING_LIMIT => out[HEAD - 2..HEAD].copy_from_slice(&length.to_be_bytes()),
        _ => return Err(WireError::TooLarge { size, limit: GREETING_LIMIT }),
    }
    Ok(out)
}
