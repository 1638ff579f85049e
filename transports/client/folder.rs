//! A store that is a folder.

extern crate std;

use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt::{self, Write as _};
use core::time::Duration;
use std::fs::{self, File, Metadata};
use std::io::{self, ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Instant;

use fs4::{FileExt, TryLockError};
use location_auth::store::{Record, RecordKey, Stored};

use super::on_a_thread::on_a_thread;
use super::rules;
use super::store::{AsyncTokenStore, StoreError, TokenStore};

/// A store for blocking and async clients: a folder for one owner, with a file for each record (feature `folder`).
///
/// ```no_run
/// use location_auth::transports::client::{Client, Folder};
/// use location_auth::{Owner, Session};
///
/// # fn example<T: location_auth::transports::Transport>(session: Session, owner: Owner, transport: T) -> std::io::Result<()> {
/// let folder = Folder::new("/var/lib/salon-sync/owner-1")?;
/// let client = Client::with_owner(session, owner, transport, folder);
/// # Ok(())
/// # }
/// ```
///
/// - **One owner has one folder.** A User Access Token does not say whose it is. All processes of the owner on one machine share the folder.
/// - **A record is whole.** It is written to a new file, synced and renamed, and the folder is synced. A process that is killed meanwhile leaves
///   the old record, and a file `….new`, which the next write replaces.
/// - **A turn is a lock of the operating system** on a file `….lock`, which the end of the process frees. The lock files stay: if one was removed
///   between, two callers could each lock a file of that name. Who removes one takes the turn from its holder, whose write then fails (on Unix).
/// - **Use a local disk.** On NFS and other network file systems each machine may have a lock of its own, or one is lost and nobody is told. Then
///   a token may be requested twice.
/// - **Nobody else has access.** On Unix the folder has the mode 0700 and its files 0600, and all belong to the user of the process. Otherwise
///   that is an error, and so is a symbolic link. Windows has no such modes: there only links are refused, and the folder inherits its parent's
///   access list.
/// - **The files are not encrypted.** Use an encrypted disk, or a store of your own over the operating system's secret store.
/// - **A read-only folder** serves the tokens that it has. If one has to be requested, the write before that fails, and nothing is sent.
/// - **A file is named after its record**, as `staging-location-loc-1.json`. Other characters than small ASCII letters, digits, `-` and `_` are
///   written as `%41`, so that `A` and `a` are two names everywhere. A name of more than 255 bytes is an error.
/// - **An async client** waits and writes on threads of its own, on any executor or none.
#[derive(Clone, Debug)]
pub struct Folder {
    path: PathBuf,
    wait: Duration,
}

/// The right to write one record of a [`Folder`].
#[derive(Clone)]
pub struct FolderTurn {
    name: String,
    /// Why there is none: the folder can't be written to. A write on another thread keeps it to its end.
    lock: Result<Arc<File>, Arc<str>>,
}

impl fmt::Debug for FolderTurn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FolderTurn").field("name", &self.name).finish_non_exhaustive()
    }
}

/// Longer than a token request takes with the time-outs that are usual.
const DEFAULT_WAIT: Duration = Duration::from_secs(60);
const LONGEST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_NAME: usize = 255;
/// A token is at most 64 KiB long, and a character of it has six bytes in JSON at most.
const LONGEST_RECORD: u64 = 1024 * 1024;

impl Folder {
    /// Opens the folder, or makes it for its owner alone. Callers wait for a turn for a minute at most.
    ///
    /// # Errors
    /// The operating system's, or one that says what is wrong with the folder. Both name it.
    pub fn new(path: impl AsRef<Path>) -> io::Result<Self> {
        let path = std::path::absolute(path.as_ref()).map_err(at(path.as_ref()))?;
        let folder = Self { path, wait: DEFAULT_WAIT };
        let path = &*folder.path;
        if is_missing(&fs::symlink_metadata(path)) {
            rules::make(path).map_err(at(path))?;
            path.parent().map_or(Ok(()), rules::sync).map_err(at(path))?;
        }
        let found = folder.look()?;
        // A file of this process shows which user it is of.
        match tempfile::tempfile_in(path).and_then(|file| file.metadata()) {
            Ok(own) if !rules::is_of_one_user(&own, &found) => Err(wrong(path, "it belongs to another user")),
            Err(error) if !is_read_only(&error) => Err(at(path)(error)),
            _ => Ok(folder),
        }
    }

    /// Returns the same folder with another limit for the wait for a turn: a little more than a token request may take.
    #[must_use = "it is another value"]
    pub fn with_wait(self, wait: Duration) -> Self {
        Self { wait, ..self }
    }

    /// The keys of the records that there are.
    ///
    /// # Errors
    /// The operating system's. It names the folder.
    pub fn keys(&self) -> io::Result<Vec<RecordKey>> {
        self.look()?;
        let mut keys = Vec::new();
        for entry in fs::read_dir(&self.path).map_err(at(&self.path))? {
            keys.extend(entry.map_err(at(&self.path))?.file_name().to_str().and_then(key_of));
        }
        Ok(keys)
    }

    /// Waits for the turn of a key and removes its record, if there is one. It blocks the thread. To log an owner out, use
    /// [`forget`](super::Client#method.forget): a record that is gone stops no other process.
    ///
    /// # Errors
    /// As those of a call that waits and writes.
    pub fn remove(&self, key: &RecordKey) -> io::Result<()> {
        let name = name_of(key)?;
        let turn = FolderTurn { lock: self.lock(&name, &self.look()?, &|| false)?, name };
        let path = self.held(&turn)?;
        match fs::remove_file(&path) {
            removed if is_missing(&removed) => Ok(()),
            removed => removed.and_then(|()| rules::sync(&self.path)).map_err(at(&path)),
        }
    }

    fn file(&self, name: &str, extension: &str) -> PathBuf {
        self.path.join(format!("{name}.{extension}"))
    }

    /// Whether the folder is as it has to be.
    fn look(&self) -> io::Result<Metadata> {
        let found = fs::symlink_metadata(&self.path).map_err(at(&self.path))?;
        match rules::flaw(&found, &found) {
            None if found.is_dir() => Ok(found),
            None => Err(wrong(&self.path, "it is no folder")),
            Some(flaw) => Err(wrong(&self.path, flaw)),
        }
    }

    /// Whether a file is as it has to be, if there is one.
    fn look_at(&self, path: &Path, folder: &Metadata) -> io::Result<Option<Metadata>> {
        let found = fs::symlink_metadata(path);
        if is_missing(&found) {
            return Ok(None);
        }
        let found = found.map_err(at(path))?;
        match rules::flaw(&found, folder) {
            None if found.is_file() => Ok(Some(found)),
            None => Err(wrong(path, "it is no file")),
            Some(flaw) => Err(wrong(path, flaw)),
        }
    }

    fn take(&self, key: &RecordKey, is_given_up: &dyn Fn() -> bool) -> io::Result<(FolderTurn, Stored)> {
        let (name, folder) = (name_of(key)?, self.look()?);
        let lock = self.lock(&name, &folder, is_given_up)?;
        let path = self.file(&name, "json");
        let text = match self.look_at(&path, &folder)? {
            None => None,
            Some(found) if found.len() > LONGEST_RECORD => return Err(wrong(&path, "it is too long for a record")),
            Some(_) => Some(fs::read(&path).map_err(at(&path))?),
        };
        Ok((FolderTurn { name, lock }, Stored::Record(text)))
    }

    /// Waits for the lock, or returns why it can't be had: the folder is read-only.
    #[allow(clippy::disallowed_methods, reason = "a wait for another process has a limit")]
    fn lock(
        &self,
        name: &str,
        folder: &Metadata,
        is_given_up: &dyn Fn() -> bool,
    ) -> io::Result<Result<Arc<File>, Arc<str>>> {
        let (path, begin) = (self.file(name, "lock"), Instant::now());
        let mut pause = Duration::from_millis(1);
        loop {
            self.look_at(&path, folder)?;
            let file = match rules::private().create(true).truncate(false).read(true).write(true).open(&path) {
                Ok(file) => file,
                Err(error) if is_read_only(&error) => return Ok(Err(format!("{}: {error}", path.display()).into())),
                Err(error) => return Err(at(&path)(error)),
            };
            // By its path, since newer versions of std have a method of this name.
            match FileExt::try_lock(&file) {
                // Whoever removed it before has left a lock that no other caller sees.
                Ok(()) if rules::is_at(&file, &path) => return Ok(Ok(Arc::new(file))),
                Ok(()) | Err(TryLockError::WouldBlock) => {}
                Err(TryLockError::Error(error)) => return Err(at(&path)(error)),
            }
            let left = self.wait.saturating_sub(begin.elapsed());
            if left.is_zero() || is_given_up() {
                let text = format!("{}: another caller has had the turn for {:?}", path.display(), self.wait);
                return Err(io::Error::new(ErrorKind::TimedOut, text));
            }
            thread::sleep(pause.min(left));
            pause = pause.saturating_mul(2).min(LONGEST_PAUSE);
        }
    }

    /// The record's file, if the turn still holds.
    fn held(&self, turn: &FolderTurn) -> io::Result<PathBuf> {
        let path = self.file(&turn.name, "lock");
        match &turn.lock {
            Err(cause) => Err(io::Error::new(ErrorKind::PermissionDenied, &**cause)),
            Ok(lock) if rules::is_at(lock, &path) => Ok(self.file(&turn.name, "json")),
            Ok(_) => Err(wrong(&path, "it was removed, and the turn is lost")),
        }
    }

    fn put(&self, turn: &FolderTurn, text: &str) -> io::Result<()> {
        let path = self.held(turn)?;
        let new = self.file(&turn.name, "new");
        let left_over = fs::remove_file(&new);
        if !is_missing(&left_over) {
            left_over.map_err(at(&new))?;
        }
        let written = || {
            // The name is fixed, so that a process that is killed leaves one at most. The mode is 0600, and an error removes it.
            let mut file =
                tempfile::Builder::new().prefix(&turn.name).suffix(".new").rand_bytes(0).tempfile_in(&self.path)?;
            file.write_all(text.as_bytes())?;
            file.as_file().sync_all()?;
            file.persist(&path)?;
            rules::sync(&self.path)
        };
        written().map_err(at(&path))
    }
}

/// Blocks the thread.
impl TokenStore for Folder {
    type Turn = FolderTurn;

    fn open(&self, key: &RecordKey) -> Result<(FolderTurn, Stored), StoreError> {
        Ok(self.take(key, &|| false)?)
    }

    fn write(&self, turn: &mut FolderTurn, record: &Record) -> Result<(), StoreError> {
        Ok(self.put(turn, record.expose_secret())?)
    }

    fn keys(&self) -> Result<Vec<RecordKey>, StoreError> {
        Ok(self.keys()?)
    }
}

/// Works on any executor: a thread does the work.
impl AsyncTokenStore for Folder {
    type Turn = FolderTurn;

    async fn open(&self, key: RecordKey) -> Result<(FolderTurn, Stored), StoreError> {
        let folder = self.clone();
        Ok(on_a_thread(move |is_given_up| folder.take(&key, is_given_up)).await?)
    }

    async fn write(&self, turn: &mut FolderTurn, record: Record) -> Result<(), StoreError> {
        let (folder, turn) = (self.clone(), turn.clone());
        Ok(on_a_thread(move |_| folder.put(&turn, record.expose_secret())).await?)
    }

    async fn keys(&self) -> Result<Vec<RecordKey>, StoreError> {
        let folder = self.clone();
        Ok(on_a_thread(move |_| folder.keys()).await?)
    }
}

/// The name of a record's files, without its extension. It has no letters but small ones.
fn name_of(key: &RecordKey) -> io::Result<String> {
    let mut name = format!("{}-owner", key.environment());
    if let Some(id) = key.location() {
        name = format!("{}-location-", key.environment());
        for byte in id.as_str().bytes() {
            // A `String` takes all that is written to it.
            _ = match byte {
                b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' => name.write_char(char::from(byte)),
                _ => write!(name, "%{byte:02x}"),
            };
        }
    }
    if name.len().saturating_add(".json".len()) > LONGEST_NAME {
        let text = format!("the Location's id is too long for the name of a file: {key}");
        return Err(io::Error::new(ErrorKind::InvalidInput, text));
    }
    Ok(name)
}

/// The key of a record's file: `None` for any other file.
fn key_of(file: &str) -> Option<RecordKey> {
    let name = file.strip_suffix(".json")?;
    let key: RecordKey = name.replacen("-location-", "/location/", 1).replacen("-owner", "/owner", 1).parse().ok()?;
    name_of(&key).is_ok_and(|same| same == name).then_some(key)
}

fn at(path: &Path) -> impl Fn(io::Error) -> io::Error {
    move |error| io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}

fn wrong(path: &Path, flaw: &str) -> io::Error {
    io::Error::other(format!("{}: {flaw}", path.display()))
}

fn is_missing<T>(found: &io::Result<T>) -> bool {
    found.as_ref().is_err_and(|error| error.kind() == ErrorKind::NotFound)
}

fn is_read_only(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem)
}
