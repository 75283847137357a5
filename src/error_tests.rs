use super::*;
use ipchannel_core::PeerId;

type Predicate = (&'static str, fn(&Error) -> bool);

const PREDICATES: [Predicate; 9] = [
    ("timeout", Error::is_timeout),
    ("closed", Error::is_closed),
    ("full", Error::is_full),
    ("too large", Error::is_too_large),
    ("unreachable", Error::is_unreachable),
    ("unhandled", Error::is_unhandled),
    ("remote", Error::is_remote),
    ("codec", Error::is_codec),
    ("identity held", Error::is_identity_held),
];

fn is(error: &Error) -> Vec<&'static str> {
    PREDICATES.iter().filter(|(_, holds)| holds(error)).map(|(name, _)| *name).collect()
}

fn of_kind(kind: ErrorKind) -> Vec<&'static str> {
    is(&Error::new(kind, "text"))
}

#[test]
fn each_kind_is_one_thing_or_nothing_that_can_be_asked_for() {
    assert_eq!(of_kind(ErrorKind::Config), [] as [&str; 0]);
    assert_eq!(of_kind(ErrorKind::Runtime), [] as [&str; 0]);
    assert_eq!(of_kind(ErrorKind::Io), [] as [&str; 0]);
    assert_eq!(of_kind(ErrorKind::Identity), ["identity held"]);
    assert_eq!(of_kind(ErrorKind::Codec), ["codec"]);
    assert_eq!(of_kind(ErrorKind::Timeout), ["timeout"]);
    assert_eq!(of_kind(ErrorKind::Unhandled), ["unhandled"]);
    assert_eq!(of_kind(ErrorKind::Remote), ["remote"]);
    assert_eq!(is(&Error::closed()), ["closed"]);
}

#[test]
fn what_was_not_accepted_says_why() {
    assert_eq!(is(&SendError::Full.into()), ["full"]);
    assert_eq!(is(&SendError::TooLarge { size: 2, limit: 1 }.into()), ["too large"]);
    assert_eq!(is(&SendError::Closed.into()), ["closed"]);
}

#[test]
fn what_was_not_delivered_says_why_and_how_certain_that_is() {
    let reasons = [
        (Reason::Deadline, vec!["timeout"]),
        (Reason::Closed, vec!["closed"]),
        (Reason::PeerGone(PeerId::FIRST), vec!["unreachable"]),
        (Reason::PeerReplaced(PeerId::FIRST), vec!["unreachable"]),
        (Reason::NotAccepted(SendError::Full), vec![]),
        (Reason::Layer("no".into()), vec![]),
    ];
    for (reason, expected) in reasons {
        for undelivered in [Undelivered::NotDelivered(reason.clone()), Undelivered::Unknown(reason)] {
            let error = Error::from(undelivered.clone());
            assert_eq!(is(&error), expected, "{error}");
            assert_eq!(error.undelivered(), Some(&undelivered));
            assert_eq!(error.to_string(), undelivered.to_string());
        }
    }
    assert_eq!(Error::from(SendError::Full).undelivered(), None);
}

#[test]
fn the_cause_is_in_the_source_and_not_in_the_text() {
    let error = Error::caused(ErrorKind::Io, "cannot do it", "because");
    assert_eq!(error.to_string(), "cannot do it");
    assert_eq!(error.source().map(ToString::to_string).as_deref(), Some("because"));
    assert!(Error::closed().source().is_none());
    let debug = format!("{error:?}");
    assert!(debug.contains("Io") && debug.contains("because"), "{debug}");
}
