use std::io::IoSlice;
use std::pin::Pin;
use std::task::Poll;

use futures_util::future::poll_fn;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, split};

use super::Suite;
use super::support::{give_way, greet, task, together};
use crate::credentials::Credentials;
use crate::transport::{Connection, Transport};

const MIB: usize = 1024 * 1024;

impl<T: Transport> Suite<T> {
    pub(super) async fn bytes_go_both_ways(&self) {
        let (here, there) = self.meet(&mut self.listen().await).await;
        let (here_reads, here_writes) = split(here);
        let (there_reads, there_writes) = split(there);
        let seed = self.seed;
        together([
            // Tiny pieces one way and large ones the other.
            task(write_pattern(here_writes, 64 * 1024, 3, seed)),
            task(read_pattern(there_reads, 64 * 1024, 4096, seed)),
            task(write_pattern(there_writes, 4 * MIB, MIB, seed ^ 1)),
            task(read_pattern(here_reads, 4 * MIB, 64 * 1024, seed ^ 1)),
        ])
        .await;
    }

    pub(super) async fn vectored_writes_keep_their_order(&self) {
        let (mut here, mut there) = self.meet(&mut self.listen().await).await;
        let parts = [IoSlice::new(b""), IoSlice::new(b"one"), IoSlice::new(b"two"), IoSlice::new(b"three")];
        let written = here.write_vectored(&parts).await.expect("the other end is open");
        let mut heard = vec![0; written];
        there.read_exact(&mut heard).await.expect("it was written");
        assert!(written > 0 && b"onetwothree".starts_with(&heard), "{heard:?} is not the beginning of onetwothree");
    }

    pub(super) async fn a_writer_waits_for_its_reader(&self) {
        let (mut here, mut there) = self.meet(&mut self.listen().await).await;
        let (mut written, chunk) = (0, [7; 16 * 1024]);
        while let Some(more) = poll_fn(|cx| match Pin::new(&mut here).poll_write(cx, &chunk) {
            Poll::Ready(more) => Poll::Ready(Some(more.expect("the other end is open"))),
            Poll::Pending => Poll::Ready(None),
        })
        .await
        {
            written += more;
            assert!(written < 256 * MIB, "it takes without end what nobody reads");
        }
        let mut read = 0;
        let mut sink = vec![0; 64 * 1024];
        together([
            task(async {
                here.write_all(&chunk).await.expect("the other end is open");
            }),
            task(async {
                while read < written + chunk.len() {
                    read += there.read(&mut sink).await.expect("the other end is open");
                }
            }),
        ])
        .await;
    }

    pub(super) async fn a_drop_ends_the_other_side(&self) {
        for written in [0, 1, 10_000] {
            let (mut here, mut there) = self.meet(&mut self.listen().await).await;
            let chunk = vec![7; written];
            let mut heard = Vec::new();
            together([
                task(async move {
                    here.write_all(&chunk).await.expect("the other end is open");
                    here.flush().await.expect("the other end is open");
                }),
                task(async {
                    there.read_to_end(&mut heard).await.expect("nothing was left unread");
                }),
            ])
            .await;
            assert_eq!(heard.len(), written);
        }
    }

    pub(super) async fn a_drop_wakes_a_reader(&self) {
        let mut listener = self.listen().await;
        for dialler_drops in [true, false] {
            let (here, there) = self.meet(&mut listener).await;
            let (mut reads, drops): (Box<dyn Connection>, Box<dyn Connection>) =
                if dialler_drops { (Box::new(there), Box::new(here)) } else { (Box::new(here), Box::new(there)) };
            together([
                task(async move {
                    assert_eq!(reads.read(&mut [0]).await.expect("nothing was left unread"), 0);
                }),
                // The reader waits by now: tasks begin in order, and this one gives way once more.
                task(async move {
                    give_way().await;
                    drop(drops);
                }),
            ])
            .await;
        }
    }

    pub(super) async fn writing_to_a_closed_end_fails(&self) {
        let (mut here, there) = self.meet(&mut self.listen().await).await;
        drop(there);
        let chunk = [7; 16 * 1024];
        let mut written = 0;
        while here.write_all(&chunk).await.is_ok() {
            written += chunk.len();
            assert!(written < 256 * MIB, "it goes on without end");
        }
    }

    pub(super) async fn both_ends_know_whose_they_are(&self) {
        let (mut here, mut there) = self.meet(&mut self.listen().await).await;
        greet(&mut here, &mut there).await;
        let me = Credentials::of_this_process();
        for credentials in [here.peer_credentials(), there.peer_credentials()].into_iter().flatten() {
            assert_eq!(Some(credentials.uid), me.map(|me| me.uid), "the uid is not that of this process");
            let pid_fits = credentials.pid.is_none_or(|pid| pid == std::process::id());
            assert!(pid_fits, "the pid {:?} is not that of this process", credentials.pid);
        }
    }
}

/// Writes `total` pseudo-random bytes in pieces of at most `piece`.
async fn write_pattern(mut into: impl AsyncWrite + Unpin, total: usize, piece: usize, seed: u64) {
    let (mut bytes, mut sizes) = (fastrand::Rng::with_seed(seed), fastrand::Rng::with_seed(!seed));
    let (mut left, mut buffer) = (total, vec![0; piece]);
    while left > 0 {
        let size = sizes.usize(1..=piece).min(left);
        buffer[..size].fill_with(|| bytes.u8(..));
        into.write_all(&buffer[..size]).await.expect("the other end is open");
        left -= size;
    }
    into.flush().await.expect("the other end is open");
}

/// Reads what [`write_pattern`] has written and checks it.
async fn read_pattern(mut from: impl AsyncRead + Unpin, total: usize, piece: usize, seed: u64) {
    let mut bytes = fastrand::Rng::with_seed(seed);
    let (mut at, mut buffer) = (0, vec![0; piece]);
    while at < total {
        let read = from.read(&mut buffer).await.expect("the other end is open");
        assert!(read > 0, "it ends after {at} of {total} bytes");
        let wrong = buffer[..read].iter().position(|byte| *byte != bytes.u8(..));
        assert_eq!(wrong.map(|wrong| at + wrong), None, "a byte was changed");
        at += read;
    }
    assert_eq!(at, total);
}
