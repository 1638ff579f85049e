//! The target of an error's message.

use http::Response;
use location_auth::{Flow, RESPONSE_LIMIT};

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

/// How a message spells the password.
#[derive(Clone, Copy)]
enum Spelling {
    Same,
    Json,
    Percent,
    UpperCase,
    LowerCasePercent,
    Utf16Escapes,
}

impl Spelling {
    /// In the order of their numbers in the corpus.
    const ALL: [Self; 6] =
        [Self::Same, Self::Json, Self::Percent, Self::UpperCase, Self::LowerCasePercent, Self::Utf16Escapes];

    fn of(self, password: &str) -> String {
        let percent =
            || percent_encoding::utf8_percent_encode(password, percent_encoding::NON_ALPHANUMERIC).to_string();
        match self {
            Self::Same => password.to_owned(),
            Self::Json => {
                let json = serde_json::to_string(password).expect("is a text");
                json[1..json.len() - 1].to_owned()
            }
            Self::Percent => percent(),
            Self::UpperCase => password.to_ascii_uppercase(),
            Self::LowerCasePercent => percent().to_lowercase(),
            Self::Utf16Escapes => password.encode_utf16().map(|unit| format!("\\u{unit:04x}")).collect(),
        }
    }
}

/// A message that repeats the password in some spelling, and one that the bytes make up.
pub fn message(data: &[u8]) {
    let mut input = Input(data);
    let (shape, spelling) = (Shape::read(&mut input), input.choose(&Spelling::ALL));
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
    let spelled = spelling.of(&password);
    // A backslash, a percent sign or a hexadecimal digit just before the password can change how it is read.
    let apart = before.trim_end_matches(|c: char| "\\%".contains(c) || c.is_ascii_hexdigit());
    let (error, too_long) = refusal(&format!("wrong: {apart} {spelled} {after}"));
    assert_eq!(error.is_message_withheld(), !too_long, "{spelled:?}");

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
