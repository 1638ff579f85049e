//! The pages match the repository: their links lead to files, and the programs that they show are those in the files.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// The README's sections that have a program.
const PROGRAMS: [&str; 3] = ["Log in", "Make calls", "Test your program"];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(page: &Path) -> String {
    fs::read_to_string(page).unwrap_or_else(|error| panic!("{}: {error}", page.display()))
}

/// The pages of the guide, without its index.
fn guide() -> Vec<PathBuf> {
    let pages = fs::read_dir(root().join("guide")).unwrap().map(|entry| entry.unwrap().path());
    let pages: Vec<_> = pages.filter(|page| !page.ends_with("README.md")).collect();
    assert!((9..=12).contains(&pages.len()), "{pages:?}");
    pages
}

/// A code block: its language, its lines, and the line of text before it.
struct Block {
    language: String,
    lines: Vec<String>,
    before: String,
}

/// A page without its code blocks, and these.
fn take_apart(page: &str) -> (String, Vec<Block>) {
    let (mut text, mut blocks, mut open) = (String::new(), Vec::new(), None::<Block>);
    let mut before = "";
    for line in page.lines() {
        match (&mut open, line.strip_prefix("```")) {
            (None, Some(language)) => {
                open = Some(Block { language: language.into(), lines: vec![], before: before.into() });
            }
            (Some(_), Some(_)) => blocks.extend(open.take()),
            (Some(block), None) => block.lines.push(line.into()),
            (None, None) => {
                text += line;
                text.push('\n');
                if !line.is_empty() {
                    before = line;
                }
            }
        }
    }
    (text, blocks)
}

/// What the links of a text point to.
fn links(text: &str) -> impl Iterator<Item = &str> {
    text.split("](").skip(1).map(|rest| rest.split_once(')').expect("a link ends").0)
}

/// A heading as a link names it.
fn anchor(heading: &str) -> String {
    let kept = heading.to_lowercase().replace(' ', "-");
    kept.chars().filter(|c| c.is_alphanumeric() || *c == '-' || *c == '_').collect()
}

#[test]
fn every_link_names_an_existing_file_and_heading() {
    let others = "README.md CONTRIBUTING.md SECURITY.md guide/README.md benches/README.md fuzz/README.md \
                  tests/conformance/README.md";
    let mut checked = 0;
    for page in guide().into_iter().chain(others.split_whitespace().map(|page| root().join(page))) {
        let (text, _) = take_apart(&read(&page));
        for link in links(&text).filter(|link| !link.starts_with("https://")) {
            let (file, heading) = link.split_once('#').unwrap_or((link, ""));
            let target = if file.is_empty() { page.clone() } else { page.parent().unwrap().join(file) };
            assert!(target.exists(), "{}: {link} leads nowhere", page.display());
            if !heading.is_empty() {
                let (there, _) = take_apart(&read(&target));
                let mut headings = there.lines().filter(|line| line.starts_with('#'));
                let is_there = headings.any(|line| anchor(line.trim_start_matches('#').trim()) == heading);
                assert!(is_there, "{}: {link} names no heading", page.display());
            }
            checked += 1;
        }
    }
    assert!(checked > 80, "{checked}");
}

#[test]
fn every_page_of_the_guide_is_in_its_index_and_the_readme_links_to_it() {
    let index = read(&root().join("guide/README.md"));
    let indexed: BTreeSet<_> = links(&index).map(str::to_owned).collect();
    let pages: BTreeSet<_> =
        guide().iter().map(|page| page.file_name().unwrap().to_str().unwrap().to_owned()).collect();
    assert_eq!(indexed, pages);
    assert!(links(&read(&root().join("README.md"))).any(|link| link == "guide/README.md"));
}

#[test]
fn every_page_of_the_guide_has_a_program_its_command_what_it_prints_and_what_can_go_wrong() {
    for page in guide() {
        let (text, blocks) = take_apart(&read(&page));
        let languages: Vec<_> = blocks.iter().map(|block| block.language.as_str()).collect();
        let name = page.display();
        assert!(languages.contains(&"rust"), "{name} shows no program");
        assert!(languages.contains(&"sh"), "{name} runs nothing");
        // `.ci/guide` compares the two.
        for (index, _) in languages.iter().enumerate().filter(|(_, language)| **language == "sh") {
            assert_eq!(languages.get(index + 1), Some(&"text"), "{name} does not say what is printed");
        }
        for heading in ["\n## Run it\n", "\n## What can go wrong\n"] {
            assert!(text.contains(heading), "{name} lacks {heading:?}");
        }
    }
}

/// The texts between quotes in a line.
fn quoted(line: &str) -> Vec<&str> {
    line.split('"').skip(1).step_by(2).collect()
}

#[test]
fn the_page_of_what_went_wrong_has_each_text_and_each_cause_of_a_transports_error() {
    let page = read(&root().join("guide/what-can-go-wrong.md"));
    let kinds = read(&root().join("transports/send_error.rs"));
    let texts = kinds.split("\"").skip(1).step_by(2).filter_map(|text| text.split([':', '{']).next());
    let texts: Vec<_> = texts.filter(|text| text.len() > 8 && !text.starts_with("; the response")).collect();
    let causes = read(&root().join("transports/known_cause.rs"));
    // Ours is the second text of a line, or stands alone.
    let ours = |line| match quoted(line)[..] {
        [_, ours] => Some(ours),
        [ours] if line.trim().starts_with("\"the server") => Some(ours),
        _ => None,
    };
    let causes: Vec<_> = causes.lines().filter_map(ours).filter(|ours| ours.contains(' ')).collect();
    assert!(texts.len() > 11 && causes.len() > 24, "{texts:?} {causes:?}");
    for text in texts.into_iter().chain(causes) {
        assert!(page.contains(text.trim()), "{text}");
    }
}

#[test]
fn every_program_in_the_guide_matches_its_file() {
    for page in guide() {
        let (_, blocks) = take_apart(&read(&page));
        for block in blocks.iter().filter(|block| block.language == "rust") {
            let file =
                program(&page, block).unwrap_or_else(|| panic!("{}: whose is this? {:?}", page.display(), block.lines));
            stands_in(&page, block, &file);
        }
    }
}

#[test]
fn the_pages_are_short() {
    let words = |page: &Path| read(page).split_whitespace().count();
    let pages = guide();
    for page in pages.iter().filter(|page| !page.ends_with("what-can-go-wrong.md")) {
        assert!(words(page) <= 900, "{}: {} words", page.display(), words(page));
    }
    let all: usize = pages.iter().map(|page| words(page)).sum();
    assert!(all <= 9000, "{all} words, without the index");
    for page in ["SECURITY.md", "CONTRIBUTING.md"] {
        let words = words(&root().join(page));
        assert!(words <= 1000, "{page}: {words} words");
    }
}

#[test]
fn the_readme_is_short_and_its_first_screen_has_a_login() {
    let readme = read(&root().join("README.md"));
    assert!(readme.lines().count() <= 190, "{} lines", readme.lines().count());
    let before = readme.lines().position(|line| line.starts_with("```rust")).unwrap();
    assert!(before < 30, "{before} lines before the first program");
    let (_, blocks) = take_apart(&readme);
    let first = blocks.iter().find(|block| block.language.starts_with("rust")).unwrap();
    assert!(first.lines.len() <= 24 && first.lines.iter().any(|line| line.starts_with("fn main()")));
}

#[test]
fn every_program_in_the_readme_is_complete() {
    let readme = read(&root().join("README.md"));
    for section in PROGRAMS {
        let (_, rest) = readme.split_once(&format!("\n## {section}\n")).unwrap_or_else(|| panic!("{section}"));
        let (_, blocks) = take_apart(rest.split("\n## ").next().unwrap());
        assert!(blocks.iter().any(|block| block.language.starts_with("rust")), "{section} has no program");
    }
    // Each is compiled as a documentation test. There a line that starts with `# ` is compiled and not shown, and `ignore` is not compiled.
    for block in take_apart(&readme).1.iter().filter(|block| block.language.starts_with("rust")) {
        assert!(["rust", "rust,no_run"].contains(&block.language.as_str()), "{}", block.language);
        assert!(block.lines[0].starts_with("use "), "it does not begin with what it uses: {:?}", block.lines);
        for line in &block.lines {
            assert!(!line.contains('…') && !line.starts_with("# "), "nobody can copy this: {line}");
        }
    }
}

/// The file whose program a block is taken from: the one that the line before it links to last, if that line ends in a colon.
fn program(page: &Path, block: &Block) -> Option<PathBuf> {
    let link = links(block.before.strip_suffix(':')?).last()?;
    link.ends_with(".rs").then(|| page.parent().unwrap().join(link))
}

/// Each run of the block's lines, up to a line `// …`, is in the file, one after the other. It may be indented there otherwise.
fn stands_in(page: &Path, block: &Block, file: &Path) {
    let text = read(file);
    let lines: Vec<_> = text.lines().collect();
    let mut from = 0;
    for piece in block.lines.split(|line| line.trim() == "// …").filter(|piece| !piece.is_empty()) {
        let found = (from..lines.len()).find(|start| is_at(&lines[*start..], piece));
        let name = (page.display(), file.display());
        from = found.unwrap_or_else(|| panic!("{}: not in {}:\n{}", name.0, name.1, piece.join("\n"))) + piece.len();
    }
}

fn is_at(lines: &[&str], piece: &[String]) -> bool {
    let indent = |line: &str| line.len() as isize - line.trim_start().len() as isize;
    let shift = indent(lines[0]) - indent(&piece[0]);
    let same = |(line, shown): (&&str, &String)| {
        line.trim_start() == shown.trim_start() && (line.is_empty() || indent(line) - indent(shown) == shift)
    };
    lines.len() >= piece.len() && lines.iter().zip(piece).all(same)
}
