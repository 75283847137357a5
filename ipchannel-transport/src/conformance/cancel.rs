use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::Suite;
use super::support::{cancelled_after, give_way, greet, task, together};
use crate::transport::{Listener, Transport};

/// How many connections, and how many cancelled attempts for each.
const ROUNDS: u8 = 200;

impl<T: Transport> Suite<T> {
    pub(super) async fn a_cancelled_accept_loses_nothing(&self) {
        let (mut listener, mut random) = (self.listen().await, self.random());
        let endpoint = listener.endpoint().clone();
        let mut heard = Vec::new();
        let mut dialled = self.random();
        together([
            task(async {
                for number in 0..ROUNDS {
                    let mut connection = self.transport.connect(&endpoint).await.expect("somebody listens");
                    connection.write_all(&[number]).await.expect("somebody listens");
                    for _ in 0..dialled.u32(..4) {
                        give_way().await;
                    }
                }
            }),
            task(async {
                while heard.len() < ROUNDS.into() {
                    match cancelled_after(random.u32(..3), listener.accept()).await {
                        Some(connection) => heard.push(
                            connection.expect("the listener stands").read_u8().await.expect("who connected speaks"),
                        ),
                        None => give_way().await,
                    }
                }
            }),
        ])
        .await;
        assert_eq!(heard, (0..ROUNDS).collect::<Vec<_>>(), "connections are not accepted in order, each once");
    }

    pub(super) async fn a_cancelled_connect_harms_nobody(&self) {
        let (mut listener, mut random) = (self.listen().await, self.random());
        let endpoint = listener.endpoint().clone();
        for _ in 0..ROUNDS {
            if let Some(connected) = cancelled_after(random.u32(..3), self.transport.connect(&endpoint)).await {
                drop(connected.expect("somebody listens"));
            }
            // Those given up may be found waiting, at their end already; they are taken out of the way.
            cancelled_after(1, Self::accept_and_hear(&mut listener)).await;
        }
        let mut here = None;
        together([
            task(async {
                let mut connection = self.transport.connect(&endpoint).await.expect("somebody listens");
                connection.write_all(b"x").await.expect("somebody listens");
                here = Some(connection);
            }),
            task(async { while Self::accept_and_hear(&mut listener).await.1.is_none() {} }),
        ])
        .await;
        drop(here);
        let (mut here, mut there) = self.meet(&mut listener).await;
        greet(&mut here, &mut there).await;
    }

    pub(super) async fn cancelled_io_moves_nothing(&self) {
        const TOTAL: usize = 1024 * 1024;
        let (mut here, mut there) = self.meet(&mut self.listen().await).await;
        let (mut writes, mut reads) = (self.random(), fastrand::Rng::with_seed(!self.seed));
        let sent: Vec<u8> = std::iter::repeat_with(|| writes.u8(..)).take(TOTAL).collect();
        let mut heard = Vec::with_capacity(TOTAL);
        together([
            task(async {
                let mut at = 0;
                while at < TOTAL {
                    let piece = &sent[at..TOTAL.min(at + writes.usize(1..50_000))];
                    match cancelled_after(writes.u32(..3), here.write(piece)).await {
                        Some(written) => at += written.expect("the other end is open"),
                        None => give_way().await,
                    }
                }
            }),
            task(async {
                let mut buffer = vec![0; 50_000];
                while heard.len() < TOTAL {
                    let size = reads.usize(1..buffer.len());
                    match cancelled_after(reads.u32(..3), there.read(&mut buffer[..size])).await {
                        Some(read) => heard.extend_from_slice(&buffer[..read.expect("the other end is open")]),
                        None => give_way().await,
                    }
                }
            }),
        ])
        .await;
        assert!(heard == sent, "bytes were lost, doubled or changed");
    }
}
