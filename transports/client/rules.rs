//! Who may have access to a folder and its files: what differs between Unix and other systems.

#[cfg(not(unix))]
pub(super) use other::*;
#[cfg(unix)]
pub(super) use unix::*;

#[cfg(unix)]
mod unix {
    extern crate std;

    use std::fs::{self, DirBuilder, File, Metadata, OpenOptions};
    use std::io;
    use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
    use std::path::Path;

    pub(in super::super) fn make(path: &Path) -> io::Result<()> {
        DirBuilder::new().recursive(true).mode(0o700).create(path)
    }

    pub(in super::super) fn private() -> OpenOptions {
        let mut options = OpenOptions::new();
        options.mode(0o600);
        options
    }

    pub(in super::super) fn flaw(found: &Metadata, folder: &Metadata) -> Option<&'static str> {
        match found.is_symlink() {
            true => Some("it is a symbolic link"),
            false if !is_of_one_user(found, folder) => Some("it belongs to another user"),
            false if found.mode() & 0o077 != 0 => Some("others have access to it: take that from them (chmod go=)"),
            false => None,
        }
    }

    pub(in super::super) fn is_of_one_user(one: &Metadata, other: &Metadata) -> bool {
        one.uid() == other.uid()
    }

    /// Whether the path still leads to the open file.
    pub(in super::super) fn is_at(file: &File, path: &Path) -> bool {
        let id = |found: Metadata| (found.dev(), found.ino());
        matches!((file.metadata().map(id), fs::symlink_metadata(path).map(id)), (Ok(one), Ok(other)) if one == other)
    }

    /// Makes the names in a folder durable.
    pub(in super::super) fn sync(folder: &Path) -> io::Result<()> {
        File::open(folder)?.sync_all()
    }
}

/// No modes and no users.
#[cfg(not(unix))]
mod other {
    extern crate std;

    use std::fs::{self, File, Metadata, OpenOptions};
    use std::io;
    use std::path::Path;

    pub(in super::super) fn make(path: &Path) -> io::Result<()> {
        fs::create_dir_all(path)
    }

    pub(in super::super) fn private() -> OpenOptions {
        OpenOptions::new()
    }

    pub(in super::super) fn flaw(found: &Metadata, _: &Metadata) -> Option<&'static str> {
        found.is_symlink().then_some("it is a symbolic link")
    }

    pub(in super::super) fn is_of_one_user(_: &Metadata, _: &Metadata) -> bool {
        true
    }

    pub(in super::super) fn is_at(_: &File, path: &Path) -> bool {
        path.exists()
    }

    pub(in super::super) fn sync(_: &Path) -> io::Result<()> {
        Ok(())
    }
}
