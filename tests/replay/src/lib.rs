//! The fuzz targets' bodies and corpora on a stable compiler, so that a refactor can't rot them.

#![cfg(test)]

#[path = "../../../fuzz/src/lib.rs"]
mod bodies;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

fn fuzz() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz")
}

fn names(folder: &str) -> BTreeSet<String> {
    let entries = fs::read_dir(fuzz().join(folder)).unwrap();
    entries.map(|entry| entry.unwrap().path().file_stem().unwrap().to_str().unwrap().to_owned()).collect()
}

#[test]
fn every_input_of_every_corpus_keeps_the_promises() {
    for (target, body) in bodies::TARGETS {
        let folder = format!("corpus/{target}");
        let inputs = names(&folder);
        // What found a fault is counted apart: fuzz/README.md says why an input is here.
        let chosen = inputs.iter().filter(|name| !name.starts_with("fault-")).count();
        assert!((1..=40).contains(&chosen), "{target}: {chosen} inputs");
        for input in inputs {
            let path = fuzz().join(&folder).join(input);
            let bytes = fs::read(&path).unwrap();
            if let Err(panic) = std::panic::catch_unwind(|| body(&bytes)) {
                eprintln!("{}", path.display());
                std::panic::resume_unwind(panic);
            }
        }
    }
}

#[test]
fn targets_bodies_corpora_manifest_and_documentation_name_the_same() {
    let bodies: BTreeSet<_> = bodies::TARGETS.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(names("fuzz_targets"), bodies);
    assert_eq!(names("corpus"), bodies);
    let between = |file: &str, before: &str, after: &str| -> BTreeSet<String> {
        let text = fs::read_to_string(fuzz().join(file)).unwrap();
        let found = text.lines().filter_map(|line| line.strip_prefix(before)?.split_once(after));
        found.map(|(name, _)| name.to_owned()).filter(|name| !name.contains('-')).collect()
    };
    assert_eq!(between("Cargo.toml", "name = \"", "\""), bodies);
    assert_eq!(between("README.md", "| `", "`"), bodies);
}
