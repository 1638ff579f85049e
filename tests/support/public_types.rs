//! The crate's public types, read from its sources: `unreachable_pub` is denied, so what says `pub struct` or `pub enum` is public.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

pub fn public_types() -> BTreeSet<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    rust_files(&root.join("src"), &mut files);
    rust_files(&root.join("transports"), &mut files);
    let mut types = BTreeSet::new();
    for file in files {
        let module = file.file_stem().unwrap().to_str().unwrap().to_owned();
        for line in fs::read_to_string(&file).unwrap().lines() {
            let Some(item) = line.trim_start().strip_prefix("pub ") else { continue };
            let Some((_, rest)) = ["struct ", "enum ", "union "].iter().find_map(|kind| item.split_once(kind)) else {
                continue;
            };
            let name: String = rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
            types.insert(format!("{module}::{name}"));
        }
    }
    types
}

fn rust_files(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            rust_files(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}
