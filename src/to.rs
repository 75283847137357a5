//! Sending: to one peer, to many, and calls.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use ipchannel_core::{Envelope, Headers, Kind, Receipt, Target};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::{Error, ErrorKind};
use crate::target::NoTarget;
use crate::{Broadcast, Channel};

/// The event of [`To::send`].
pub(crate) const MESSAGE: &str = "message";

/// The longest name of an event, in bytes.
pub const MAX_EVENT: usize = 255;

/// What goes with each message that is sent: where to, until when, with which headers.
#[derive(Clone, Debug)]
struct Options {
    deadline: Option<Duration>,
    headers: Headers,
}

/// Sends to one peer; made by [`Channel::to`](crate::Channel::to).
///
/// ```no_run
/// # async fn example(channel: &ipchannel::Channel) -> Result<(), ipchannel::Error> {
/// channel.to(1).send("never waits")?;
/// channel.to(1).send_wait("waits for room").await?.await?; // and here until it is delivered
/// let sum: u64 = channel.to(2).call("add", &[1, 2]).await?;
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
#[must_use = "nothing is sent until `send`, `emit` or `call`"]
pub struct To<'a> {
    channel: &'a Channel,
    target: Result<Target, NoTarget>,
    options: Options,
}

/// Sends to many peers; made by [`Channel::to`](crate::Channel::to) with [`All`](crate::All) or [`Others`](crate::Others).
#[derive(Clone, Debug)]
#[must_use = "nothing is sent until `send` or `emit`"]
pub struct ToMany<'a> {
    channel: &'a Channel,
    target: Target,
    options: Options,
}

impl<'a> To<'a> {
    pub(crate) fn new(channel: &'a Channel, target: Result<Target, NoTarget>) -> Self {
        To { channel, target, options: Options::default() }
    }

    /// Fails what is sent if it has not arrived within this time, instead of [`Config::deadline`](crate::Config::deadline).
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.options.deadline = Some(deadline);
        self
    }

    /// Puts a header beside the payload, for layers and handlers to read.
    pub fn header(mut self, name: &str, value: impl Into<Bytes>) -> Self {
        self.options.headers.append(name, value);
        self
    }

    /// Sends the event `"message"`: [`emit`](Self::emit) for those who need no names.
    ///
    /// # Errors
    /// As [`emit`](Self::emit).
    pub fn send<T: Serialize + ?Sized>(&self, value: &T) -> Result<Receipt, Error> {
        self.emit(MESSAGE, value)
    }

    /// Sends an event with a value, without ever waiting. The receipt resolves when the receiving process has it.
    ///
    /// What cannot go yet, since the peer or even this channel is not there yet, is queued in order, until the deadline.
    ///
    /// # Errors
    /// [`is_full`](Error::is_full) when the [limit](crate::Config::outgoing) of what is under way to the peer is reached,
    /// [`is_closed`](Error::is_closed), [`is_too_large`](Error::is_too_large), [`is_codec`](Error::is_codec), or a peer
    /// or event that cannot be. In each case nothing was sent.
    pub fn emit<T: Serialize + ?Sized>(&self, event: &str, value: &T) -> Result<Receipt, Error> {
        let envelope = self.envelope(Kind::Message, event, value)?;
        self.channel.node().try_send(envelope)
    }

    /// [`send`](Self::send), but waits for room. Awaiting the receipt then waits for the delivery.
    ///
    /// # Cancel safety
    /// As [`emit_wait`](Self::emit_wait).
    ///
    /// # Errors
    /// As [`emit_wait`](Self::emit_wait).
    pub async fn send_wait<T: Serialize + ?Sized>(&self, value: &T) -> Result<Receipt, Error> {
        self.emit_wait(MESSAGE, value).await
    }

    /// [`emit`](Self::emit), but waits for room, first come first served.
    ///
    /// # Cancel safety
    /// Dropped before it completes, nothing was sent, and its place in the queue is lost.
    ///
    /// # Errors
    /// As [`emit`](Self::emit), but never [`is_full`](Error::is_full).
    pub async fn emit_wait<T: Serialize + ?Sized>(&self, event: &str, value: &T) -> Result<Receipt, Error> {
        let envelope = self.envelope(Kind::Message, event, value)?;
        self.channel.node().send_wait(envelope).await
    }

    /// Asks the peer and waits for its answer, see [`Channel::answer`](crate::Channel::answer).
    ///
    /// The reply comes in turn after what the peer has sent us before. If that waits unread beyond
    /// [`Config::incoming`](crate::Config::incoming), the call waits for it: a handler that calls back whoever floods it
    /// may wait until the deadline.
    ///
    /// # Cancel safety
    /// Dropped before it completes, the request may or may not be handled; a late reply is ignored.
    ///
    /// # Errors
    /// As [`emit_wait`](Self::emit_wait); [`is_timeout`](Error::is_timeout) without an answer in time,
    /// [`is_unhandled`](Error::is_unhandled) if nobody there answers this event, [`is_remote`](Error::is_remote) with
    /// what the handler said if it failed, [`undelivered`](Error::undelivered) if the request did not arrive.
    pub async fn call<T, R>(&self, event: &str, value: &T) -> Result<R, Error>
    where
        T: Serialize + ?Sized,
        R: DeserializeOwned,
    {
        let request = self.envelope(Kind::Message, event, value)?;
        let payload = self.channel.node().call(request).await?;
        decode(self.channel, &payload)
    }

    fn envelope<T: Serialize + ?Sized>(&self, kind: Kind, event: &str, value: &T) -> Result<Envelope, Error> {
        let target = self.target.map_err(|none| Error::new(ErrorKind::Config, none.as_str()))?;
        self.options.envelope(self.channel, target, kind, event, value)
    }
}

impl<'a> ToMany<'a> {
    pub(crate) fn new(channel: &'a Channel, target: Target) -> Self {
        ToMany { channel, target, options: Options::default() }
    }

    /// Fails what is sent if it has not arrived within this time, instead of [`Config::deadline`](crate::Config::deadline).
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.options.deadline = Some(deadline);
        self
    }

    /// Puts a header beside the payload, for layers and handlers to read.
    pub fn header(mut self, name: &str, value: impl Into<Bytes>) -> Self {
        self.options.headers.append(name, value);
        self
    }

    /// Sends the event `"message"` to each: [`emit`](Self::emit) for those who need no names.
    ///
    /// # Errors
    /// As [`emit`](Self::emit).
    pub fn send<T: Serialize + ?Sized>(&self, value: &T) -> Result<Broadcast, Error> {
        self.emit(MESSAGE, value)
    }

    /// Sends an event with a value to each, without ever waiting.
    ///
    /// It goes to those who are members when it is sent; before this channel is connected, when it is. The broadcast
    /// resolves to each recipient's own outcome: one that has no room does not keep the others from theirs.
    ///
    /// # Errors
    /// As [`To::emit`], where [`is_full`](Error::is_full) means that too many broadcasts wait for the channel to connect.
    pub fn emit<T: Serialize + ?Sized>(&self, event: &str, value: &T) -> Result<Broadcast, Error> {
        let envelope = self.options.envelope(self.channel, self.target, Kind::Message, event, value)?;
        self.channel.node().broadcast(envelope)
    }
}

impl Default for Options {
    fn default() -> Self {
        Options { deadline: None, headers: Headers::new() }
    }
}

impl Options {
    fn envelope<T: Serialize + ?Sized>(
        &self,
        channel: &Channel,
        target: Target,
        kind: Kind,
        event: &str,
        value: &T,
    ) -> Result<Envelope, Error> {
        let node = channel.node();
        let event = event_name(event)?;
        let encoded = node.codecs.encode(node.codec, value);
        let payload = encoded.map_err(|error| Error::new(ErrorKind::Codec, error.to_string()))?;
        let deadline =
            tokio::time::Instant::now().into_std().checked_add(self.deadline.unwrap_or(node.config.deadline));
        let envelope =
            Envelope { kind, headers: self.headers.clone(), deadline, ..Envelope::new(target, event, payload) };
        node.check_size(&envelope)?;
        Ok(envelope)
    }
}

pub(crate) fn event_name(event: &str) -> Result<Arc<str>, Error> {
    match event.len() {
        1..=MAX_EVENT => Ok(event.into()),
        _ => Err(Error::new(ErrorKind::Config, format!("an event's name must have 1 to {MAX_EVENT} bytes"))),
    }
}

fn decode<R: DeserializeOwned>(channel: &Channel, payload: &ipchannel_core::Payload) -> Result<R, Error> {
    let undecodable =
        |error| Error::caused(ErrorKind::Codec, "the answer is not of the type that was asked for", error);
    channel.node().codecs.decode(payload).map_err(undecodable)
}

/// Waits until `deadline`, for ever if there is none.
pub(crate) async fn until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline.into()).await,
        None => std::future::pending().await,
    }
}
