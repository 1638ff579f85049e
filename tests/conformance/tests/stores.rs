//! The ready-made stores, held to the table of stores.

use std::env::temp_dir;
use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;

use location_auth::store::RecordKey;
use location_auth::transports::client::Folder;
use location_auth_conformance::stores::{Place, Store, Subject, run};

fn path(place: &Place) -> PathBuf {
    root().join(&place.name).join(&place.owner)
}

fn folder(place: &Place) -> Folder {
    Folder::new(path(place)).expect("is made or opened").with_wait(place.patience)
}

/// The lock file: whoever removes it takes the turn from its holder.
#[cfg(unix)]
fn lose(place: &Place, key: &RecordKey) {
    let name = key.location().map_or_else(|| "owner".into(), |id| format!("location-{id}"));
    fs::remove_file(path(place).join(format!("{}-{name}.lock", key.environment()))).expect("is there");
}

/// As an operator does.
fn remove(place: &Place, key: &RecordKey) {
    let name = key.location().map_or_else(|| "owner".into(), |id| format!("location-{id}"));
    fs::remove_file(path(place).join(format!("{}-{name}.json", key.environment()))).expect("is there");
}

/// A place's name holds the id of the process that runs the rows.
fn clear_up() {
    let own = format!("_{}_", std::process::id());
    let all = fs::read_dir(root()).into_iter().flatten().flatten().map(|entry| entry.path());
    for path in all.filter(|path| path.to_string_lossy().contains(&own)) {
        fs::remove_dir_all(path).expect("is this process's own");
    }
}

fn root() -> PathBuf {
    temp_dir().join("location-auth-stores")
}

fn main() -> ExitCode {
    let folders = [
        Subject::new("Folder, blocking", |place| Store::blocking(folder(place))),
        Subject::new("Folder, async", |place| Store::asynchronous(folder(place))),
    ];
    let folders = folders.map(|folder| folder.with_removal(remove));
    #[cfg(unix)]
    let folders = folders.map(|folder| folder.with_loss(lose));
    let exit = run(&folders);
    clear_up();
    exit
}
