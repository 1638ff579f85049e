//! A file for a token: readable by its owner alone, and replaced as a whole or not at all, whoever else writes it or dies at it.
//!
//! It wants the crate `tempfile`. Each error names the path.

use std::fs;
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

use location_auth::SavedToken;
use tempfile::NamedTempFile;

/// A draft beside the file that it is to replace, of a name that nobody else has. Dropped without [`commit`](Self::commit), it is removed.
pub struct TokenFile {
    target: PathBuf,
    draft: NamedTempFile,
}

impl TokenFile {
    /// Made before the login, so that a new token has a place to go.
    pub fn create(target: &Path) -> io::Result<Self> {
        let create = || {
            let target = followed(target)?;
            if target.file_name().is_none() || target.is_dir() {
                return Err(ErrorKind::IsADirectory.into());
            }
            fs::metadata(folder(&target))?; // told before the draft's name is
            // Of mode 600.
            let draft = NamedTempFile::new_in(folder(&target))?;
            Ok(Self { target, draft })
        };
        create().map_err(named(target))
    }

    /// Puts the token in the place of the file's content. When this has come back, a power cut takes nothing away.
    pub fn commit(self, token: &SavedToken) -> io::Result<()> {
        let Self { target, mut draft } = self;
        let path = target.clone();
        let commit = move || {
            draft.write_all(serde_json::to_string(token)?.as_bytes())?;
            draft.write_all(b"\n")?;
            draft.as_file().sync_all()?;
            draft.persist(&target)?;
            // The folder holds the file's new name.
            #[cfg(unix)]
            fs::File::open(folder(&target))?.sync_all()?;
            Ok(())
        };
        commit().map_err(named(&path))
    }
}

fn folder(file: &Path) -> &Path {
    file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// The file that a link leads to, since a rename would replace the link. The file need not exist yet.
fn followed(path: &Path) -> io::Result<PathBuf> {
    match (fs::canonicalize(path), fs::read_link(path)) {
        (Ok(file), _) => Ok(file),
        (Err(error), Ok(next)) if error.kind() == ErrorKind::NotFound => followed(&folder(path).join(next)),
        (Err(error), Err(_)) if error.kind() == ErrorKind::NotFound => Ok(path.to_owned()),
        (Err(error), _) => Err(error),
    }
}

fn named(path: &Path) -> impl Fn(io::Error) -> io::Error {
    move |error| io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}
