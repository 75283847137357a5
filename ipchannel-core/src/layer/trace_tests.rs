use std::fmt::Write;
use std::sync::{Arc, Mutex};

use tokio_test::assert_ready;
use tokio_test::task;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::Interest;
use tracing::{Event, Metadata, Subscriber};

use super::*;
use crate::envelope::{CodecId, Payload, Target};
use crate::layer::probe::{Failure, OPEN, probe};
use crate::peer::PeerId;

/// Writes down what it is told, one line each.
#[derive(Clone, Default)]
struct Notes(Arc<Mutex<Vec<String>>>);

struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        write!(self.0, " {field}={value:?}").unwrap();
    }
}

impl Notes {
    fn note(&self, line: Line) {
        self.0.lock().unwrap().push(line.0);
    }
}

impl Subscriber for Notes {
    /// "Always" would go for the other tests, too.
    fn register_callsite(&self, _: &'static Metadata<'static>) -> Interest {
        Interest::sometimes()
    }

    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("ipchannel_core")
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        let mut line = Line(format!("span {}", span.metadata().name()));
        span.record(&mut line);
        self.note(line);
        Id::from_u64(1)
    }

    fn event(&self, event: &Event<'_>) {
        let mut line = Line(format!("{}", event.metadata().level()));
        event.record(&mut line);
        self.note(line);
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

fn envelope() -> Envelope {
    let payload = Payload { codec: CodecId(0), data: "12345".into() };
    Envelope::new(Target::Peer(PeerId::FIRST), "paint", payload)
}

fn send(service: &mut impl Service<Envelope, Error = Failure>) -> Result<(), Failure> {
    let mut service = task::spawn(service);
    assert_ready!(service.enter(|cx, mut service| service.poll_ready(cx)))?;
    let response = service.enter(|_, mut service| service.call(envelope()));
    assert_ready!(task::spawn(response).poll()).map(drop)
}

#[test]
fn an_envelope_gets_a_span_and_its_outcome_an_event() {
    let notes = Notes::default();
    let (service, control) = probe(OPEN);
    let mut service = TraceLayer::new().layer(service);
    tracing::subscriber::with_default(notes.clone(), || {
        send(&mut service).unwrap();
        control.fail(Failure::Plain("no"));
        send(&mut service).unwrap_err();
    });
    let span = "span send target=Peer(peer 1) kind=Message event=\"paint\" size=10";
    let expected = [span, "TRACE message=done", span, "DEBUG message=failed error=no"];
    assert_eq!(*notes.0.lock().unwrap(), expected);
}

#[test]
fn without_a_subscriber_nothing_is_made() {
    let (service, control) = probe(OPEN);
    let mut service = TraceLayer::new().layer(service);
    send(&mut service).unwrap();
    assert_eq!(control.calls().len(), 1);
    assert!(EnvelopeSpan.make_span(&envelope()).is_disabled());
}

#[test]
fn requests_of_any_kind_get_the_span_of_a_closure() {
    let notes = Notes::default();
    let (service, _control) = probe(OPEN);
    let mut service = TraceLayer::with(|_: &Envelope| tracing::info_span!("own")).layer(service);
    tracing::subscriber::with_default(notes.clone(), || send(&mut service).unwrap());
    assert_eq!(notes.0.lock().unwrap()[0], "span own");
}
