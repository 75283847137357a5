//! Bytes as a stranger could send them: hellos made by hand, good and bad.

use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::time::Duration;

/// The first words on a connection, to be spoilt.
#[derive(Clone, Debug)]
pub struct Hello {
    /// The version of the protocol.
    pub version: u16,
    /// The channel's name.
    pub channel: String,
    /// The number of a guest.
    pub guest: u64,
    /// The id it is for.
    pub to: u32,
    /// Which life of it.
    pub incarnation: u64,
}

impl Hello {
    /// As bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut body = Vec::new();
        body.extend((self.channel.len() as u32).to_be_bytes());
        body.extend(self.channel.as_bytes());
        body.push(1);
        body.extend(self.guest.to_be_bytes());
        body.extend(self.to.to_be_bytes());
        body.extend(self.incarnation.to_be_bytes());
        body.extend(1u64.to_be_bytes());
        body.push(0);
        let mut hello = b"\xabipc".to_vec();
        hello.extend(self.version.to_be_bytes());
        hello.extend((body.len() as u16).to_be_bytes());
        hello.extend(body);
        hello
    }
}

/// Sends the bytes, says nothing more if `hang_up`, and reads until the other end closes the connection. Returns what it
/// said.
///
/// # Errors
/// If the other end keeps the connection open for longer than `patience`.
pub fn talk(socket: &str, bytes: &[u8], hang_up: bool, patience: Duration) -> io::Result<Vec<u8>> {
    let mut stream = UnixStream::connect(socket)?;
    stream.set_read_timeout(Some(patience))?;
    stream.set_write_timeout(Some(patience))?;
    let mut heard = Vec::new();
    // It may close the connection before it has read everything.
    let closed = |error: &io::Error| matches!(error.kind(), io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset);
    if let Err(error) = stream.write_all(bytes)
        && !closed(&error)
    {
        return Err(error);
    }
    if hang_up {
        let _ = stream.shutdown(std::net::Shutdown::Write);
    }
    match stream.read_to_end(&mut heard) {
        Err(error) if !closed(&error) => Err(error),
        _ => Ok(heard),
    }
}
