//! The wall between the core and its transports, and what else can be read off the sources.

use std::fs;
use std::path::{Path, PathBuf};

fn sources(folder: &str) -> Vec<(PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let files = fs::read_dir(root).unwrap().map(|entry| entry.unwrap().path());
    let rust = files.filter(|path| path.extension().is_some_and(|extension| extension == "rs"));
    rust.map(|path| (path.clone(), fs::read_to_string(path).unwrap())).collect()
}

/// Lines of code, without those that are comments.
fn code(text: &str) -> impl Iterator<Item = &str> {
    text.lines().map(str::trim_start).filter(|line| !line.starts_with("//"))
}

#[test]
fn the_core_names_no_io_no_clock_and_no_client_library() {
    for (path, text) in sources("src") {
        for line in code(&text) {
            for word in
                ["std::", "extern crate std", "tokio", "ureq", "reqwest", "hyper", "tracing", "SystemTime", "Instant"]
            {
                let features = ["#[cfg(", "#[doc", "#![cfg"];
                let is_feature = features.iter().any(|start| line.starts_with(start));
                assert!(is_feature || !line.contains(word), "{} names {word}: {line}", path.display());
            }
        }
    }
}

#[test]
fn only_the_adapters_use_std_and_a_client_library() {
    let contract = ["mod.rs", "bounded.rs", "log.rs", "send_error.rs"];
    let mut adapters = 0;
    for (path, text) in sources("transports") {
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        let uses_std = code(&text).any(|line| line == "extern crate std;");
        if !contract.contains(&name.as_str()) {
            adapters += 1;
            continue;
        }
        assert!(!uses_std, "{name} uses std");
        for line in code(&text) {
            let names_a_client = ["ureq::", "reqwest::", "hyper::"].iter().any(|client| line.contains(client));
            assert!(!names_a_client, "the contract names a client library: {line}");
        }
    }
    assert!(adapters > 0);
}

#[test]
fn every_event_is_told_in_one_file() {
    for (path, text) in sources("transports").into_iter().chain(sources("transports/client")) {
        let names_tracing = code(&text).any(|line| line.contains("tracing"));
        assert_eq!(names_tracing, path.ends_with("log.rs"), "{}", path.display());
    }
}

#[test]
fn the_adapters_use_the_core_by_its_public_path_alone() {
    for (path, text) in sources("transports").into_iter().chain(sources("transports/client")) {
        for line in code(&text) {
            assert!(!line.contains("crate::"), "{} reaches into the crate: {line}", path.display());
        }
    }
}

#[test]
fn no_public_signature_names_a_lock_or_a_runtime() {
    let files = sources("transports").into_iter().chain(sources("transports/client")).chain(sources("src"));
    for (path, text) in files {
        for line in code(&text).filter(|line| line.starts_with("pub ") || line.starts_with("impl")) {
            for word in ["Mutex", "RwLock", "async_lock", "tokio", "Condvar"] {
                assert!(!line.contains(word), "{}: {line}", path.display());
            }
        }
    }
}

#[test]
fn the_core_builds_from_eighteen_crates_at_most() {
    let arguments =
        ["tree", "--edges", "normal,build", "--prefix", "none", "--no-default-features", "--package", "location-auth"];
    let output = std::process::Command::new(env!("CARGO"))
        .args(arguments)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let mut crates: Vec<_> = text.lines().filter_map(|line| line.split_whitespace().next()).collect();
    crates.sort_unstable();
    crates.dedup();
    assert!(crates.contains(&"location-auth") && crates.contains(&"http"), "{crates:?}");
    assert!(crates.len() <= 19, "{} crates beside our own: {crates:?}", crates.len() - 1);
}
