//! A file for a token: readable by its owner alone, and replaced as a whole or not at all.

use std::fs::{File, OpenOptions, remove_file, rename};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use location_auth::SavedToken;

/// A file that is being written beside the one that it is to replace. Dropped without [`commit`](Self::commit), it is removed.
pub struct TokenFile {
    target: PathBuf,
    draft: PathBuf,
    file: File,
}

impl TokenFile {
    /// Made before the login, so that no token that lives for ever is bought and then has nowhere to go.
    pub fn create(target: &Path) -> io::Result<Self> {
        let name = target.file_name().ok_or(io::ErrorKind::InvalidInput)?.to_string_lossy();
        let draft = target.with_file_name(format!(".{name}.{}", std::process::id()));
        let mut options = OpenOptions::new();
        // A file or a link that somebody else put there is not written to.
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options.open(&draft)?;
        Ok(Self { target: target.to_owned(), draft, file })
    }

    pub fn commit(mut self, token: &SavedToken) -> io::Result<()> {
        serde_json::to_writer(&mut self.file, token)?;
        self.file.write_all(b"\n")?;
        self.file.sync_all()?;
        rename(&self.draft, &self.target)
    }
}

impl Drop for TokenFile {
    fn drop(&mut self) {
        // After a commit there is no draft any more.
        let _ = remove_file(&self.draft);
    }
}
