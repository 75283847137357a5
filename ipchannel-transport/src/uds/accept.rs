use std::io;
use std::time::Duration;

use ipchannel_core::Endpoint;
use rustix::io::Errno;
use tokio::net::UnixListener;
use tokio::time::{Instant, sleep_until};

use super::bind::SocketFile;
use super::connection::{Connection, Stranger};
use crate::error::AcceptError;

/// Accepts connections of the same user at a socket file.
#[derive(Debug)]
pub struct Listener {
    // Dropped before the socket, as it asks for.
    _file: SocketFile,
    socket: UnixListener,
    endpoint: Endpoint,
    pause: Pause,
    refused: u64,
}

impl Listener {
    pub(super) fn new(endpoint: Endpoint, file: SocketFile, socket: UnixListener) -> Self {
        Listener { _file: file, socket, endpoint, pause: Pause::default(), refused: 0 }
    }
}

impl crate::Listener for Listener {
    type Connection = Connection;

    fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    async fn accept(&mut self) -> Result<Connection, AcceptError> {
        loop {
            let (stream, _) = accept_patiently(&mut self.pause, || self.socket.accept())
                .await
                .map_err(|source| AcceptError::Broken { endpoint: self.endpoint.clone(), source })?;
            match Connection::check(stream) {
                Ok(connection) => return Ok(connection),
                Err(Stranger::User(uid)) => {
                    self.refused += 1;
                    // Another user can repeat it at will, and shall not fill the logs.
                    if self.refused.is_power_of_two() {
                        tracing::warn!(endpoint = %self.endpoint, uid, times = self.refused, "refused another user");
                    }
                }
                Err(Stranger::Gone(error)) => {
                    tracing::debug!(endpoint = %self.endpoint, %error, "a connection ended before it was accepted");
                }
            }
        }
    }

    fn refused(&self) -> u64 {
        self.refused
    }
}

/// Calls `accept` until it succeeds or can never succeed again, with pauses between failures.
async fn accept_patiently<T, F>(pause: &mut Pause, mut accept: impl FnMut() -> F) -> io::Result<T>
where
    F: Future<Output = io::Result<T>>,
{
    loop {
        pause.end().await;
        match accept().await {
            Ok(accepted) => {
                *pause = Pause::default();
                return Ok(accepted);
            }
            Err(error) if is_final(&error) => return Err(error),
            Err(error) => {
                pause.begin();
                if pause.failures.is_power_of_two() {
                    tracing::warn!(%error, times = pause.failures, "cannot accept a connection, and will try again");
                }
            }
        }
    }
}

fn is_final(error: &io::Error) -> bool {
    matches!(Errno::from_io_error(error), Some(Errno::BADF | Errno::INVAL | Errno::NOTSOCK | Errno::OPNOTSUPP))
}

/// A pause that grows with each failure. It is kept beside the future that waits for it, which may be dropped and made
/// anew a thousand times a second.
#[derive(Debug, Default)]
struct Pause {
    failures: u64,
    until: Option<Instant>,
}

impl Pause {
    const SHORTEST: Duration = Duration::from_millis(5);
    const LONGEST: Duration = Duration::from_millis(500);

    fn begin(&mut self) {
        let doubled = 1 << self.failures.min(10);
        self.failures += 1;
        self.until = Some(Instant::now() + (Self::SHORTEST * doubled).min(Self::LONGEST));
    }

    async fn end(&mut self) {
        if let Some(until) = self.until {
            sleep_until(until).await;
            self.until = None;
        }
    }
}

#[cfg(test)]
#[path = "accept_tests.rs"]
mod tests;
