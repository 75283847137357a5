use std::task::Poll;

use futures_util::future::{join, join_all, poll_fn, select};
use ipchannel_core::Endpoint;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::Suite;
use super::support::{accepted, greet, task, together};
use crate::error::{BindError, ConnectError};
use crate::place::Place;
use crate::transport::{Listener, Transport};

/// More than fits into the smaller backlogs of transports under test.
const BURST: u8 = 100;

impl<T: Transport> Suite<T> {
    pub(super) async fn a_bind_is_exclusive(&self) {
        let place = self.place();
        let mut listener = self.transport.bind(&place).await.expect("a fresh place can be bound");
        assert_eq!(listener.endpoint().scheme(), self.transport.scheme());
        for _ in 0..3 {
            match self.transport.bind(&place).await {
                Err(BindError::InUse(endpoint)) => assert_eq!(&endpoint, listener.endpoint()),
                Err(error) => panic!("it should be taken, and is: {error}"),
                Ok(_) => panic!("two listeners at one place"),
            }
            let (mut here, mut there) = self.meet(&mut listener).await;
            greet(&mut here, &mut there).await;
        }
    }

    pub(super) async fn one_of_many_binds_wins(&self) {
        let place = self.place();
        for _ in 0..20 {
            let mut won: Vec<_> = join_all((0..20).map(|_| self.transport.bind(&place)))
                .await
                .into_iter()
                .filter_map(Result::ok)
                .collect();
            assert_eq!(won.len(), 1);
            self.meet(&mut won[0]).await;
        }
    }

    pub(super) async fn names_that_do_not_fit_are_refused(&self) {
        let Place { directory, .. } = self.place();
        for name in ["", "a/b", "../a", "a\\b", "a\0", "a b", "ä"] {
            match self.transport.bind(&Place::new(&directory, name)).await {
                Err(BindError::Name { name: refused }) => assert_eq!(refused, name),
                Err(error) => panic!("the name {name:?} should be refused, and there is: {error}"),
                Ok(_) => panic!("the name {name:?} should be refused"),
            }
        }
    }

    pub(super) async fn listeners_are_apart(&self) {
        let (mut one, mut other) = (self.listen().await, self.listen().await);
        assert_ne!(one.endpoint(), other.endpoint());
        let (mut to_one, mut at_one) = self.meet(&mut one).await;
        let (mut to_other, mut at_other) = self.meet(&mut other).await;
        greet(&mut to_other, &mut at_other).await;
        greet(&mut to_one, &mut at_one).await;
    }

    pub(super) async fn connecting_to_nobody_says_so(&self) {
        let listener = self.listen().await;
        let endpoint = listener.endpoint().clone();
        drop(listener);
        match self.transport.connect(&endpoint).await {
            Err(ConnectError::Nobody { endpoint: named, .. }) => assert_eq!(named, endpoint),
            Err(error) => panic!("nobody should listen, and there is: {error}"),
            Ok(_) => panic!("a connection to nobody"),
        }
    }

    pub(super) async fn foreign_endpoints_are_refused(&self) {
        let listener = self.listen().await;
        let foreign = Endpoint::new("not-my-scheme", listener.endpoint().address());
        let result = self.transport.connect(&foreign).await;
        assert!(matches!(result, Err(ConnectError::Endpoint(_))), "an endpoint of another scheme is accepted");
    }

    pub(super) async fn a_place_can_be_used_again(&self) {
        let place = self.place();
        for _ in 0..10 {
            let mut listener = self.transport.bind(&place).await.expect("a dropped listener frees its place");
            let (mut here, mut there) = self.meet(&mut listener).await;
            greet(&mut here, &mut there).await;
        }
    }

    pub(super) async fn connections_outlive_their_listener(&self) {
        let mut listener = self.listen().await;
        let (mut here, mut there) = self.meet(&mut listener).await;
        drop(listener);
        greet(&mut here, &mut there).await;
        greet(&mut there, &mut here).await;
    }

    pub(super) async fn a_dropped_listener_ends_what_waits(&self) {
        let listener = self.listen().await;
        let mut waits = self.transport.connect(listener.endpoint()).await.expect("a backlog has room for one");
        drop(listener);
        assert!(!matches!(waits.read(&mut [0]).await, Ok(1..)), "a byte out of nowhere");
    }

    pub(super) async fn many_connections_are_served_at_once(&self) {
        let mut listener = self.listen().await;
        let mut open = Vec::new();
        for _ in 0..BURST {
            open.push(self.meet(&mut listener).await);
        }
        // Every one stands while the others speak.
        together(open.iter_mut().map(|(here, there)| {
            task(async move {
                for _ in 0..10 {
                    greet(here, there).await;
                }
            })
        }))
        .await;
    }

    pub(super) async fn a_burst_is_accepted(&self) {
        let mut listener = self.listen().await;
        let endpoint = listener.endpoint().clone();
        let (mut served, mut heard) = (vec![false; BURST.into()], Vec::new());
        let dials = served.iter_mut().zip(0..BURST).map(|(served, number)| {
            let (transport, endpoint) = (&self.transport, &endpoint);
            task(async move {
                let mut connection = match transport.connect(endpoint).await {
                    // A system that cannot tell a full backlog from a closed one.
                    Err(ConnectError::Busy(_) | ConnectError::Nobody { .. }) => return,
                    result => result.expect("room, or a typed error"),
                };
                connection.write_all(&[number]).await.expect("it was accepted");
                assert_eq!(connection.read_u8().await.expect("it was accepted"), number);
                *served = true;
            })
        });
        // Nothing is accepted before all have dialled, as far as there is room.
        let mut dials = Box::pin(together(dials));
        for _ in 0..10 {
            assert!(poll_fn(|cx| Poll::Ready(dials.as_mut().poll(cx))).await.is_pending());
        }
        let accepts = async {
            loop {
                let mut connection = accepted(listener.accept().await);
                let number = connection.read_u8().await.expect("who connected speaks");
                connection.write_all(&[number]).await.expect("who connected listens");
                heard.push(number);
            }
        };
        select(dials, Box::pin(accepts)).await;
        heard.sort_unstable();
        let expected: Vec<_> = (0..BURST).filter(|number| served[usize::from(*number)]).collect();
        assert!(!expected.is_empty(), "nobody was served");
        assert_eq!(heard, expected, "who was accepted (left) is not who connected (right)");
    }

    pub(super) async fn diallers_that_vanish_harm_nobody(&self) {
        let mut listener = self.listen().await;
        let endpoint = listener.endpoint().clone();
        for _ in 0..20 {
            let vanishes = async { drop(self.transport.connect(&endpoint).await.expect("somebody listens")) };
            let ((), (_, byte)) = join(vanishes, Self::accept_and_hear(&mut listener)).await;
            assert_eq!(byte, None, "a byte out of nowhere");
        }
        let (mut here, mut there) = self.meet(&mut listener).await;
        greet(&mut here, &mut there).await;
    }
}
