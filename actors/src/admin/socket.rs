//! The socket in the file system: made for its owner alone, taken over from a server that was
//! killed, and gone when the server is.

use std::io::ErrorKind;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::os::unix::net::{UnixListener as StdListener, UnixStream};
use std::path::{Path, PathBuf};

use tokio::net::UnixListener;

use super::{AdminError, path};

/// The longest path of a socket: `sun_path` of unix(7) without its closing zero.
const LONGEST_PATH: usize = 107;

/// The socket. Dropping it removes its file.
#[derive(Debug)]
pub struct Socket {
    pub(super) listener: UnixListener,
    path: PathBuf,
    inode: u64,
}

/// Whether a socket can be in this storage folder at all.
///
/// # Errors
/// When its path would be too long.
pub fn check_length(storage: &Path) -> Result<(), AdminError> {
    let path = path(storage);
    let length = path.as_os_str().as_bytes().len();
    if length > LONGEST_PATH {
        return Err(AdminError::PathTooLong { path, length, most: LONGEST_PATH });
    }
    Ok(())
}

impl Socket {
    /// Makes the socket in the storage folder, in the place of one that nobody listens on.
    ///
    /// # Errors
    /// When somebody does, or it can't be made.
    pub fn bind(storage: &Path) -> Result<Self, AdminError> {
        check_length(storage)?;
        let path = path(storage);
        if UnixStream::connect(&path).is_ok() {
            return Err(AdminError::InUse(path));
        }
        match listen(storage, &path) {
            Ok((listener, inode)) => Ok(Self { listener, path, inode }),
            Err(cause) => Err(AdminError::Unusable { path, cause }),
        }
    }
}

/// Made under another name: in its own it is there only with its permissions.
fn listen(storage: &Path, path: &Path) -> std::io::Result<(UnixListener, u64)> {
    // No longer than the name itself.
    let fresh = storage.join("hark.new");
    match std::fs::remove_file(&fresh) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    let listener = StdListener::bind(&fresh)?;
    std::fs::set_permissions(&fresh, std::fs::Permissions::from_mode(0o600))?;
    let inode = std::fs::symlink_metadata(&fresh)?.ino();
    std::fs::rename(&fresh, path)?;
    listener.set_nonblocking(true)?;
    Ok((UnixListener::from_std(listener)?, inode))
}

impl Drop for Socket {
    fn drop(&mut self) {
        // Another server's socket is not ours to remove.
        let ours = |file: std::fs::Metadata| file.ino() == self.inode;
        if std::fs::symlink_metadata(&self.path).is_ok_and(ours)
            && let Err(error) = std::fs::remove_file(&self.path)
        {
            tracing::warn!(%error, path = %self.path.display(), "the socket can't be removed");
        }
    }
}
