//! Each row of the table of stores fails for a store that does not do what it says, and passes for one that does.

use std::env::temp_dir;
use std::fs::{self, File};
use std::path::PathBuf;
use std::process;
use std::thread;
use std::time::{Duration, Instant};

use location_auth::store::{Record, RecordKey, Stored};
use location_auth::transports::client::{AsyncTokenStore, StoreError, TokenStore};
use location_auth_conformance::tokio::task::JoinHandle;
use location_auth_conformance::{
    stores::{Place, ROWS, Store, Subject, as_other_process},
    tokio,
};

#[derive(Clone, Copy, PartialEq)]
enum Flaw {
    /// But that its turns outlive their process.
    Sound,
    Reformats,
    Truncates,
    KeepsTurns,
    HasNoTurns,
    HasTurnsOfTheProcess,
    DoesNotWait,
    TakesTurnsLater,
    StealsTurns,
    WritesWithoutTurn,
    WritesNoRemovedRecord,
    IgnoresCase,
    IgnoresOwner,
    IgnoresEnvironment,
    ListsOnePage,
}
use Flaw::*;

/// A folder with a file for a turn, which is there as long as the turn is taken.
#[derive(Clone)]
struct Files {
    place: Place,
    flaw: Flaw,
}

struct Turn {
    key: RecordKey,
    record: PathBuf,
    file: PathBuf,
    id: String,
    flaw: Flaw,
}

impl Drop for Turn {
    fn drop(&mut self) {
        if self.flaw != KeepsTurns && self.holds() {
            _ = fs::remove_file(&self.file);
        }
    }
}

impl Turn {
    fn holds(&self) -> bool {
        fs::read_to_string(&self.file).is_ok_and(|id| id == self.id)
    }
}

fn root(place: &Place) -> PathBuf {
    temp_dir().join("location-auth-stores-fail").join(&place.name)
}

fn path(place: &Place, flaw: Flaw) -> PathBuf {
    root(place).join(if flaw == IgnoresOwner { "all" } else { &place.owner })
}

/// An extension of a turn's own.
fn unique(name: &str, id: &str) -> String {
    format!("{:x}.{name}", id.bytes().fold(7_u64, |sum, byte| sum.wrapping_mul(31) ^ u64::from(byte)))
}

impl Files {
    fn file(&self, key: &RecordKey) -> PathBuf {
        let text = key.to_string();
        let same = match self.flaw {
            IgnoresCase => text.to_lowercase(),
            IgnoresEnvironment => text.replace("production", "staging"),
            _ => text,
        };
        // A record begins with its key, so that a name can be short.
        let hash = same
            .bytes()
            .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
        path(&self.place, self.flaw).join(format!("{hash:016x}"))
    }

    /// The turn and the record, if the turn is free.
    fn try_open(&self, key: &RecordKey) -> Option<(Turn, Stored)> {
        let record = self.file(key);
        let file = match self.flaw {
            HasTurnsOfTheProcess => record.with_extension(format!("{}.turn", process::id())),
            _ => record.with_extension("turn"),
        };
        fs::create_dir_all(record.parent()?).ok()?;
        let age = fs::metadata(&file).and_then(|found| found.modified()).ok().and_then(|at| at.elapsed().ok());
        if self.flaw == HasNoTurns || (self.flaw == StealsTurns && age > Some(Duration::from_millis(500))) {
            _ = fs::remove_file(&file);
        }
        let id = format!("{:?} {:?} {}", thread::current().id(), Instant::now(), process::id());
        let new = record.with_extension(unique("new", &id));
        fs::write(&new, &id).ok()?;
        // A link is made whole, or not at all.
        let taken = fs::hard_link(&new, &file);
        _ = fs::remove_file(&new);
        taken.ok()?;
        let text = fs::read(&record)
            .ok()
            .map(|text| text.splitn(2, |byte| *byte == b'\n').nth(1).unwrap_or_default().to_vec());
        Some((Turn { key: key.clone(), record, file, id, flaw: self.flaw }, Stored::Record(text)))
    }

    fn put(&self, turn: &Turn, text: &str) -> Result<(), StoreError> {
        if !matches!(self.flaw, WritesWithoutTurn | StealsTurns | HasNoTurns) && !turn.holds() {
            return Err("the turn is lost".into());
        }
        let text = match self.flaw {
            Reformats => text.replace(',', ", "),
            Truncates => text.chars().take(64 * 1024 - 600).collect(),
            _ => text.into(),
        };
        let known = turn.record.with_extension("known");
        if self.flaw == WritesNoRemovedRecord && known.exists() && !turn.record.exists() {
            return Ok(());
        }
        File::create(known)?;
        let new = turn.record.with_extension(unique("written", &turn.id));
        fs::write(&new, format!("{}\n{text}", turn.key))?;
        Ok(fs::rename(new, &turn.record)?)
    }

    fn list(&self) -> Result<Vec<RecordKey>, StoreError> {
        let files = fs::read_dir(path(&self.place, self.flaw))?.flatten().map(|entry| entry.path());
        let records = files.filter(|file| file.extension().is_none());
        let keys = records.filter_map(|file| fs::read_to_string(file).ok()?.lines().next()?.parse().ok());
        Ok(keys.take(if self.flaw == ListsOnePage { 100 } else { usize::MAX }).collect())
    }
}

/// Keeps for good what nobody waits for.
struct Pool(Option<JoinHandle<Result<(Turn, Stored), StoreError>>>);

impl Drop for Pool {
    fn drop(&mut self) {
        if let Some(taking) = self.0.take() {
            tokio::spawn(async move { std::mem::forget(taking.await) });
        }
    }
}

const PAUSE: Duration = Duration::from_millis(5);

impl TokenStore for Files {
    type Turn = Turn;

    fn open(&self, key: &RecordKey) -> Result<(Turn, Stored), StoreError> {
        let begin = Instant::now();
        loop {
            match self.try_open(key) {
                Some(opened) => return Ok(opened),
                None if self.flaw == DoesNotWait || begin.elapsed() > self.place.patience => return Err("taken".into()),
                None => thread::sleep(PAUSE),
            }
        }
    }

    fn write(&self, turn: &mut Turn, record: &Record) -> Result<(), StoreError> {
        self.put(turn, record.expose_secret())
    }

    fn keys(&self) -> Result<Vec<RecordKey>, StoreError> {
        self.list()
    }
}

impl AsyncTokenStore for Files {
    type Turn = Turn;

    async fn open(&self, key: RecordKey) -> Result<(Turn, Stored), StoreError> {
        if self.flaw == TakesTurnsLater {
            let files = self.clone();
            // Who waits is dropped, and this goes on: the turn is taken, and the pool of the driver has it.
            let taking = tokio::task::spawn_blocking(move || TokenStore::open(&files, &key));
            let mut pool = Pool(Some(taking));
            let opened = pool.0.as_mut().expect("is there").await?;
            pool.0 = None;
            return opened;
        }
        let begin = Instant::now();
        loop {
            match self.try_open(&key) {
                Some(opened) => return Ok(opened),
                None if begin.elapsed() > self.place.patience => return Err("taken".into()),
                None => tokio::time::sleep(PAUSE).await,
            }
        }
    }

    async fn write(&self, turn: &mut Turn, record: Record) -> Result<(), StoreError> {
        self.put(turn, record.expose_secret())
    }

    async fn keys(&self) -> Result<Vec<RecordKey>, StoreError> {
        self.list()
    }
}

macro_rules! subject {
    ($way:ident, $flaw:ident) => {
        Subject::new(concat!(stringify!($way), " ", stringify!($flaw)), |place| {
            Store::$way(Files { place: place.clone(), flaw: $flaw })
        })
        .with_removal(|place, key| {
            fs::remove_file(Files { place: place.clone(), flaw: $flaw }.file(key)).expect("is there")
        })
        .with_loss(|place, key| {
            let file = Files { place: place.clone(), flaw: $flaw }.file(key);
            fs::remove_file(file.with_extension("turn")).expect("is there");
        })
    };
}

const LATER: &str = "a waiter that is dropped takes no turn later";
const KILLED: &str = "a holder that is killed frees its turn, and what it wrote stays";

fn main() {
    let flawed = [
        (subject!(blocking, Reformats), "a record comes back byte for byte, with members that nobody knows"),
        (subject!(blocking, Truncates), "a record with the longest token comes back"),
        (subject!(blocking, KeepsTurns), "a turn that is dropped passes on"),
        (subject!(blocking, HasNoTurns), "a turn is one caller's among threads"),
        (subject!(asynchronous, HasNoTurns), "a turn is one caller's among tasks of one thread"),
        (subject!(blocking, HasTurnsOfTheProcess), "a turn is one caller's among processes"),
        (subject!(blocking, DoesNotWait), "a wait for a turn ends at its limit"),
        (subject!(asynchronous, TakesTurnsLater), LATER),
        (subject!(blocking, Sound), KILLED),
        #[cfg(unix)]
        (subject!(blocking, StealsTurns), "a holder that is suspended costs others their limit and no more"),
        (subject!(blocking, WritesWithoutTurn), "a write under a lost turn fails"),
        (subject!(blocking, WritesNoRemovedRecord), "a record that was removed is none, and can be written again"),
        (subject!(blocking, IgnoresCase), "odd ids are keys of their own"),
        (subject!(blocking, IgnoresOwner), "two owners of one database share nothing"),
        (subject!(blocking, IgnoresEnvironment), "two environments of one owner share nothing"),
        (subject!(blocking, ListsOnePage), "8 callers of 300 keys end"),
    ];
    let sound = [subject!(blocking, Sound), subject!(asynchronous, Sound)];
    let all: Vec<_> = flawed.iter().map(|(subject, _)| *subject).chain(sound).collect();
    as_other_process(&all);
    std::panic::set_hook(Box::new(|_| ()));
    for row in ROWS {
        let (subject, _) =
            flawed.iter().find(|(_, name)| *name == row.name).expect("each row has a store that fails it");
        let Err(said) = row.check(subject) else { fail(&format!("{} passes: {}", subject.name, row.name)) };
        println!("{}: {}: {said}", row.name, subject.name);
        for subject in sound.iter().filter(|_| row.name != KILLED) {
            row.check(subject).unwrap_or_else(|said| fail(&format!("{}: {}: {said}", subject.name, row.name)));
        }
    }
    _ = fs::remove_dir_all(temp_dir().join("location-auth-stores-fail"));
}

fn fail(text: &str) -> ! {
    println!("{text}");
    process::exit(1)
}
