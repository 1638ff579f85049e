//! The examples' file for a token, which is there to be copied: whatever dies or writes at the same time, the file is whole.
#![cfg(unix)]

#[path = "../examples/support/token_file.rs"]
mod token_file;

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use location_auth::{LocationAccessToken, SavedToken};
use tempfile::TempDir;
use token_file::TokenFile;

fn saved(token: &str) -> SavedToken {
    let form =
        r#"{"version": 1, "environment": "staging", "kind": "location", "location": "loc-1", "access_token": "TOKEN"}"#;
    serde_json::from_str(&form.replace("TOKEN", token)).unwrap()
}

fn read(path: &Path) -> String {
    let saved: SavedToken = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
    LocationAccessToken::try_from(saved).unwrap().expose_secret().to_owned()
}

fn names(folder: &TempDir) -> Vec<String> {
    let mut names: Vec<_> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn a_token_is_saved_for_its_owner_alone_and_replaces_the_old_one() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("token.json");
    TokenFile::create(&path).unwrap().commit(&saved("l-1")).unwrap();
    assert_eq!((read(&path).as_str(), mode(&path)), ("l-1", 0o600));

    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    TokenFile::create(&path).unwrap().commit(&saved("l-2")).unwrap();
    assert_eq!((read(&path).as_str(), mode(&path)), ("l-2", 0o600));
    assert_eq!(names(&folder), ["token.json"]);
}

#[test]
fn an_abandoned_draft_leaves_the_old_token_and_nothing_else() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("token.json");
    TokenFile::create(&path).unwrap().commit(&saved("l-1")).unwrap();
    drop(TokenFile::create(&path).unwrap());
    assert_eq!((read(&path).as_str(), names(&folder)), ("l-1", vec!["token.json".to_owned()]));
}

#[test]
fn a_program_that_was_killed_before_it_committed_starts_again() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("token.json");
    // A process of the same id again: in a container each start has the same.
    for _ in 0..3 {
        std::mem::forget(TokenFile::create(&path).unwrap());
    }
    TokenFile::create(&path).unwrap().commit(&saved("l-1")).unwrap();
    assert_eq!(read(&path), "l-1");
}

#[test]
fn many_threads_save_to_one_file_without_an_error() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("token.json");
    TokenFile::create(&path).unwrap().commit(&saved("l-0")).unwrap();
    std::thread::scope(|scope| {
        for thread in 1..=8 {
            let path = &path;
            scope.spawn(move || {
                for round in 0..20 {
                    TokenFile::create(path).unwrap().commit(&saved(&format!("l-{thread}-{round}"))).unwrap();
                    assert!(read(path).starts_with("l-"), "whole at any time");
                }
            });
        }
    });
    assert!(read(&path).ends_with("-19"), "{}", read(&path));
    assert_eq!(names(&folder), ["token.json"]);
}

#[test]
fn a_link_is_followed_to_what_it_names_and_stays_a_link() {
    let folder = TempDir::new().unwrap();
    let at = |name: &str| folder.path().join(name);
    fs::create_dir(at("kept")).unwrap();
    symlink("kept/token.json", at("relative")).unwrap();
    symlink(at("relative"), at("absolute")).unwrap();
    // What the first names is not there yet.
    for (link, token) in [("relative", "l-1"), ("absolute", "l-2"), ("relative", "l-3")] {
        TokenFile::create(&at(link)).unwrap().commit(&saved(token)).unwrap();
        assert_eq!(read(&at("kept/token.json")), token);
        assert!(fs::symlink_metadata(at(link)).unwrap().is_symlink());
    }
}

#[test]
fn each_error_names_the_path() {
    let folder = TempDir::new().unwrap();
    let at = |name: &str| folder.path().join(name);
    fs::write(at("file"), "").unwrap();
    symlink("loop", at("loop")).unwrap();
    for path in [at("nowhere/token.json"), at("file/token.json"), at("loop"), folder.path().to_owned(), "/".into()] {
        let error = TokenFile::create(&path).err().unwrap_or_else(|| panic!("{path:?}")).to_string();
        assert!(error.starts_with(&format!("{}: ", path.display())), "{error}");
    }
    let file = TokenFile::create(&at("token.json")).unwrap();
    fs::create_dir(at("token.json")).unwrap();
    let error = file.commit(&saved("l-1")).unwrap_err().to_string();
    assert!(error.contains("token.json: "), "{error}");
    assert_eq!(names(&folder), ["file", "loop", "token.json"]);
}
