//! The target of an error's message.

use http::Response;
use location_auth::Flow;
use location_auth::transports::RESPONSE_LIMIT;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::input::{EMAIL, Input, app, shows_none};

/// Where the body of a refusal has the text.
#[derive(Clone, Copy)]
enum Shape {
    Error,
    Description,
    Message,
    List,
    Field,
    Violation,
    Names,
    Detail,
    Plain,
}

impl Shape {
    /// In the order of their numbers in the corpus.
    const JSON: [Self; 8] = [
        Self::Error,
        Self::Description,
        Self::Message,
        Self::List,
        Self::Field,
        Self::Violation,
        Self::Names,
        Self::Detail,
    ];

    fn read(input: &mut Input<'_>) -> Self {
        let byte = input.byte();
        if byte < 128 { Self::JSON[usize::from(byte) % Self::JSON.len()] } else { Self::Plain }
    }

    /// The content type and the body.
    fn body(self, text: &str) -> (&'static str, String) {
        let json = match self {
            Self::Error => serde_json::json!({ "error": text }),
            Self::Description => serde_json::json!({ "error": "x", "error_description": text }),
            Self::Message => serde_json::json!({ "message": text }),
            Self::List => serde_json::json!({ "errors": [text] }),
            Self::Field => serde_json::json!({ "errors": { "email": [text] } }),
            Self::Violation => serde_json::json!([{ "name": text, "reason": text }]),
            Self::Names => {
                serde_json::json!({ text: format!("{text} {text}"), "ERROR": { "code": text, text: text } })
            }
            Self::Detail => serde_json::json!({ "errors": [{ "title": "x", "detail": text }] }),
            Self::Plain => return ("text/plain", text.to_owned()),
        };
        ("application/json", json.to_string())
    }
}

/// Writes the credential with a spelling for each character, which a byte chooses: up to three encodings, one within the other.
///
/// Each encoder escapes what begins its own escapes: what one writes that does not is no spelling.
fn spelled(credential: &str, bytes: &mut Input<'_>, all: u8) -> String {
    let spell = |c: char| {
        let mut recipe = usize::from(if bytes.0.is_empty() { all } else { bytes.byte() });
        let mut text = c.to_string();
        for _ in 0..3 {
            text = text.chars().map(|c| encoded(c, recipe % 8)).collect();
            recipe /= 8;
        }
        text
    };
    credential.chars().map(spell).collect()
}

/// One character in the encoding of this number.
fn encoded(c: char, encoding: usize) -> String {
    let utf8 = c.to_string();
    match encoding {
        1 => {
            let json = serde_json::to_string(&c).expect("is a text");
            json[1..json.len() - 1].to_owned()
        }
        2 => utf8_percent_encode(&utf8, NON_ALPHANUMERIC).to_string(),
        3 => utf8.to_ascii_uppercase(),
        4 => utf8.bytes().map(|byte| format!("%{byte:02x}")).collect(),
        5 => c.encode_utf16(&mut [0; 2]).iter().map(|unit| format!("\\u{unit:04x}")).collect(),
        6 if c.is_alphanumeric() => utf8,
        6 => format!("&#{};", u32::from(c)),
        7 => utf8.replace(' ', "+"),
        _ => utf8,
    }
}

/// A message that repeats the password behind any text, in any spelling, and one that the bytes make up.
pub fn message(data: &[u8]) {
    let mut input = Input(data);
    let (shape, all) = (Shape::read(&mut input), input.byte());
    let (password, before, after) = (input.text(), input.text(), input.text());
    if password.is_empty() || password.ends_with(['\n', '\r']) {
        return;
    }
    let refusal = |text: &str| {
        let (content_type, body) = shape.body(text);
        let too_long = body.len() > RESPONSE_LIMIT;
        let response = Response::builder().status(401).header("content-type", content_type).body(body);
        let response = response.expect("is a response");
        let login = app().user_login(EMAIL, &password).expect("is not empty");
        let error = login.receive(&response).expect_err("is a refusal").error;
        assert!(!too_long || error.message().is_none());
        (error, too_long)
    };
    let mut spellings = vec![spelled(&password, &mut input, all)];
    // What a parser of numbers makes of it.
    if password.bytes().all(|byte| byte.is_ascii_digit()) && password.bytes().any(|byte| byte != b'0') {
        let number = password.parse::<f64>().ok().filter(|number| number.is_finite());
        spellings.extend(number.iter().flat_map(|number| [format!("{number} "), format!("{number:e} ")]));
    }
    for spelling in spellings {
        let (error, too_long) = refusal(&format!("wrong: {before}{spelling}{after}"));
        assert_eq!(error.is_message_withheld(), !too_long, "{spelling:?}");
    }

    let (error, _) = refusal(&format!("{before}{after}"));
    shows_none(error.code().unwrap_or_default(), &[&password]);
    if let Some(shown) = error.message() {
        assert!(shown.len() <= 256);
        // A message can be cut within a character's encoding. The rest is decoded to a replacement character.
        if !password.contains(char::REPLACEMENT_CHARACTER) {
            let percent_decoded = percent_encoding::percent_decode_str(shown).decode_utf8_lossy();
            let json_decoded: String = serde_json::from_str(&format!("\"{shown}\"")).unwrap_or_default();
            for text in [shown, &percent_decoded, &json_decoded] {
                shows_none(text, &[&password]);
            }
        }
    }
}
