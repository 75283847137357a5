use std::io::{self, ErrorKind};
use std::path::Path;
use std::time::Duration;

use ipchannel_core::Endpoint;
use tokio::net::UnixStream;
use tokio::time::{Instant, sleep};

use super::connection::{Connection, Stranger};
use super::{PATH_LIMIT, SCHEME};
use crate::PATIENCE;
use crate::error::ConnectError;

const LONGEST_WAIT: Duration = Duration::from_millis(50);

pub(super) async fn connect(endpoint: &Endpoint) -> Result<Connection, ConnectError> {
    let path = Path::new(endpoint.address());
    if endpoint.scheme() != SCHEME || !path.is_absolute() || endpoint.address().len() > PATH_LIMIT {
        return Err(ConnectError::Endpoint(endpoint.clone()));
    }
    let stream = dial(path).await.map_err(|source| explain(endpoint.clone(), source))?;
    Connection::check(stream).map_err(|stranger| match stranger {
        Stranger::User(uid) => ConnectError::OtherUser { endpoint: endpoint.clone(), uid: Some(uid), source: None },
        Stranger::Gone(source) => ConnectError::Io { endpoint: endpoint.clone(), source },
    })
}

/// Connects, and waits for room in the backlog. The system has no event for that, so it asks again after some time,
/// which differs from dialler to dialler.
async fn dial(path: &Path) -> io::Result<UnixStream> {
    let give_up = Instant::now() + PATIENCE;
    let mut wait = Duration::from_millis(1);
    loop {
        match UnixStream::connect(path).await {
            Err(full) if full.kind() == ErrorKind::WouldBlock && Instant::now() < give_up => {
                sleep(wait.mul_f64(0.5 + fastrand::f64() / 2.0)).await;
                wait = (wait * 2).min(LONGEST_WAIT);
            }
            result => return result,
        }
    }
}

fn explain(endpoint: Endpoint, source: io::Error) -> ConnectError {
    match source.kind() {
        ErrorKind::NotFound | ErrorKind::ConnectionRefused => ConnectError::Nobody { endpoint, source },
        ErrorKind::WouldBlock => ConnectError::Busy(endpoint),
        ErrorKind::PermissionDenied => ConnectError::OtherUser { endpoint, uid: None, source: Some(source) },
        _ => ConnectError::Io { endpoint, source },
    }
}
