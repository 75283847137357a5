//! The default wire: frames with a length before them.
//!
//! Numbers are unsigned and big-endian. *Text* is a `u32` length and that many bytes of UTF-8; *bytes* are a `u32` length
//! and that many bytes. A *peer* is its id (`u32`, not 0) and its incarnation (`u64`).
//!
//! # Greeting
//! Each end says one greeting, first the dialling end. This part is the same in all versions of the protocol:
//!
//! | field | |
//! |---|---|
//! | magic | [`MAGIC`], whose first byte begins neither HTTP nor TLS |
//! | version | `u16` |
//! | length | `u16`, of the rest, up to [`GREETING_LIMIT`] |
//!
//! An end that hears another version than its own reads the rest no further. The accepting end still answers, with its own
//! version and a refusal.
//!
//! The rest of a **hello**: channel (text), origin (`u8` 0 and a peer, or 1 and a `u64` for a guest), destination (peer),
//! attempt (`u64`), purpose (`u8`: 0 link, 1 probe).
//!
//! The rest of an **answer**: a `u8`. 0: a welcome follows, as cursor (`u64`), messages (`u32`) and bytes (`u64`).
//! Otherwise it is a refusal: 1 version, 2 channel, 3 destination, 4 unknown, 5 superseded (by the incarnation in the `u64`
//! that follows), 6 attempt, 7 leaving, 8 busy.
//!
//! # Frames
//! A `u32` length of what follows it, a `u8` kind, and by kind:
//!
//! | kind | fields |
//! |---|---|
//! | 1 data | sequence `u64`, flags `u8` (1 redelivered, 2 a ttl follows), ttl in ms `u64` if so, kind of message `u8` (0 message, 1 request, 2 answer, 3 failure, 4 unhandled), call `u64` unless it is 0, event (text), count of headers `u32`, for each a name (text) and a value (bytes), codec `u8`, and the payload to the end of the frame |
//! | 2 ack | cursor `u64`, messages `u32`, bytes `u64` |
//! | 3 roster | term `u64`, host (peer), count of facts `u32`, for each: presence `u8` (0 here, 1 left, 2 died), peer, lineage (text), whether it has an identity (`u8`) and if so the identity (text), endpoint (text), process id `u32` |
//! | 4 beat | term `u64`, host (peer) |
//! | 5 superseded | term `u64`, host (peer) |
//! | 6 bye | sequence `u64` |
//!
//! A frame ends with its last field. A kind, flag or value not listed here is an error: what is new comes with a new version
//! of the protocol.

mod deadline;
mod decode;
mod encode;
mod greeting;
mod names;
mod pump;
mod reader;
mod take;
mod writer;

#[cfg(test)]
mod tests;

use std::io;

use ipchannel_core::Target;
use ipchannel_core::frame::{PROTOCOL_VERSION, Refusal};
use ipchannel_core::link::{Accept, Dial};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::time::{Instant, timeout};

use crate::wire::{Ended, Policy, Wire, WireError};
use decode::Decoder;
use greeting::Answer;
use pump::Pump;
use reader::Reader;
use writer::Writer;

/// What each end says first. No text protocol begins with its first byte, so one endpoint can serve others beside this.
pub const MAGIC: [u8; 4] = *b"\xabipc";

/// The largest greeting, without its head, in bytes. Names of channels must fit.
pub const GREETING_LIMIT: usize = 4096;

/// The default wire: frames with a length before them. The [module](self) has its layout.
///
/// Many frames are written at once and read at once. Payloads are slices of what was read, without a copy; large ones
/// are not copied to be written either.
#[derive(Clone, Default, Debug)]
pub struct Native {
    policy: Policy,
}

impl Native {
    /// The wire with these limits. Ends should agree on the limit of a frame: the larger of two would send what the other refuses.
    pub fn new(policy: Policy) -> Self {
        Native { policy }
    }

    /// The limits.
    pub fn policy(&self) -> &Policy {
        &self.policy
    }
}

impl Wire for Native {
    async fn connect<IO, D>(&self, mut io: IO, dial: D) -> Result<Ended, WireError>
    where
        IO: AsyncRead + AsyncWrite + Unpin + Send + 'static,
        D: Dial + 'static,
    {
        let hello = dial.hello();
        let words = greeting::hello(&hello)?;
        let mut reader = Reader::new(self.policy.frame_limit);
        let answer = timeout(self.policy.hello_timeout, async {
            io.write_all(&words).await?;
            io.flush().await?;
            greeting::hear(&mut io, &mut reader).await
        });
        let heard = answer.await.map_err(|_| WireError::HelloTimeout)??;
        if heard.version != hello.version {
            return Err(WireError::Version { ours: hello.version, theirs: heard.version });
        }
        let welcome = match greeting::read_answer(&heard.body)? {
            Answer::Welcome(welcome) => welcome,
            Answer::Refusal(refusal) => return Err(WireError::Refused(refusal)),
        };
        let session = dial.welcomed(Instant::now().into_std(), welcome)?;
        let writer = Writer::new(self.policy.frame_limit);
        let decoder = Decoder::new(Target::Member(hello.to));
        Pump::new(io, session, reader, decoder, writer, self.policy.frame_timeout).run().await
    }

    async fn accept<IO, A>(&self, mut io: IO, accept: &A) -> Result<Ended, WireError>
    where
        IO: AsyncRead + AsyncWrite + Unpin + Send + 'static,
        A: Accept<Session: 'static>,
    {
        let mut reader = Reader::new(self.policy.frame_limit);
        let hello = timeout(self.policy.hello_timeout, greeting::hear(&mut io, &mut reader));
        let heard = match hello.await.map_err(|_| WireError::HelloTimeout)? {
            Err(WireError::Truncated) if reader.is_empty() => return Ok(Ended::Peer),
            heard => heard?,
        };
        if heard.version != PROTOCOL_VERSION {
            self.refuse(io, Refusal::Version).await?;
            return Err(WireError::Version { ours: PROTOCOL_VERSION, theirs: heard.version });
        }
        let hello = greeting::read_hello(heard)?;
        let (session, welcome) = match accept.accept(Instant::now().into_std(), &hello) {
            Ok(accepted) => accepted,
            Err(refusal) => {
                self.refuse(io, refusal).await?;
                return Ok(Ended::Refused(refusal));
            }
        };
        let mut writer = Writer::new(self.policy.frame_limit);
        writer.put_raw(&greeting::answer(&Answer::Welcome(welcome))?);
        let decoder = Decoder::new(Target::Member(hello.to));
        Pump::new(io, session, reader, decoder, writer, self.policy.frame_timeout).run().await
    }
}

impl Native {
    async fn refuse<IO: AsyncWrite + Unpin>(&self, mut io: IO, refusal: Refusal) -> Result<(), WireError> {
        let words = greeting::answer(&Answer::Refusal(refusal))?;
        let said = timeout(self.policy.hello_timeout, async {
            io.write_all(&words).await?;
            io.flush().await?;
            io.shutdown().await
        });
        match said.await.map_err(|_| WireError::HelloTimeout)? {
            Err(error) if is_gone(&error) => Ok(()),
            said => Ok(said?),
        }
    }
}

/// Whether the error says that the other end closed the connection or ended.
fn is_gone(error: &io::Error) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, NotConnected};
    matches!(error.kind(), BrokenPipe | ConnectionAborted | ConnectionReset | NotConnected)
}
