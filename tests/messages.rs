//! The service's own words (Q8): picked out of the usual shapes, withheld if they repeat a credential, cleaned, cut.

mod support;

use http::Response;
use location_auth::{App, Error, Flow};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use support::{EMAIL, app, settings};

const NASTY: &str = "pä\"ss\\w/örd\u{1}%41 ß+Σ😀";

fn refused(password: &str, body: impl AsRef<[u8]>, request_id: &str) -> Error {
    let response = Response::builder().status(401).header("x-request-id", request_id).body(body).unwrap();
    app().user_login(EMAIL, password).unwrap().receive(&response).unwrap_err().error
}

fn message(body: impl AsRef<[u8]>) -> Option<String> {
    refused("a password", body, "1").message().map(str::to_owned)
}

/// A body whose message is this text.
fn saying(text: &str) -> String {
    serde_json::json!({ "message": text }).to_string()
}

#[test]
fn a_message_is_picked_out_of_the_usual_shapes() {
    for (body, picked) in [
        (r#"{"error": "no"}"#, Some("no")),
        (r#"{"error": "no", "error_description": "not you"}"#, Some("no: not you")),
        (r#"{"error": "no", "message": "not you"}"#, Some("no: not you")),
        (r#"{"error_description": "not you"}"#, Some("not you")),
        (r#"{"message": "no"}"#, Some("no")),
        (r#"{"error": true, "message": "no"}"#, Some("no")),
        (r#"{"errors": [{"title": "no", "detail": "not you"}]}"#, Some("no: not you")),
        (r#"{"errors": [{"detail": "not you"}, {"detail": "nor you"}]}"#, Some("not you")),
        (r#"{"errors": ["no", "not you"]}"#, Some("no")),
        (r#"{"error": "  "}"#, None),
        (r#"{"error": 7, "errors": 7, "message": []}"#, None),
        (r#"{"errors": []}"#, None),
        (r#"{"errors": [[]]}"#, None),
        (r#"{"errors": [7, "no"]}"#, None),
        (r#"{"error": {"code": 401, "message": "no", "errors": [{"message": "not you"}]}}"#, Some("no: not you")),
        (r#"{"type": "about:blank", "title": "no", "status": 401, "detail": "not you"}"#, Some("no: not you")),
        (r#"{"error": "no", "error": "not you", "message": "really", "message": null}"#, Some("not you")),
        (r#"{"error": "no", "time": 1e999, "path": "\ud800"}"#, Some("no")),
        (r#"{"error": "no"} {}"#, None),
        (r#"{"error": -1, "errors": 1.5, "message": "no"}"#, Some("no")),
        (r#""no""#, Some("no")),
        (r#"["no"]"#, Some("no")),
        ("<html>no</html>", None),
        ("{", None),
        ("", None),
    ] {
        assert_eq!(message(body).as_deref(), picked, "{body}");
    }
    assert_eq!(message(b"{\"error\": \"\xff\"}"), None);
    assert_eq!(message("[".repeat(60_000)), None);
}

/// Every way to write the text that the check must see through.
fn spellings(secret: &str) -> Vec<String> {
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
    let cases: Vec<_> = spellings.iter().take(1).flat_map(|text| [text.to_uppercase(), text.to_lowercase()]).collect();
    spellings.extend(cases);
    spellings
}

#[test]
fn a_message_that_repeats_a_credential_is_withheld_whole_however_it_is_written() {
    for secret in [NASTY, "hunter2", "a b+c", "\\n%41", "STRASSE", "a\u{1}\u{2}\n", "\r\t\u{8}\u{c}/\"\\"] {
        for spelling in spellings(secret) {
            let error = refused(secret, saying(&format!("'{spelling}' is wrong")), "1");
            assert!(error.is_message_withheld() && error.message().is_none(), "{secret:?} written as {spelling:?}");
            assert!(error.to_string().contains("withheld because they repeat a credential"), "{error}");
        }
    }
}

#[test]
fn a_message_is_withheld_for_any_credential_that_its_request_carried() {
    let app = app();
    let user_token = support::user_token(&app);
    let withheld = |flow: &mut dyn FnMut(&Response<String>) -> Error, word: &str| {
        let error = flow(&Response::builder().status(403).body(saying(&format!("no {word}!"))).unwrap());
        error.is_message_withheld()
    };
    let mut step_1 =
        |response: &Response<String>| app.user_login(EMAIL, "hunter2").unwrap().receive(response).unwrap_err().error;
    let mut step_2 = |response: &Response<String>| {
        app.location("l").unwrap().exchange(&user_token).unwrap().receive(response).unwrap_err().error
    };
    for word in [EMAIL, "hunter2", "the-api-key", "the-client-id", "the-client-secret", "THE-CLIENT-SECRET"] {
        assert!(withheld(&mut step_1, word), "{word}");
    }
    for word in ["user-token", "the-api-key", "the-client-id", "the-client-secret"] {
        assert!(withheld(&mut step_2, word), "{word}");
    }
    assert!(!withheld(&mut step_1, "user-token"), "step 1 did not carry it");
    assert!(!withheld(&mut step_2, "hunter2"), "step 2 did not carry it");
}

#[test]
fn a_credential_beyond_the_cut_still_withholds_the_message() {
    let error = refused("hunter2", saying(&format!("{} hunter2", "x".repeat(1000))), "1");
    assert!(error.is_message_withheld());
    let half = format!("{} hunter2", "x".repeat(250));
    assert!(refused("hunter2", saying(&half), "1").is_message_withheld(), "the cut would leave half of it");
}

#[test]
fn what_only_looks_like_an_escape_is_taken_as_it_stands() {
    let app = App::new(settings().client_secret("%").client_id("zz")).unwrap();
    let response = Response::builder().status(401).body(saying("broken \\ \\u12 \\ud800 %zz % \\")).unwrap();
    let error = app.user_login("y", "x").unwrap().receive(&response).unwrap_err().error;
    assert!(error.is_message_withheld(), "it holds the percent sign that is the secret here");
    assert_eq!(
        message(saying("broken \\ \\u12 \\ud800\\u0041 %zz % \\")).as_deref(),
        Some("broken \\ \\u12 \\ud800\\u0041 %zz % \\")
    );
}

#[test]
fn every_character_that_has_letter_cases_meets_them_all() {
    for c in (char::MIN..=char::MAX).filter(|c| !c.to_uppercase().eq([*c]) || !c.to_lowercase().eq([*c])) {
        let text = c.to_string();
        let cases = [text.to_uppercase(), text.to_lowercase()];
        let twice = cases.iter().flat_map(|text| [text.to_uppercase(), text.to_lowercase()]);
        for case in cases.iter().cloned().chain(twice) {
            assert!(refused(&text, saying(&case), "1").is_message_withheld(), "{c:?} as {case:?}");
        }
    }
}

#[test]
fn what_cleaning_would_spell_is_withheld_too() {
    for body in ["a\u{1}b", "a\u{202e}b", "a\u{fffd}b"].map(saying) {
        assert!(refused("a\u{fffd}b", body, "1").is_message_withheld());
    }
}

#[test]
fn a_message_is_cleaned_and_cut_at_a_character() {
    assert_eq!(
        message(saying("a\nb\u{1b}[31m\u{2028}\u{202e}c\u{61c}")).as_deref(),
        Some("a\u{fffd}b\u{fffd}[31m\u{fffd}\u{fffd}c\u{fffd}")
    );
    assert_eq!(message(saying(&"x".repeat(300))).unwrap().len(), 256);
    assert_eq!(message(saying(&"😀".repeat(100))).unwrap().len(), 256);
    assert_eq!(message(saying(&format!("x{}", "😀".repeat(100)))).unwrap().len(), 253);
}

#[test]
fn a_request_id_is_kept_if_it_can_be_one() {
    let long = "x".repeat(128);
    let too_long = "x".repeat(129);
    for (id, kept) in [
        ("7f3a-1", Some("7f3a-1")),
        (&long, Some(&*long)),
        (&too_long, None),
        ("", None),
        ("a b", None),
        ("the-api-key", None),
        ("x-HUNTER2-x", None),
        ("x-hunter%32-x", None),
    ] {
        assert_eq!(refused("hunter2", "", id).request_id(), kept, "{id}");
    }
}

#[test]
fn an_error_is_one_line_that_says_step_location_status_words_fault_and_what_to_do() {
    let response = Response::builder()
        .status(429)
        .header("x-request-id", "7f3a")
        .header("retry-after", "30")
        .body(r#"{"error": "slow \"down\""}"#)
        .unwrap();
    let login = app().location("loc-1").unwrap().login(EMAIL, "a password").unwrap();
    let failed = login.receive(&response).unwrap_err();
    assert_eq!(
        failed.to_string(),
        "step 1 (User Access Token) of Location loc-1: the service is throttling (status 429), saying \"slow \\\"down\\\"\", \
         request id 7f3a, asking to wait 30 s; the caller is at fault: wait as long as it asks, then send the same request again"
    );
    assert_eq!(failed.error.to_string(), failed.to_string());
}

#[test]
fn what_is_no_text_when_decoded_stands_between_its_neighbours() {
    let error = refused("hunter2", saying("not hun%FFter2"), "1");
    assert_eq!(error.message(), Some("not hun%FFter2"), "the two halves are no password");
}
