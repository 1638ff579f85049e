//! The wall between the core and its transports, and what else can be read off the sources.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// The files of a folder and of those in it, by their paths below the crate's.
fn sources(folder: &str) -> Vec<(PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    for path in fs::read_dir(root.join(folder)).unwrap().map(|entry| entry.unwrap().path()) {
        let below = path.strip_prefix(root).unwrap().to_owned();
        if path.is_dir() {
            files.extend(sources(below.to_str().unwrap()));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push((below, fs::read_to_string(path).unwrap()));
        }
    }
    files
}

/// Lines of code, without those that are comments.
fn code(text: &str) -> impl Iterator<Item = &str> {
    text.lines().map(str::trim_start).filter(|line| !line.starts_with("//"))
}

/// What the transports for tests need of std: a lock, since callers share a transport, and a place on the thread for the virtual clock. When a
/// test fails, they print the seed that does it again.
const FOR_TESTS: [&str; 5] = [
    "extern crate std;",
    "use std::sync::{Mutex, MutexGuard, PoisonError};",
    "std::thread_local!",
    "std::thread::panicking()",
    "std::eprintln!",
];

#[test]
fn the_core_names_no_io_no_clock_and_no_client_library() {
    for (path, text) in sources("src") {
        let allowed = if path.starts_with("src/testing") { &FOR_TESTS[..] } else { &[] };
        for line in code(&text).filter(|line| !allowed.iter().any(|allowed| line.contains(allowed))) {
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
    let contract = "mod.rs bounded.rs drivers.rs events.rs own_wakes.rs run_error.rs send_error.rs shared.rs";
    let mut adapters = 0;
    let is_above = |(path, _): &(PathBuf, String)| path.parent() == Some(Path::new("transports"));
    for (path, text) in sources("transports").into_iter().filter(is_above) {
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        let uses_std = code(&text).any(|line| line == "extern crate std;");
        if !contract.split(' ').any(|file| file == name) {
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
fn every_event_is_logged_in_one_file() {
    for (path, text) in sources("transports") {
        let names_tracing = code(&text).any(|line| line.contains("tracing"));
        assert_eq!(names_tracing, path.ends_with("events.rs"), "{}", path.display());
    }
}

#[test]
fn the_adapters_use_the_core_by_its_public_path_alone() {
    for (path, text) in ["transports", "src/testing"].into_iter().flat_map(sources) {
        for line in code(&text) {
            assert!(!line.contains("crate::"), "{} reaches into the crate: {line}", path.display());
        }
    }
}

#[test]
fn no_public_signature_names_a_lock_or_a_runtime() {
    for (path, text) in ["transports", "src"].into_iter().flat_map(sources) {
        for line in code(&text).filter(|line| line.starts_with("pub ") || line.starts_with("impl")) {
            // What stands between the parentheses of a tuple struct is private where it does not say `pub`.
            let shown = match line.split_once('(') {
                Some((head, fields)) if head.starts_with("pub struct") && !fields.contains("pub ") => head,
                _ => line,
            };
            for word in ["Mutex", "RwLock", "async_lock", "tokio", "Condvar"] {
                assert!(!shown.contains(word), "{}: {line}", path.display());
            }
        }
    }
}

fn read(file: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(file)).unwrap()
}

/// What stands under this heading, up to the next one.
fn section<'a>(text: &'a str, heading: &str) -> &'a str {
    let (_, after) = text.split_once(&format!("{heading}\n")).unwrap_or_else(|| panic!("no {heading}"));
    after.split("\n# ").next().unwrap().split("\n## ").next().unwrap()
}

/// The rows of the tables in a text, by cells.
fn rows(text: &str) -> impl Iterator<Item = Vec<&str>> {
    let rows = text.lines().filter_map(|line| line.strip_prefix("| ")?.strip_suffix(" |"));
    rows.map(|row| row.split(" | ").collect::<Vec<_>>()).filter(|cells| !cells[0].starts_with("---")).skip(1)
}

fn in_backticks(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

/// The names that a table of the manifest gives values to, with these values.
fn manifest_table(heading: &str) -> BTreeMap<String, String> {
    let manifest = read("Cargo.toml");
    let (_, after) = manifest.split_once(&format!("\n[{heading}]\n")).unwrap();
    let lines = after.lines().take_while(|line| !line.starts_with('[')).filter_map(|line| line.split_once(" = "));
    lines.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

#[test]
fn the_readme_and_the_documentation_list_every_feature() {
    let features: BTreeSet<_> = manifest_table("features").into_keys().filter(|name| name != "default").collect();
    assert!(features.contains("client"), "{features:?}");
    let root_page: String = read("src/lib.rs")
        .lines()
        .filter_map(|line| line.strip_prefix("//! "))
        .map(|line| format!("{line}\n"))
        .collect();
    for (text, heading) in [(read("README.md"), "## Features"), (root_page, "# Features")] {
        let listed: BTreeSet<_> = rows(section(&text, heading))
            .flat_map(|row| in_backticks(row[0]).map(str::to_owned).collect::<Vec<_>>())
            .collect();
        assert_eq!(listed, features, "{heading}");
    }
}

#[test]
fn contributing_has_a_reason_for_every_dependency_and_says_which_are_optional() {
    let page = read("CONTRIBUTING.md");
    let mut listed = BTreeMap::new();
    for row in rows(section(&page, "## Dependencies")) {
        assert!(row[1].len() > 10, "no reason: {row:?}");
        for name in in_backticks(row[0]) {
            listed.insert(name.to_owned(), row[1].starts_with("optional"));
        }
    }
    let dependencies = manifest_table("dependencies");
    let optional = dependencies.into_iter().map(|(name, value)| (name, value.contains("optional = true")));
    assert_eq!(listed, optional.collect());
}

#[test]
fn the_checks_in_contributing_are_those_of_the_two_tiers() {
    let page = read("CONTRIBUTING.md");
    let explained: BTreeSet<_> =
        rows(section(&page, "## What each check is for")).map(|row| (row[0].to_owned(), row[1].to_owned())).collect();
    let called = ["run", "deep"].into_iter().flat_map(|tier| {
        let script = read(&format!(".ci/{tier}"));
        let names = script.lines().filter_map(|line| line.trim_start().strip_prefix("check ")?.split(' ').next());
        names.map(|name| (format!("`{name}`"), tier.to_owned())).collect::<Vec<_>>()
    });
    assert_eq!(explained, called.collect());
}

/// Whether a check of this name runs: a test of the file, or a row of the conformance table.
fn runs(file: &str, name: &str) -> bool {
    let text = read(file);
    let lines: Vec<_> = text.lines().map(str::trim).collect();
    let starts = |line: &str, start: &str| line.strip_prefix(start).is_some_and(|rest| rest.starts_with('('));
    let is_test = lines.windows(2).any(|two| {
        (two[0] == "#[test]" && starts(two[1], &format!("fn {name}")))
            || (two[0].starts_with("#[tokio::test") && starts(two[1], &format!("async fn {name}")))
    });
    let Some(module) = file.strip_prefix("tests/conformance/src/rows/").and_then(|file| file.strip_suffix(".rs"))
    else {
        return is_test;
    };
    let check = format!("{module}::{name}");
    let table = read("tests/conformance/src/rows/mod.rs");
    let is_in_table =
        table.match_indices(&check).any(|(at, _)| table[at + check.len()..].starts_with(['(', ')', ';', ',']));
    is_in_table && lines.iter().any(|line| starts(line, &format!("pub fn {name}")))
}

#[test]
fn each_promise_in_security_names_an_existing_test() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = read("SECURITY.md");
    assert!(section(&page, "## Not promised").contains("\n- "), "all is promised");
    let mut named = 0;
    // A row in bold is the boundary of those below it.
    for row in rows(section(&page, "## Promises")).filter(|row| !row[0].starts_with("**")) {
        let [_, keepers] = row[..] else { panic!("no two cells: {row:?}") };
        assert!(keepers.contains('`'), "kept by nothing: {row:?}");
        for keeper in in_backticks(keepers) {
            let (file, name) = keeper.split_once("::").unwrap_or_else(|| panic!("{keeper} names no test"));
            assert!(root.join(file).is_file(), "{keeper} is in no file");
            assert!(runs(file, name), "{keeper} is no test");
            named += 1;
        }
    }
    assert_eq!(page.matches(".rs::").count(), named, "a test is named outside the table, where nobody looks for it");
    assert!(named > 50, "{named}");
}

/// The code of each module under a folder, by its path below it: `client::shared`. That of the folder itself is "".
fn modules(folder: &str) -> BTreeMap<String, String> {
    let module = |path: &Path| {
        let path = path.strip_prefix(folder).unwrap().with_extension("");
        let names = path.iter().map(|name| name.to_str().unwrap()).filter(|name| !["lib", "mod"].contains(name));
        names.collect::<Vec<_>>().join("::")
    };
    sources(folder).iter().map(|(path, text)| (module(path), code(text).collect())).collect()
}

fn below(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}::{name}") }
}

/// The modules of a folder that each of its files names, by `crate::` or `super::`. A file that has modules below it is none: it exports what
/// they define.
fn imports(folder: &str) -> BTreeMap<String, BTreeSet<String>> {
    let modules = modules(folder);
    let mut exports = BTreeMap::new();
    let find = |exports: &BTreeMap<String, String>, base: &str, path: &str| {
        let mut module = base.to_owned();
        for name in path.split("::") {
            let next = below(&module, name);
            match (modules.contains_key(&next), exports.get(&next)) {
                (true, _) => module = next,
                (false, defined) => return defined.cloned().unwrap_or(module),
            }
        }
        module
    };
    for (module, text) in &modules {
        for path in text.split("pub use ").skip(1).flat_map(paths) {
            let (module_path, name) = path.rsplit_once("::").unwrap_or_default();
            exports.insert(below(module, name), find(&exports, module, module_path));
        }
    }
    let has_modules = |file: &str| modules.keys().any(|other| other.rsplit_once("::").unwrap_or_default().0 == file);
    let mut imports = BTreeMap::new();
    for (file, text) in modules.iter().filter(|(file, _)| !file.is_empty() && !has_modules(file)) {
        let mut named: BTreeSet<_> =
            text.split("crate::").skip(1).flat_map(paths).map(|path| find(&exports, "", &path)).collect();
        let mut base = file.as_str();
        for part in text.split("super::").skip(1) {
            base = base.rsplit_once("::").unwrap_or_default().0;
            if !part.is_empty() {
                named.extend(paths(part).iter().map(|path| find(&exports, base, path)));
                base = file;
            }
        }
        imports.insert(file.clone(), named);
    }
    imports
}

/// The path that a text begins with, or each of a list of them: those of `a::{b, c::{D, e}}` are `a::b`, `a::c::D` and `a::c::e`.
fn paths(text: &str) -> Vec<String> {
    let is_name = |c: char| c.is_alphanumeric() || c == '_';
    let (name, rest) = text.split_at(text.find(|c| !is_name(c)).unwrap_or(text.len()));
    if let Some(rest) = rest.strip_prefix("::") {
        return paths(rest).iter().map(|path| format!("{name}::{path}")).collect();
    }
    let Some(list) = text.strip_prefix('{') else { return vec![name.to_owned()] };
    let mut depth = 0;
    let mut all = paths(list);
    for (at, c) in list.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => all.extend(paths(list[at + 1..].trim_start())),
            _ => {}
        }
    }
    all
}

/// A way from the file back to itself, by what each imports.
fn cycle(imports: &BTreeMap<String, BTreeSet<String>>, file: &str) -> Option<Vec<String>> {
    let mut ways = vec![vec![file.to_owned()]];
    let mut seen = BTreeSet::new();
    while let Some(way) = ways.pop() {
        for next in imports.get(way.last().unwrap()).into_iter().flatten() {
            if next == file {
                return Some(way);
            }
            if seen.insert(next.clone()) {
                ways.push([way.clone(), vec![next.clone()]].concat());
            }
        }
    }
    None
}

#[test]
fn no_files_import_each_other() {
    assert_eq!(paths("a::{b, c::{D, e}, F}, G"), ["a::b", "a::c::D", "a::c::e", "a::F"]);
    assert_eq!(paths("app::head(x)"), ["app::head"]);
    let around = [("a", ["b"]), ("b", ["c"]), ("c", ["a"]), ("d", ["a"])];
    let around = around.map(|(file, imports)| (file.to_owned(), imports.map(str::to_owned).into())).into();
    assert_eq!(cycle(&around, "b").unwrap(), ["b", "c", "a"]);
    assert_eq!(cycle(&around, "d"), None);

    for (folder, known) in [
        ("src", [("response", "token"), ("session", "query")]),
        ("transports", [("client::shared", "events"), ("cassette::player", "cassette::recording")]),
    ] {
        let files = imports(folder);
        assert!(known.iter().all(|(file, other)| files[*file].contains(*other)), "{files:?}");
        // A folder is one, too, for those outside of it.
        let mut folders = BTreeMap::<_, BTreeSet<_>>::new();
        let first = |module: &String| module.split("::").next().unwrap().to_owned();
        for (file, imports) in &files {
            folders.entry(first(file)).or_default().extend(imports.iter().map(first).filter(|to| *to != first(file)));
        }
        for imports in [files, folders] {
            for file in imports.keys() {
                let way = cycle(&imports, file);
                assert_eq!(way, None, "{file} comes back to itself by its imports: what they share wants its own file");
            }
        }
    }
}
