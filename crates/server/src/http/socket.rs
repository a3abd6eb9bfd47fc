//! A listener on a socket file, for its owner alone: what the operator's commands speak to beside a running server.

use std::fs::{self, Permissions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use tokio::net::{UnixListener, UnixSocket, UnixStream};

/// Connections that wait to be accepted.
const BACKLOG: u32 = 128;
const OWNER_ALONE: u32 = 0o600;

/// A listener on a socket file; the file goes with it.
#[derive(Debug)]
pub struct SocketListener {
    listener: UnixListener,
    path: PathBuf,
}

impl SocketListener {
    /// Makes the socket file, with mode 0600. One that a server left behind which is gone is replaced.
    ///
    /// # Errors
    /// `AddrInUse`: a server answers there. `AlreadyExists`: something that is no socket is there, and stays. Or the file cannot be
    /// made.
    pub async fn bind(path: &Path) -> io::Result<Self> {
        match UnixStream::connect(path).await {
            Ok(_) => return Err(at(path, ErrorKind::AddrInUse, "another server answers at this socket")),
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) if error.kind() == ErrorKind::ConnectionRefused => remove_stale(path)?,
            Err(error) => return Err(error),
        }
        let socket = UnixSocket::new_stream()?;
        socket.bind(path)?;
        // Nobody can connect before the socket listens.
        fs::set_permissions(path, Permissions::from_mode(OWNER_ALONE))?;
        Ok(Self { listener: socket.listen(BACKLOG)?, path: path.to_owned() })
    }

    pub(super) async fn accept(&self) -> io::Result<UnixStream> {
        Ok(self.listener.accept().await?.0)
    }
}

impl Drop for SocketListener {
    fn drop(&mut self) {
        // Whoever finds it left behind replaces it.
        let _ = fs::remove_file(&self.path);
    }
}

fn remove_stale(path: &Path) -> io::Result<()> {
    if fs::symlink_metadata(path)?.file_type().is_socket() {
        fs::remove_file(path)
    } else {
        Err(at(path, ErrorKind::AlreadyExists, "this file is no socket"))
    }
}

fn at(path: &Path, kind: ErrorKind, what: &str) -> io::Error {
    io::Error::new(kind, format!("{}: {what}", path.display()))
}
