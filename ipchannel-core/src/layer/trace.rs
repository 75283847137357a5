//! A tracing span for each request.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_service::Service;
use tracing::Span;

use crate::envelope::Envelope;

/// Makes the span of a request. Closures `Fn(&R) -> Span` do.
pub trait MakeSpan<R> {
    /// The span, made before the request is passed on.
    fn make_span(&self, request: &R) -> Span;
}

impl<R, F: Fn(&R) -> Span> MakeSpan<R> for F {
    fn make_span(&self, request: &R) -> Span {
        self(request)
    }
}

/// The span `send` of an [`Envelope`], at level TRACE, with its `target`, `kind`, `event` and `size` in bytes.
#[derive(Clone, Copy, Debug, Default)]
pub struct EnvelopeSpan;

impl MakeSpan<Envelope> for EnvelopeSpan {
    fn make_span(&self, envelope: &Envelope) -> Span {
        tracing::trace_span!(
            "send",
            target = ?envelope.target,
            kind = ?envelope.kind,
            event = &*envelope.event,
            size = envelope.size(),
        )
    }
}

/// Gives each request a span, which is entered for the call and each poll of the response, and ends with an event
/// that tells the outcome: at level TRACE, or DEBUG for a failure.
///
/// Where no subscriber asks for the span, all this costs is to look whether one does. Nothing is formatted.
///
/// ```
/// use ipchannel_core::layer::{BoxError, TraceLayer};
/// use tower::{Layer, ServiceExt, service_fn};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let double = service_fn(|n: u32| async move { Ok::<_, BoxError>(n * 2) });
/// let service = TraceLayer::with(|n: &u32| tracing::debug_span!("double", n)).layer(double);
/// assert_eq!(service.oneshot(21).await.unwrap(), 42);
/// # }
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct TraceLayer<M = EnvelopeSpan> {
    make_span: M,
}

impl TraceLayer {
    /// The layer for envelopes.
    pub const fn new() -> Self {
        TraceLayer { make_span: EnvelopeSpan }
    }
}

impl<M> TraceLayer<M> {
    /// The layer for requests whose spans `make_span` makes: a closure `Fn(&R) -> Span`, or any [`MakeSpan`].
    pub const fn with(make_span: M) -> Self {
        TraceLayer { make_span }
    }
}

impl<S, M: Clone> Layer<S> for TraceLayer<M> {
    type Service = Trace<S, M>;

    fn layer(&self, inner: S) -> Trace<S, M> {
        Trace { inner, make_span: self.make_span.clone() }
    }
}

/// The service of a [`TraceLayer`].
#[derive(Clone, Debug)]
pub struct Trace<S, M = EnvelopeSpan> {
    inner: S,
    make_span: M,
}

impl<S, M> Trace<S, M> {
    /// The inner service.
    pub fn get_ref(&self) -> &S {
        &self.inner
    }

    /// The inner service.
    pub fn get_mut(&mut self) -> &mut S {
        &mut self.inner
    }

    /// The inner service, taken out.
    pub fn into_inner(self) -> S {
        self.inner
    }
}

impl<S, R, M> Service<R> for Trace<S, M>
where
    S: Service<R>,
    S::Error: fmt::Display,
    M: MakeSpan<R>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = TraceFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: R) -> Self::Future {
        let span = self.make_span.make_span(&request);
        let inner = span.in_scope(|| self.inner.call(request));
        TraceFuture { inner, span }
    }
}

pin_project! {
    /// The response of a [`Trace`].
    #[derive(Debug)]
    pub struct TraceFuture<F> {
        #[pin]
        inner: F,
        span: Span,
    }
}

impl<F, T, E> Future for TraceFuture<F>
where
    F: Future<Output = Result<T, E>>,
    E: fmt::Display,
{
    type Output = Result<T, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let _entered = this.span.enter();
        let output = ready!(this.inner.poll(cx));
        if !this.span.is_disabled() {
            match &output {
                Ok(_) => tracing::trace!("done"),
                Err(error) => tracing::debug!(%error, "failed"),
            }
        }
        Poll::Ready(output)
    }
}

#[cfg(test)]
#[path = "trace_tests.rs"]
mod tests;
