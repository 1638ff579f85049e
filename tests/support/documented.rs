//! The tables of the documentation are made by tests.

/// Compares a table of the documentation, from its first words to the end of its file, with what a test made. `UPDATE_TABLES=1` writes it anew.
pub fn is_documented(file: &str, first: &str, made: &str) {
    let file = format!("{}/{file}", env!("CARGO_MANIFEST_DIR"));
    let page = std::fs::read_to_string(&file).expect("a page");
    let (before, documented) = page.split_at(page.find(first).expect("has the table"));
    if std::env::var_os("UPDATE_TABLES").is_some() {
        return std::fs::write(&file, format!("{before}{made}")).expect("can be written");
    }
    for (documented, made) in documented.lines().zip(made.lines()) {
        assert_eq!(documented, made);
    }
    assert_eq!(documented, made);
}
