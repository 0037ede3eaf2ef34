//! The doors to the disk that recordings go through: each operation by which something spoken is
//! kept or could be lost.
//!
//! A [`Disk`] is the file system itself. Tests hang [`Faults`] before it, which let the *n*-th
//! operation fail as a full, broken or read-only disk would: so every place where a disk can fail
//! is tried, and not only those that somebody thought of. SQLite has a door of its own
//! (`StoreConfig::vfs`).

use std::fs::{DirBuilder, File};
use std::io::{self, Read as _, Write as _};
use std::path::Path;
use std::sync::Arc;

/// What is done at a door.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Op {
    /// A file is made, or emptied, and opened.
    Create,
    /// Bytes are appended to a file.
    Write,
    /// A file's content is forced to the disk.
    Sync,
    /// A file takes another's place.
    Rename,
    /// A file is removed.
    Remove,
    /// A folder's entries are forced to the disk.
    SyncFolder,
    /// A folder is made.
    MakeFolder,
    /// A file is opened and read.
    Read,
}

/// What goes wrong.
#[derive(Debug)]
pub enum Fault {
    /// The operation fails with this error and does nothing.
    Error(io::Error),
    /// Of a write, only so many bytes arrive before it fails with this error.
    Short(usize, io::Error),
}

/// Says what goes wrong, operation by operation.
pub trait Faults: std::fmt::Debug + Send + Sync {
    /// Asked before each operation; `None` lets it pass.
    fn fault(&self, op: Op, file: &Path) -> Option<Fault>;
}

/// The file system. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Disk {
    faults: Option<Arc<dyn Faults>>,
}

impl Disk {
    /// A file system on which things go wrong.
    pub fn with_faults(faults: Arc<dyn Faults>) -> Self {
        Self { faults: Some(faults) }
    }

    fn pass(&self, op: Op, file: &Path) -> io::Result<()> {
        match self.faults.as_ref().and_then(|faults| faults.fault(op, file)) {
            None => Ok(()),
            Some(Fault::Error(error) | Fault::Short(_, error)) => Err(error),
        }
    }

    /// Makes a file for this user's eyes only, to append to. `fresh`: it must not be there yet;
    /// else one that is there is emptied.
    pub(crate) fn create(&self, file: &Path, fresh: bool) -> io::Result<File> {
        self.pass(Op::Create, file)?;
        let mut options = File::options();
        if fresh {
            options.create_new(true).append(true);
        } else {
            options.write(true).create(true).truncate(true);
        }
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        options.open(file)
    }

    /// Appends all of `bytes`; what an error leaves of them is not known.
    pub(crate) fn write(&self, out: &mut File, file: &Path, bytes: &[u8]) -> io::Result<()> {
        match self.faults.as_ref().and_then(|faults| faults.fault(Op::Write, file)) {
            None => out.write_all(bytes),
            Some(Fault::Error(error)) => Err(error),
            Some(Fault::Short(length, error)) => {
                out.write_all(bytes.get(..length).unwrap_or(bytes))?;
                Err(error)
            }
        }
    }

    /// Forces a file's content to the disk.
    pub(crate) fn sync(&self, out: &File, file: &Path) -> io::Result<()> {
        self.pass(Op::Sync, file)?;
        out.sync_all()
    }

    /// Puts a file into another's place.
    pub(crate) fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.pass(Op::Rename, to)?;
        std::fs::rename(from, to)
    }

    /// Removes a file. One that is gone already is no error.
    pub(crate) fn remove(&self, file: &Path) -> io::Result<()> {
        self.pass(Op::Remove, file)?;
        match std::fs::remove_file(file) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            removed => removed,
        }
    }

    /// Forces a folder's entries to the disk.
    pub(crate) fn sync_folder(&self, folder: &Path) -> io::Result<()> {
        self.pass(Op::SyncFolder, folder)?;
        File::open(folder)?.sync_all()
    }

    /// Makes a folder for this user's eyes only.
    pub(crate) fn make_folder(&self, folder: &Path) -> io::Result<()> {
        self.pass(Op::MakeFolder, folder)?;
        let mut builder = DirBuilder::new();
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(folder)
    }

    /// Reads a file, at most `largest` bytes of it.
    pub(crate) fn read(&self, file: &Path, largest: u64) -> io::Result<Vec<u8>> {
        self.pass(Op::Read, file)?;
        let mut bytes = Vec::new();
        File::open(file)?.take(largest).read_to_end(&mut bytes)?;
        Ok(bytes)
    }
}
