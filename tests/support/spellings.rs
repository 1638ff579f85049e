//! One text in many spellings.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// Every way to write the text that the check must see through.
pub fn spellings(secret: &str) -> Vec<String> {
    const MINIMAL: &AsciiSet = &AsciiSet::EMPTY.add(b'"').add(b' ').add(b'%');
    let json = serde_json::to_string(secret).unwrap();
    let json = json[1..json.len() - 1].to_owned();
    let ascii = secret.encode_utf16().map(|unit| format!("\\u{unit:04X}")).collect::<String>();
    let all = secret.bytes().map(|byte| format!("%{byte:02x}")).collect::<String>();
    let percent = utf8_percent_encode(secret, NON_ALPHANUMERIC).to_string();
    let mut spellings = vec![
        secret.to_owned(),
        json.replace('/', "\\/"),
        ascii,
        all,
        utf8_percent_encode(secret, MINIMAL).to_string(),
        percent.replace("%20", "+"),
        utf8_percent_encode(&json, NON_ALPHANUMERIC).to_string(),
        serde_json::to_string(&percent).unwrap(),
        json,
        percent,
    ];
    spellings.extend([secret.to_ascii_uppercase(), secret.to_ascii_lowercase()]);
    spellings
}
