//! Handlers of any type behind one.

use std::fmt::Display;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use ipchannel_codec::Codecs;
use ipchannel_core::Payload;
use ipchannel_core::link::Delivery;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::sender::Sender;

/// What a handler may return: nothing, or a result whose error is told to [`Channel::events`](crate::Channel::events).
pub trait HandlerOutput {
    /// `Err` with what went wrong, as text.
    fn into_result(self) -> Result<(), String>;
}

impl HandlerOutput for () {
    fn into_result(self) -> Result<(), String> {
        Ok(())
    }
}

impl<E: Display> HandlerOutput for Result<(), E> {
    fn into_result(self) -> Result<(), String> {
        self.map_err(|error| error.to_string())
    }
}

/// A payload, or what went wrong as text.
pub(crate) type Answered = Result<Payload, String>;

pub(crate) type Handler = Arc<dyn Fn(&Delivery) -> BoxFuture<'static, Result<(), String>> + Send + Sync>;
pub(crate) type Answer = Arc<dyn Fn(&Delivery) -> BoxFuture<'static, Answered> + Send + Sync>;

fn decode<T: DeserializeOwned>(codecs: &Codecs, arrival: &Delivery) -> Result<(Sender, T), String> {
    let value = codecs.decode(&arrival.envelope.payload).map_err(|error| error.to_string())?;
    Ok((Sender::new(arrival.from, arrival.redelivered, arrival.envelope.headers.clone()), value))
}

pub(crate) fn handler<T, F, Fut>(codecs: Arc<Codecs>, f: F) -> Handler
where
    T: DeserializeOwned,
    F: Fn(Sender, T) -> Fut + Send + Sync + 'static,
    Fut: Future<Output: HandlerOutput> + Send + 'static,
{
    Arc::new(move |arrival| match decode(&codecs, arrival) {
        Ok((sender, value)) => f(sender, value).map(HandlerOutput::into_result).boxed(),
        Err(error) => async { Err(error) }.boxed(),
    })
}

pub(crate) fn answer<T, R, E, F, Fut>(codecs: Arc<Codecs>, f: F) -> Answer
where
    T: DeserializeOwned,
    R: Serialize,
    E: Display,
    F: Fn(Sender, T) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<R, E>> + Send + 'static,
{
    Arc::new(move |arrival| {
        // The reply speaks the caller's codec: it certainly reads that.
        let (codec, codecs2) = (arrival.envelope.payload.codec, codecs.clone());
        match decode(&codecs, arrival) {
            Ok((sender, value)) => f(sender, value)
                .map(move |result| {
                    let value = result.map_err(|error| error.to_string())?;
                    codecs2.encode(codec, &value).map_err(|error| error.to_string())
                })
                .boxed(),
            Err(error) => async { Err(error) }.boxed(),
        }
    })
}

/// Runs a handler to its end; a panic is a failure like any other.
pub(super) async fn run<T>(start: impl FnOnce() -> BoxFuture<'static, Result<T, String>>) -> Result<T, String> {
    // The handler's state may be inconsistent after a panic; only the handler itself sees it again.
    let run = AssertUnwindSafe(async { start().await }).catch_unwind();
    run.await.unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<&str>().copied();
        let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
        Err(format!("the handler panicked: {}", text.unwrap_or("no message")))
    })
}
