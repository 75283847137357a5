use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::PathBuf;

use ipchannel_core::Endpoint;
use rustix::fs::Mode;
use rustix::io::Errno;
use tokio::net::UnixSocket;

use super::{Listener, PATH_LIMIT, SCHEME};
use crate::error::BindError;
use crate::place::Place;

pub(super) fn bind(place: &Place, backlog: u32) -> Result<Listener, BindError> {
    let path = place.file(".sock")?;
    if path.len() > PATH_LIMIT {
        return Err(BindError::TooLong { path, limit: PATH_LIMIT });
    }
    let endpoint = Endpoint::new(SCHEME, &path);
    let failed = |source| BindError::Io { at: endpoint.to_string(), source };

    let socket = UnixSocket::new_stream().map_err(failed)?;
    narrow(&socket).map_err(failed)?;
    socket.bind(&path).map_err(|source| match source.kind() {
        io::ErrorKind::AddrInUse => BindError::InUse(endpoint.clone()),
        _ => failed(source),
    })?;
    let file = SocketFile::new(path.into()).map_err(failed)?;
    // Where `narrow` has no effect, and where the umask takes too much away. Until it listens, connecting is refused.
    fs::set_permissions(&file.path, Permissions::from_mode(0o600)).map_err(failed)?;
    let socket = socket.listen(backlog).map_err(failed)?;
    Ok(Listener::new(endpoint, file, socket))
}

/// Gives an unbound socket the mode that its file is to be made with.
///
/// A chmod between bind and listen is too late: Linux checks the mode when it finds the file and whether it listens
/// afterwards, so that who has found a file of mode 0777 may be let in once it listens. Systems that know no mode of a
/// socket say `EINVAL`; there the private directory alone keeps others out for that instant.
fn narrow(socket: &UnixSocket) -> io::Result<()> {
    match rustix::fs::fchmod(socket, Mode::RUSR | Mode::WUSR) {
        Ok(()) | Err(Errno::INVAL) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// The file of a bound socket. Dropping it removes the file, unless the path leads to another one by now.
///
/// The socket must outlive it: as long as the socket is open, no other file has its inode number.
#[derive(Debug)]
pub(super) struct SocketFile {
    path: PathBuf,
    device: u64,
    inode: u64,
}

impl SocketFile {
    fn new(path: PathBuf) -> io::Result<Self> {
        let found = fs::symlink_metadata(&path)?;
        Ok(SocketFile { path, device: found.dev(), inode: found.ino() })
    }

    fn remove(&self) -> io::Result<()> {
        let found = fs::symlink_metadata(&self.path)?;
        if (found.dev(), found.ino()) == (self.device, self.inode) {
            fs::remove_file(&self.path)?;
        }
        Ok(())
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        if let Err(error) = self.remove() {
            tracing::debug!(path = %self.path.display(), %error, "the socket file was gone before its listener");
        }
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn the_file_is_not_open_to_others_even_before_it_is_narrowed_by_path() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.sock");
        let socket = UnixSocket::new_stream().unwrap();
        narrow(&socket).unwrap();
        socket.bind(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o077, 0);
    }
}
