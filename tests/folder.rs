//! The store that is a folder: its rules for files, and logins over it. The package `conformance` holds it to the table of stores.
#![cfg(all(unix, feature = "folder", feature = "emulator"))]

#[path = "support/test_service.rs"]
mod test_service;

use std::convert::Infallible;
use std::env;
use std::fs::{self, Permissions};
use std::io::ErrorKind;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::Duration;

use http::{Request, Response};
use location_auth::store::{RecordKey, Stored};
use location_auth::transports::Transport;
use location_auth::transports::client::{AsyncClient, CallError, Client, Folder, TokenStore};
use location_auth::{Bytes, Owner, SavedToken, TokenErrorKind};
use tempfile::TempDir;
use test_service::{PASSWORD, TestService, call};

const OWNER: &str = "staging-owner.json";
const LOCATION: &str = "staging-location-loc-1.json";
const ALL: [&str; 4] = [LOCATION, "staging-location-loc-1.lock", OWNER, "staging-owner.lock"];

/// A place for a folder that others can reach.
fn place() -> (TempDir, PathBuf) {
    let place = tempfile::tempdir().unwrap();
    mode(place.path(), 0o755);
    let path = place.path().join("owner-1");
    (place, path)
}

fn mode(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

fn is_root() -> bool {
    tempfile::tempfile().unwrap().metadata().unwrap().uid() == 0
}

fn transport(service: &TestService) -> impl Transport<Error = Infallible> + Sync + use<'_> {
    |request, _: usize| Ok(service.handle(request))
}

fn key(text: &str) -> RecordKey {
    text.parse().unwrap()
}

/// What one call comes to, of a process that starts.
fn start(service: &TestService, owner: Owner, path: &Path) -> Result<u16, String> {
    let folder = Folder::new(path).map_err(|error| error.to_string())?;
    let client = Client::with_owner(service.session_without_a_token(), owner, transport(service), folder);
    match client.call(call(0)) {
        Ok(response) => Ok(response.status().as_u16()),
        Err(CallError::NoToken { error, .. } | CallError::TokenRejected { error, .. })
            if matches!(error.kind(), TokenErrorKind::Store) =>
        {
            Err(error.to_string())
        }
        Err(error) => panic!("{error:?}"),
    }
}

#[test]
fn a_restart_costs_nothing_and_a_revoked_token_one_exchange() {
    let (service, (_place, path)) = (TestService::new(), place());
    let mut counts = Vec::new();
    for revokes in [false, false, true, false] {
        if revokes {
            service.emulator.lock().unwrap().revoke_location("loc-1");
        }
        assert_eq!(start(&service, service.owner(PASSWORD), &path), Ok(200));
        counts.push(service.issued());
    }
    assert_eq!(counts, [(1, 1), (1, 1), (1, 2), (1, 2)]);
    // Of the password and the owner's token a later process has no need.
    assert_eq!(start(&service, Owner::new(&service.app), &path), Ok(200));
    let mut names: Vec<_> = fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ALL);
    for name in ALL {
        assert_eq!(fs::metadata(path.join(name)).unwrap().permissions().mode() & 0o777, 0o600, "{name}");
    }
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o700);
}

#[test]
fn processes_that_start_at_once_share_one_login_and_one_exchange() {
    let (service, (_place, path)) = (TestService::new(), place());
    let slow = |request: Request<Bytes>, _: usize| -> Result<Response<Vec<u8>>, Infallible> {
        thread::sleep(Duration::from_millis(20));
        Ok(service.handle(request))
    };
    let parts = || (service.session_without_a_token(), service.owner(PASSWORD), Folder::new(&path).unwrap());
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let (session, owner, folder) = parts();
                Client::with_owner(session, owner, slow, folder).call(call(0)).unwrap()
            });
            scope.spawn(|| {
                let (session, owner, folder) = parts();
                let transport = |request, limit| async move { slow(request, limit) };
                let client = AsyncClient::with_owner(session, owner, transport, folder);
                let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
                runtime.block_on(client.call(call(0))).unwrap()
            });
        }
    });
    assert_eq!((service.issued(), service.calls_answered()), ((1, 1), 4));
}

#[test]
fn an_owner_who_is_forgotten_is_so_for_all_locations_and_processes() {
    let (service, (_place, path)) = (TestService::new(), place());
    let folder = Folder::new(&path).unwrap();
    let client =
        Client::with_owner(service.session_without_a_token(), service.owner(PASSWORD), transport(&service), folder);
    client.call(call(0)).unwrap();
    let other = client.for_session(service.app.location("loc-2").unwrap().session());
    other.ensure_token().unwrap();
    client.forget().unwrap();
    for name in [OWNER, LOCATION, "staging-location-loc-2.json"] {
        assert!(!fs::read_to_string(path.join(name)).unwrap().contains("access_token"), "{name}");
    }
    let folder = Folder::new(&path).unwrap();
    let mut keys = folder.keys().unwrap();
    keys.sort();
    assert_eq!(keys, ["staging/owner", "staging/location/loc-1", "staging/location/loc-2"].map(key));
    folder.remove(&keys[1]).unwrap();
    folder.remove(&keys[1]).unwrap(); // there is none
    assert_eq!(folder.keys().unwrap().len(), 2);
}

#[test]
fn a_file_with_a_saved_token_is_a_record() {
    let (service, (_place, path)) = (TestService::new(), place());
    Folder::new(&path).unwrap();
    let text = serde_json::to_string(&SavedToken::from(&service.token())).unwrap();
    fs::write(path.join(LOCATION), text).unwrap();
    mode(&path.join(LOCATION), 0o600);
    let before = service.issued();
    assert_eq!(start(&service, Owner::new(&service.app), &path), Ok(200));
    assert_eq!(service.issued(), before);
}

/// The error of a start names this file or key, says what is wrong, and quotes nothing.
fn refused(service: &TestService, path: &Path, [name, flaw]: [&str; 2]) {
    let error = start(service, service.owner(PASSWORD), path).unwrap_err();
    assert!(error.contains(name) && error.contains(flaw) && !error.contains("s3cr3t"), "{name}, {flaw}: {error}");
    assert_eq!(service.issued(), (0, 0));
}

#[test]
fn a_damaged_record_is_an_error_that_names_it_and_quotes_nothing() {
    let service = TestService::new();
    let location = |rest: &str| {
        format!(r#"{{"environment":"staging","kind":"location","location":"loc-1","access_token":"s3cr3t"{rest}}}"#)
    };
    let key = "staging/location/loc-1";
    for (text, expected) in [
        ("".into(), [key, "damaged"]),
        (r#"{"access_token":"s3cr3t"#.into(), [key, "damaged"]),
        ("\0\u{1}s3cr3t".into(), [key, "damaged"]),
        (r#"[profile s3cr3t]"#.into(), [key, "damaged"]),
        (location(r#","version":1"#).replace("loc-1", "s3cr3t"), [key, "for something else"]),
        (location(""), [key, "unknown version"]),
        ("s3cr3t".repeat(200_000), [LOCATION, "too long"]),
    ] {
        let (_place, path) = place();
        Folder::new(&path).unwrap();
        fs::write(path.join(LOCATION), text).unwrap();
        mode(&path.join(LOCATION), 0o600);
        refused(&service, &path, expected);
    }
}

#[test]
fn what_others_could_reach_is_an_error() {
    let service = TestService::new();
    let is_root = is_root();
    let write = |path: &Path, bits| {
        fs::write(path, "s3cr3t").unwrap();
        mode(path, bits);
    };
    type Spoil<'a> = &'a dyn Fn(&Path);
    let rules: [(Spoil<'_>, [&str; 2]); 10] = [
        (&|path| mode(path, 0o750), ["owner-1", "others have access"]),
        (&|path| mode(path, 0o701), ["owner-1", "others have access"]),
        (
            &|path| {
                fs::rename(path, path.with_extension("real")).unwrap();
                symlink(path.with_extension("real"), path).unwrap();
            },
            ["owner-1", "symbolic link"],
        ),
        (
            &|path| {
                fs::remove_dir(path).unwrap();
                write(path, 0o600);
            },
            ["owner-1", "no folder"],
        ),
        (&|path| write(&path.join(LOCATION), 0o640), [LOCATION, "others have access"]),
        (&|path| symlink("/dev/null", path.join(LOCATION)).unwrap(), [LOCATION, "symbolic link"]),
        (&|path| symlink("nowhere", path.join("staging-location-loc-1.lock")).unwrap(), [".lock", "symbolic link"]),
        (
            &|path| {
                fs::create_dir(path.join(LOCATION)).unwrap();
                mode(&path.join(LOCATION), 0o700);
            },
            [LOCATION, "no file"],
        ),
        (
            &|path| if is_root { chown(path, Some(65_534), None).unwrap() } else { mode(path, 0o777) },
            ["owner-1", if is_root { "another user" } else { "others" }],
        ),
        (
            &|path| {
                write(&path.join(LOCATION), 0o600);
                if is_root {
                    chown(path.join(LOCATION), Some(65_534), None).unwrap()
                } else {
                    mode(&path.join(LOCATION), 0o606)
                }
            },
            [LOCATION, if is_root { "another user" } else { "others" }],
        ),
    ];
    for (spoil, expected) in rules {
        let (_place, path) = place();
        Folder::new(&path).unwrap();
        spoil(&path);
        refused(&service, &path, expected);
    }
}

#[test]
fn an_id_that_is_too_long_for_a_file_is_an_error() {
    let (_place, path) = place();
    let folder = Folder::new(&path).unwrap();
    let open = |id: &str| TokenStore::open(&folder, &key(&format!("production/location/{id}")));
    let fits = 255 - "production-location-.json".len();
    assert!(matches!(open(&"a".repeat(fits)).unwrap().1, Stored::Record(None)));
    for id in ["a".repeat(fits + 1), "%41".repeat(100), "%E3%82%B5".repeat(50)] {
        let error = open(&id).unwrap_err();
        assert!(error.to_string().contains("too long for the name of a file"), "{error}");
    }
}

#[test]
fn the_names_of_files_are_safe_where_case_is_ignored_and_on_windows() {
    let (_place, path) = place();
    let folder = Folder::new(&path).unwrap();
    for id in ["A", "a", "con", "a.", "%2E%2E%2Fa", "a%3Ab%3F", "%C3%89", "%C3%A9"] {
        TokenStore::open(&folder, &key(&format!("staging/location/{id}"))).unwrap();
    }
    let names: Vec<_> =
        fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    assert_eq!(names.len(), 8);
    for name in names {
        let stem = name.strip_suffix(".lock").unwrap().strip_prefix("staging-location-").unwrap();
        let is_safe = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-_%".contains(c);
        assert!(stem.chars().all(is_safe), "{name}");
    }
}

/// Runs this test again in a process that the command begins.
fn again(test: &str, path: &Path, mut command: Command) {
    let output = command.arg(env::current_exe().unwrap()).args(["--exact", test]).env("FOLDER", path).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}

#[test]
fn a_folder_that_is_read_only_serves_what_it_has() {
    let service = TestService::new();
    if let Some(path) = env::var_os("FOLDER").map(PathBuf::from) {
        Folder::new(&path).unwrap();
        for has_locks in [false, true] {
            fs::write(path.join(LOCATION), serde_json::to_string(&SavedToken::from(&service.token())).unwrap())
                .unwrap();
            mode(&path.join(LOCATION), 0o600);
            mode(&path, 0o500);
            assert_eq!(start(&service, service.owner(PASSWORD), &path), Ok(200), "locks: {has_locks}");
            service.emulator.lock().unwrap().revoke_location("loc-1");
            let before = service.issued();
            let error = start(&service, service.owner(PASSWORD), &path).unwrap_err();
            assert!(error.contains("ermission denied") && error.contains("staging-"), "{error}");
            assert_eq!(service.issued(), before);
            mode(&path, 0o700);
            assert_eq!(start(&service, service.owner(PASSWORD), &path), Ok(200));
        }
        return;
    }
    let (place, path) = place();
    let mut command = Command::new("env");
    if is_root() {
        // No mode stops root.
        chown(place.path(), Some(65_534), None).unwrap();
        command.uid(65_534);
    }
    again("a_folder_that_is_read_only_serves_what_it_has", &path, command);
}

#[test]
fn without_room_nothing_is_sent_and_then_all_goes_on() {
    let service = TestService::new();
    if let Some(path) = env::var_os("FOLDER").map(PathBuf::from) {
        return refused(&service, &path, [OWNER, "too large"]);
    }
    let (_place, path) = place();
    let mut command = Command::new("sh");
    command.args(["-c", r#"trap "" XFSZ; ulimit -f 0; exec "$0" "$@""#]);
    again("without_room_nothing_is_sent_and_then_all_goes_on", &path, command);
    let left = fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().file_name());
    assert!(left.into_iter().all(|name| name.to_string_lossy().ends_with(".lock")));
    // What a process leaves that was killed while it wrote.
    fs::write(path.join("staging-location-loc-1.new"), "half").unwrap();
    assert_eq!(start(&service, service.owner(PASSWORD), &path), Ok(200));
    assert!(!path.join("staging-location-loc-1.new").exists());
}

#[test]
fn a_wait_that_is_over_says_so() {
    let (_place, path) = place();
    let folder = Folder::new(&path).unwrap().with_wait(Duration::from_millis(50));
    let key = key("staging/owner");
    let _turn = TokenStore::open(&folder, &key).unwrap();
    let error = TokenStore::open(&folder, &key).unwrap_err().downcast::<std::io::Error>().unwrap();
    assert_eq!(error.kind(), ErrorKind::TimedOut);
    assert!(error.to_string().ends_with("staging-owner.lock: another caller has had the turn for 50ms"), "{error}");
}
