use super::*;
use crate::memory::Memory;
use crate::{Listener, Place};

#[tokio::test]
async fn an_unknown_scheme_is_named_beside_the_known_ones() {
    let registry = Registry::default().with(Memory::new());
    let error = registry.connect(&Endpoint::new("pigeon", "roof")).await.err().unwrap();
    let ConnectError::UnknownScheme(error) = error else { panic!("{error:?}") };
    assert_eq!(error, UnknownScheme { scheme: "pigeon".into(), known: vec!["memory".into(), "uds".into()] });
    assert!(error.to_string().contains("`pigeon`") && error.to_string().contains("memory, uds"), "{error}");
}

#[tokio::test]
async fn a_later_transport_takes_the_place_of_an_earlier_one_of_its_scheme() {
    let (first, second) = (Memory::new(), Memory::new());
    let registry = Registry::empty().with(first.clone()).with(second.clone());
    let listener = second.bind(&Place::new("/", "a")).await.unwrap();
    assert!(first.connect(listener.endpoint()).await.is_err());
    registry.connect(listener.endpoint()).await.unwrap();
}
