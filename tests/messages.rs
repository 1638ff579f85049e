//! The service's own words (Q8): picked out of the usual shapes, withheld if they repeat a credential, cleaned, cut.

#[path = "support/spellings.rs"]
mod spellings;
mod support;

use std::time::Duration;

use http::{Request, Response, StatusCode};
use location_auth::driver::{Acquiring, Verdict};
use location_auth::store::Stored;
use location_auth::{Credentials, Error, Flow, Owner, Session, Step, StrikeOut, TokenErrorKind, strike_out};
use spellings::spellings;
use support::{EMAIL, app, done, token_response};

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
fn a_message_is_found_in_any_shape_of_body() {
    let nested = |depth: usize| format!(r#"{}"no"{}"#, r#"{"error": "#.repeat(depth), "}".repeat(depth));
    let (deep, too_deep) = (nested(7), nested(8));
    for (body, picked) in [
        (r#"{"error": "no"}"#, Some("no")),
        (r#"{"error": "no", "error_description": "not you"}"#, Some("no: not you")),
        (r#"{"error": "no", "message": "not you"}"#, Some("no: not you")),
        (r#"{"error_description": "not you"}"#, Some("not you")),
        (r#"{"message": "no"}"#, Some("no")),
        (r#"{"reason": "no"}"#, Some("no")),
        (r#"{"Message": "no"}"#, Some("no")),
        (r#"{"error": true, "message": "no"}"#, Some("no")),
        (r#"{"errors": [{"title": "no", "detail": "not you"}]}"#, Some("no: not you")),
        (r#"{"errors": [{"detail": "not you"}, {"detail": "nor you"}]}"#, Some("not you")),
        (r#"{"errors": ["no", "not you"]}"#, Some("no")),
        (r#"{"error": "  "}"#, None),
        (r#"{"error": 7, "errors": 7, "message": []}"#, None),
        // A number, as serde_json gives it if another crate of the program turns on its `arbitrary_precision`.
        (r#"{"errors": {"$serde_json::private::Number": "1.5"}}"#, None),
        (r#"{"errors": []}"#, None),
        (r#"{"errors": [[]]}"#, None),
        (r#"{"errors": [7, null, "", "no"]}"#, Some("no")),
        (r#"{"errors": [[["no"]]]}"#, Some("no")),
        // The member's name says whose fault it is.
        (r#"{"errors": {"email": ["is invalid"]}}"#, Some("email: is invalid")),
        (r#"{"errors": {"email": "is invalid", "password": "is short"}}"#, Some("email: is invalid")),
        (r#"{"errors": {"owner": {"email": ["is invalid"]}}}"#, Some("owner: email: is invalid")),
        (r#"{"errors": {"name": ["is invalid"]}}"#, Some("name: is invalid")),
        (r#"{"errors": {"code": ["is invalid"]}}"#, Some("code: is invalid")),
        (r#"{"errors": {"base": "no"}}"#, Some("no")),
        (r#"{"errors": {"base": [], "email": ["no"]}}"#, Some("email: no")),
        (r#"{"email": ["This is no address."]}"#, Some("email: This is no address.")),
        (r#"[{"name": "email", "reason": "is invalid"}]"#, Some("email: is invalid")),
        (r#"{"name": "Unauthorized", "message": "no"}"#, Some("Unauthorized: no")),
        (r#"{"detail": [{"loc": ["body", "email"], "msg": "field required"}]}"#, Some("field required")),
        (r#"{"data": {"error": "no"}}"#, Some("data: no")),
        // What is no sentence, and below no usual name, may be anything.
        (r#"{"id": "7f3a", "token": "x", "name": "Ann"}"#, None),
        (r#"{"error": {"code": "E17", "message": "no"}}"#, Some("no")),
        (r#"{"error": {"code": 401, "message": "no", "errors": [{"message": "not you"}]}}"#, Some("no: not you")),
        (r#"{"type": "about:blank", "title": "no", "status": 401, "detail": "not you"}"#, Some("no: not you")),
        (r#"{"error": "no", "error": "not you", "message": "really", "message": null}"#, Some("not you")),
        (r#"{"error": "no", "time": 1e999, "path": "\ud800"}"#, Some("no")),
        (r#"{"error": "no"} {}"#, None),
        (r#"{"error": -1, "errors": 1.5, "message": "no"}"#, Some("no")),
        (r#""no""#, Some("no")),
        (r#"["no"]"#, Some("no")),
        ("\u{feff}{\"error\": \"no\"}", Some("no")),
        (&deep, Some("no")),
        (&too_deep, None),
        ("<html>no</html>", None),
        ("{", None),
        ("", None),
    ] {
        assert_eq!(message(body).as_deref(), picked, "{body}");
    }
    assert_eq!(message(b"{\"error\": \"\xff\"}"), None);
    assert_eq!(message("[".repeat(60_000)), None);
}

#[test]
fn plain_text_is_shown_by_its_first_line_and_html_by_its_title() {
    for (content_type, body, shown) in [
        ("text/plain", "no", r#", saying "no""#),
        ("text/plain; charset=utf-8", "\r\n  no such owner \r\nat line 7", r#", saying "no such owner""#),
        ("Text/Plain", "\u{feff}no", r#", saying "no""#),
        ("text/plain", r#"{"error": "no"}"#, r#", saying "no""#),
        ("text/plain", "hunter2 is wrong", ", its words withheld because they repeat a credential"),
        ("text/plain", "all is well\nbut hunter2", ", its words withheld because they repeat a credential"),
        ("text/plain", "", ""),
        ("text/plain", " \n ", ""),
        ("application/json", "no", ""),
        ("text/css", "no", ""),
        ("text/html", "<p>no</p>", ", answering with HTML"),
        ("TEXT/HTML; charset=utf-8", "no", ", answering with HTML"),
        ("application/xhtml+xml", "<?xml version=\"1.0\"?><html/>", ", answering with HTML"),
        ("text/plain", "\n<!DOCTYPE HTML><TITLE lang=en>\n no \n</TITLE>", r#", answering with HTML that says "no""#),
        ("application/json", "<html><h1>502</h1>", r#", answering with HTML that says "502""#),
        (
            "text/html",
            "<html>\r\n<head><title>400 No required SSL certificate was sent</title></head>\r\n<body><h1>400 Bad Request</h1></body>",
            r#", answering with HTML that says "400 No required SSL certificate was sent""#,
        ),
        (
            "text/html",
            "<title> </title><h1 class=a>Blocked\u{1b}[0m</h1>",
            ", answering with HTML that says \"Blocked\u{fffd}[0m\"",
        ),
        ("text/html", "<title>no Owner@example.com</title>", r#", answering with HTML that says "no [email]""#),
        ("text/html", "<title>no hunter2</title>", ", answering with HTML"),
        ("text/html", "<title>no h&#117;nter2</title>", ", answering with HTML"),
        ("text/html", "<title>no</title>hunter2", ", answering with HTML"),
        ("text/html", "<title>no", ", answering with HTML"),
        ("text/html", "<title", ", answering with HTML"),
        ("text/html", "", ""),
        ("text/html", r#"{"error": "no"}"#, r#", saying "no""#),
    ] {
        let response = Response::builder().status(500).header("content-type", content_type).body(body).unwrap();
        let error = app().user_login(EMAIL, "hunter2").unwrap().receive(&response).unwrap_err().error;
        let text = error.to_string();
        let start = format!("step 1 (User Access Token): the service failed (status 500){shown};");
        assert!(text.starts_with(&start), "{content_type} {body}: {text}");
    }
    let response = Response::builder().status(403).body("<html>Blocked</html>").unwrap();
    let error = app().user_login(EMAIL, "hunter2").unwrap().receive(&response).unwrap_err().error;
    assert!(error.to_string().contains("a proxy, a firewall or a login page may have answered"), "{error}");
}

#[test]
fn a_401_that_asks_for_another_login_is_told_as_a_gateways() {
    for (challenges, body, is_gateways) in [
        (&["Basic realm=\"staff\""][..], "", true),
        (&["negotiate", "NTLM"], "<html><title>401</title>", true),
        (&["Basic realm=\"staff\", Bearer"], "", false),
        (&["Basic realm=\"staff\"", "bearer realm=\"api\""], "", false),
        (&["Bearer error=\"invalid_token\""], "", false),
        (&["Basic"], r#"{"error": "invalid_client"}"#, false),
        (&[""], "", false),
        (&[], "", false),
    ] {
        let mut response = Response::builder().status(401);
        for challenge in challenges {
            response = response.header("www-authenticate", *challenge);
        }
        let error = app().user_login(EMAIL, "hunter2").unwrap().receive(&response.body(body).unwrap()).unwrap_err();
        assert_eq!(
            error.to_string().contains("a gateway in front of the service"),
            is_gateways,
            "{challenges:?}: {error}"
        );
    }
}

#[test]
fn the_services_own_code_is_shown_even_if_its_words_are_withheld() {
    let long = format!(r#"{{"error": "{}"}}"#, "x".repeat(64));
    let too_long = format!(r#"{{"error": "{}"}}"#, "x".repeat(65));
    let name = "x".repeat(64);
    for (body, code, withheld) in [
        (r#"{"error": "invalid_grant"}"#, Some("invalid_grant"), false),
        (r#"{"error": "invalid_grant", "error_description": "hunter2 is wrong"}"#, Some("invalid_grant"), true),
        (r#"{"code": "E-17.b", "message": "hunter2 is wrong"}"#, Some("E-17.b"), true),
        (r#"{"message": "no", "Code": "E17"}"#, Some("E17"), false),
        (r#"{"error": {"code": "E17", "message": "no"}}"#, Some("E17"), false),
        (r#"{"errors": [{"code": "E17", "title": "no"}]}"#, Some("E17"), false),
        (r#"{"code": "E17", "error": "Unauthorized"}"#, Some("E17"), false),
        (r#"{"error": "Unauthorized", "code": 401}"#, Some("Unauthorized"), false),
        (r#"{"error": "not a code"}"#, None, false),
        (r#"{"error": "é"}"#, None, false),
        (r#"{"message": "locked"}"#, None, false),
        (r#"{"error": ""}"#, None, false),
        (&long, Some(&*name), false),
        (&too_long, None, false),
        // What repeats a credential is no code.
        (r#"{"error": "hunter2"}"#, None, true),
        (r#"{"code": "x-HUNTER2", "error": "no"}"#, None, false),
        (r#"{"code": "the-client-id"}"#, None, false),
        (r#"{"code": "the-api-key"}"#, None, false),
    ] {
        let error = refused("hunter2", body, "1");
        assert_eq!((error.code(), error.is_message_withheld()), (code, withheld), "{body}");
        assert!(code.is_none_or(|code| error.to_string().contains(code)), "{error}");
    }
}

/// Step 1's, and step 2's if it is another.
#[test]
fn an_error_says_whose_credentials_were_refused_where_the_service_does() {
    use Credentials::{Either, Integrator, Owner};
    let json = "application/json";
    for (status, content_type, body, at_step_1, at_step_2) in [
        // RFC 6749 section 5.2, as the codes are spelled.
        (400, json, r#"{"error": "invalid_grant"}"#, Some(Owner), Some(Owner)),
        (401, json, r#"{"error": "invalid_grant", "error_description": "hunter2 is wrong"}"#, Some(Owner), Some(Owner)),
        (401, json, r#"{"error": "invalid_client"}"#, Some(Integrator), Some(Integrator)),
        (400, json, r#"{"error": "unauthorized_client"}"#, Some(Integrator), Some(Integrator)),
        (200, json, r#"{"error": "invalid_client"}"#, Some(Integrator), Some(Integrator)),
        (401, json, r#"{"Error": "INVALID_GRANT"}"#, Some(Owner), Some(Owner)),
        (401, json, r#"{"code": "invalid_client"}"#, Some(Integrator), Some(Integrator)),
        (401, json, r#"{"error": {"code": "invalid_grant", "message": "no"}}"#, Some(Owner), Some(Owner)),
        (401, json, r#"{"error": {"error": "invalid_client"}}"#, Some(Integrator), Some(Integrator)),
        (401, json, r#"{"errors": [{"code": "invalid_grant", "title": "no"}]}"#, Some(Owner), Some(Owner)),
        (401, json, r#"{"error": "invalid_grant", "code": "E17"}"#, Some(Owner), Some(Owner)),
        (401, json, r#"{"code": "E17", "error": "invalid_client"}"#, Some(Integrator), Some(Integrator)),
        (401, json, r#"{"error_description": "Unauthorized", "error": "invalid_grant"}"#, Some(Owner), Some(Owner)),
        // Of one step alone.
        (401, json, r#"{"error": "invalid_credentials"}"#, Some(Owner), Some(Either)),
        (401, json, r#"{"error": "invalid_token"}"#, Some(Either), Some(Owner)),
        // One of the two.
        (401, json, r#"{"error": "Unauthorized"}"#, Some(Either), Some(Either)),
        (401, json, r#"{"message": "Bad credentials"}"#, Some(Either), Some(Either)),
        (401, json, "", Some(Either), Some(Either)),
        // Something else, or somebody else.
        (401, "text/html", "<html>Log in</html>", None, None),
        (400, json, r#"{"error": "invalid_request"}"#, None, None),
        (403, json, r#"{"message": "Forbidden"}"#, None, None),
        (404, json, "", None, None),
        (429, json, r#"{"error": "invalid_grant"}"#, None, None),
        (500, json, r#"{"error": "invalid_client"}"#, None, None),
        (503, json, "", None, None),
        (200, json, r#"{"code": "invalid_grant"}"#, None, None),
    ] {
        let response = Response::builder().status(status).header("content-type", content_type).body(body).unwrap();
        let login = app().location("loc-1").unwrap().login(EMAIL, "hunter2").unwrap();
        let exchange = support::next(login.clone(), &token_response("user-token"));
        for (flow, expected) in [(login, at_step_1), (exchange, at_step_2)] {
            let error = flow.receive(&response).unwrap_err().error;
            assert_eq!(error.refused_credentials(), expected, "{status} {body} at {}", error.step());
            let advice = match (expected, error.step()) {
                (Some(Owner), Step::UserToken) => ": check the owner's email and password",
                (Some(Owner), _) => "have the owner log in again if it was",
                (Some(Integrator), _) if body.contains("unauthorized") => {
                    ": ask the service's support to allow this Client ID to log in"
                }
                (Some(Integrator), _) => ": check the Client ID and the Client Secret",
                (Some(Either), _) => "and the Client Secret are this environment's",
                (None, _) => "",
            };
            assert!(error.to_string().ends_with(advice), "{error}");
        }
    }
    let gateways = Response::builder().status(401).header("www-authenticate", "Basic").body("").unwrap();
    let error = app().user_login(EMAIL, "hunter2").unwrap().receive(&gateways).unwrap_err().error;
    assert_eq!(error.refused_credentials(), None);
}

#[test]
fn the_email_and_the_client_id_are_replaced_by_their_names() {
    for (said, shown) in [
        ("no user owner@example.com", Some("no user [email]")),
        ("OWNER@EXAMPLE.COM is locked, owner@example.com", Some("[email] is locked, [email]")),
        ("client the-client-id is unknown", Some("client [client id] is unknown")),
        ("the-client-id: owner@example.com", Some("[client id]: [email]")),
        // In an unusual spelling they can't be replaced, so all is withheld.
        ("no user owner%40example.com", None),
        ("no user \\u006fwner@example.com", None),
        // Whatever else the request carried withholds all, also where it holds what is replaced, or is made by that.
        ("owner@example.com hunter2", None),
        ("the-client-secret of the-client-id", None),
    ] {
        let error = refused("hunter2", saying(said), "1");
        assert_eq!((error.message(), error.is_message_withheld()), (shown, shown.is_none()), "{said}");
    }
    for secret in ["hunter2 ", " hunter2", "\nhunter2", "hun\nter2"] {
        let plain =
            Response::builder().status(401).header("content-type", "text/plain").body(format!("no {secret}")).unwrap();
        let error = app().user_login(EMAIL, secret).unwrap().receive(&plain).unwrap_err().error;
        assert!(error.is_message_withheld(), "{secret:?}: {error}");
        assert!(refused(secret, saying(secret), "1").is_message_withheld(), "{secret:?}");
    }
    for password in ["owner@example.com1", "email", "[email]", "o [email]"] {
        let error = refused(password, saying("no owner@example.com1"), "1");
        assert!(error.is_message_withheld() || !error.message().unwrap().contains(password), "{password}: {error}");
    }
}

#[test]
fn a_credential_is_found_behind_any_text_with_each_character_in_a_spelling_of_its_own() {
    for (text, secret) in [
        // What comes before it looks like the beginning of an escape.
        ("100%deadbeef%31234", "deadbeef1234"),
        (r"\bobs-secr\u0065t", "bobs-secret"),
        (r"C:\new-p\u0061ss", "new-pass"),
        (r"\u0061bc\u0064ef", "u0061bcdef"),
        ("%C3%e9abcdef%30", "e9abcdef0"),
        ("R&#39hunter%32", "39hunter2"),
        // What looks like an escape is a part of it.
        ("GET /?q=p%41%20w", "p%41 w"),
        (r"at C:\temp\u0021", r"c:\temp!"),
        ("x&lt;y%3D", "x&lt;y="),
        ("1%%25", "1%%"),
        // One encoding within the other, of some of its characters or of an escape's own.
        (r"hun%5Cu0074er2", "hunter2"),
        (r"h\u0025%37%35nter2", "hunter2"),
        ("x%25%36%38unter2", "hunter2"),
        ("hun%252574er2", "hunter2"),
        (r"hun%5C\u0075%30074er2", "hunter2"),
        (r#"say \\\"hi\\\" to me"#, r#""hi" to"#),
        ("a%26amp%3Bb", "a&b"),
        ("Tom&amp;#x27;s &AMP; &quot;me&QUOT; &lt;&gt;&apos;&#0038;", "Tom's & \"me\" <>'&"),
        // Letter case and a form's plus.
        (r"H\U0055NT%45R2", "hunter2"),
        ("a+b%2Bc", "a b+c"),
        ("a b c", "a+b+c"),
        // Characters that are never shown are one like the other.
        (r"a\u0001b", "a\u{2}b"),
        ("a%E2%80%8Eb", "a\u{200e}b"),
    ] {
        assert_eq!(strike_out(text, &[], &[secret]), None, "{secret} in {text}");
    }
    for (text, secret) in [
        ("", "x"),
        ("hunter", "hunter2"),
        ("hun%FFter2", "hunter2"),
        ("hun%7Ter2", "hunter2"),
        ("hun&#t;er2", "hunter2"),
        (r"hun\ter2", "hunter2"),
        (r"hun\u007ter2", "hunter2"),
        ("hun%25252574er2", "hunter2"),
        ("%%%&&&&#\\\\\\\\", "a"),
        ("broken \\ \\u12 \\ud800\\u0041 %zz % \\", "zz%"),
    ] {
        assert_eq!(strike_out(text, &[], &[secret]).as_deref(), Some(text), "{secret}");
    }
}

#[test]
fn a_search_that_would_take_too_long_counts_as_found_and_no_usual_text_is_searched_that_long() {
    let text = |unit: &str| unit.repeat(100_000 / unit.len());
    for unit in [
        "The quick brown fox, 12 of them. ",
        r#"{"id": 18273645, "at": "\u00e9\"%20&amp;"}, "#,
        "a",
        "1024, ",
        "%",
        r"\u0030 ",
    ] {
        for secret in ["hunter2", "aaaaaaaab", "0123456789abcdef0123456789abcdef", "184467440737095516159"] {
            assert!(strike_out(&text(unit), &[], &[secret]) == Some(text(unit)), "{secret} in {unit}");
        }
    }
    for unit in ["a", "0", "%25", r"\", r"\u005c"] {
        let secret = unit.repeat(50_000 / unit.len()) + "b";
        assert!(strike_out(&text(unit), &[], &[&secret]).is_none(), "{unit}");
    }
    // A long secret alone is no reason.
    let secret = "7".repeat(50_000);
    assert_eq!(strike_out("no", &[], &[&secret]).as_deref(), Some("no"));
}

#[test]
fn among_many_credentials_that_begin_alike_each_is_found_and_nothing_else() {
    let secrets = [
        "token-1",
        "token-10",
        "token-2x",
        "TOKEN-3",
        "tok%en",
        "t",
        "a+b",
        "a\u{2}c",
        "123456789",
        "1234567891",
        "-12345679e0",
    ];
    let (mut all, mut others) = (StrikeOut::default(), StrikeOut::default());
    secrets.iter().for_each(|secret| all.add_secret(secret));
    secrets.iter().filter(|secret| **secret != "t").for_each(|secret| others.add_secret(secret));
    for secret in secrets {
        for spelling in spellings(secret) {
            assert_eq!(all.of(&format!("100%{spelling}.")), None, "{spelling}");
        }
    }
    for (text, is_found) in [
        ("token-1", true),
        ("atoken-10b", true),
        (r"token-\u0032%58", true),
        ("ToKeN-3", true),
        ("tok%2565n tok%25en", true),
        ("1.23456789e8", true),
        ("1.2345679e+7", true),
        ("12345678911", true),
        ("token-2", false),
        ("toke token- tok%", false),
        ("a b%2", true),
        ("a-b 1.2345678e8 1.23456e9", false),
        ("", false),
    ] {
        assert_eq!(others.of(text).is_none(), is_found, "{text}");
    }
    assert_eq!(StrikeOut::default().of("t").as_deref(), Some("t"));
    assert_eq!(strike_out("", &[], &["t", ""]), None);
    // One named value may be a part of another, in whatever order they come.
    for named in [[("me@x.test", "<email>"), ("x.test", "<host>")], [("x.test", "<host>"), ("me@x.test", "<email>")]] {
        assert_eq!(strike_out("Me@x.test at x.test", &named, &[]).as_deref(), Some("<email> at <host>"));
    }
    assert_eq!(format!("{all:?}"), "StrikeOut { .. }");
}

#[test]
fn a_number_is_a_spelling_of_a_credential_that_is_one() {
    let long = "184467440737095516159";
    for (text, secret) in [
        ("1.844674407370955e+20", long),
        ("{\"sent\": 1.8446744073709552E20}", long),
        ("184467440737095520000", long),
        ("1.844674407371E+20", long),
        ("x=1.8446744073709552e%2B20", long),
        ("0.00018446744073709552e24", long),
        ("1.23456789e+08 is wrong", "123456789"),
        ("not 123456789", "00123456789"),
        ("1.23e+07", "12300000"),
        ("1e20", "99999999999999999999"),
        ("code 2.5E-1", "0.25"),
        ("125e-1", "-12.50"),
    ] {
        assert_eq!(strike_out(text, &[], &[secret]), None, "{secret} in {text}");
        let body = serde_json::json!({ "errors": { text: ["is wrong"] } }).to_string();
        assert!(refused(secret, body, "1").is_message_withheld(), "{secret} in {text}");
    }
    for (text, secret) in [
        ("1.844674407370955e+19", long),
        ("1.844674407370955", long),
        ("18446744073709551614", long),
        ("1.8447e20", long),
        ("1.23e+06 1.24e7 1.23e 123", "12300000"),
        ("0.0 0e7 1", "000"),
        ("12.34 1.235e3", "1234"),
    ] {
        assert_eq!(strike_out(text, &[], &[secret]).as_deref(), Some(text), "{secret}");
    }
    // A number in the JSON itself is not among the words, and neither is a wait that is a credential.
    for number in [long, "1.8446744073709552e20", "[1.844674407370955e+20]", "{\"at\": 184467440737095516159}"] {
        for body in [
            format!(r#"{{"error": "no", "sent": {number}, "code": {number}}}"#),
            format!(r#"{{"error": {number}, "errors": {{"pin": {number}, "base": "no"}}}}"#),
        ] {
            let error = refused(long, &body, "1.8446744073709552e20");
            assert_eq!(
                (error.message(), error.code().unwrap_or("no"), error.request_id()),
                (Some("no"), "no", None),
                "{body}"
            );
        }
    }
    let busy = Response::builder().status(429).header("retry-after", "02718281").body("").unwrap();
    for (password, wait) in [("2718281", None), ("02718281", None), ("271828", Some(2_718_281))] {
        let error = app().user_login(EMAIL, password).unwrap().receive(&busy).unwrap_err().error;
        assert_eq!(error.retry_after().map(|wait| wait.as_secs()), wait, "{error}");
    }
}

#[test]
fn what_cleaning_replaces_does_not_withhold_the_words_from_a_password_beyond_ascii() {
    for (body, shown) in [
        ("Your IP address is not allowed\nAsk your administrator", "Your IP address is not allowed"),
        ("Too many requests\r\nlimit:\t5", "Too many requests"),
        ("limit:\t5", "limit:\u{fffd}5"),
        ("no \u{202e}entry\u{2066}", "no \u{fffd}entry\u{fffd}"),
        ("no\u{2028}en\u{85}try", "no\u{fffd}en\u{fffd}try"),
        ("no%0Aentry%09", "no%0Aentry%09"),
        (r"no\tentry\u202e", r"no\tentry\u202e"),
        ("\u{feff}no entry", "no entry"),
    ] {
        let plain = Response::builder().status(401).header("content-type", "text/plain").body(body).unwrap();
        for password in ["pässwörd", "ПАРОЛЬ", "a\u{202e}b"] {
            let error = app().user_login(EMAIL, password).unwrap().receive(&plain).unwrap_err().error;
            assert_eq!(error.message(), Some(shown), "{password}");
        }
    }
}

#[test]
fn a_message_that_repeats_a_credential_is_withheld_whole_however_it_is_spelled() {
    for secret in [NASTY, "hunter2", "a b+c", "\\n%41", "STRASSE", "a\u{1}\n\u{2}", "\r\t\u{8}\u{c}/\"\\"] {
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
    for word in ["hunter2", "the-api-key", "the-client-secret", "THE-CLIENT-SECRET"] {
        assert!(withheld(&mut step_1, word), "{word}");
    }
    for word in ["user-token", "the-api-key", "the-client-secret"] {
        assert!(withheld(&mut step_2, word), "{word}");
    }
    assert!(!withheld(&mut step_1, "user-token"), "step 1 did not carry it");
    assert!(!withheld(&mut step_2, "hunter2"), "step 2 did not carry it");
}

/// What the callers of a renewal are told when the service answers this step so: its owner has a login and a User Access Token, its session a
/// rejected token. The program does something before the answer.
fn renewal_refused(step: Step, answer: &Response<String>, before: impl Fn(&mut Owner)) -> Error {
    let app = app();
    let mut session = Session::for_location(&app, support::location_token(&app)).unwrap();
    let mut owner = Owner::new(&app);
    owner.set_login(app.user_login(EMAIL, "hunter2-password").unwrap()).unwrap();
    owner.set_user_token(support::user_token(&app)).unwrap();
    let attempt = session.authorize(&mut Request::get("https://api.example.com/").body(()).unwrap()).unwrap();
    let Ok(Verdict::Acquire(renewal)) = session.received(attempt, StatusCode::UNAUTHORIZED) else { unreachable!() };
    let mut next = renewal.start(&mut session, &mut owner, Duration::ZERO);
    loop {
        next = match next {
            Acquiring::AwaitTurn(waiting) => waiting.granted(&mut session, &mut owner, Duration::ZERO),
            Acquiring::OpenRecord(open) => open.opened(Stored::SavesOnly, &mut session, &mut owner, Duration::ZERO),
            Acquiring::SendToken(sent) if sent.step() == step => {
                before(&mut owner);
                sent.received(answer, &mut session, &mut owner, Duration::ZERO)
            }
            Acquiring::SendToken(sent) => {
                sent.received(&support::response(401, ""), &mut session, &mut owner, Duration::ZERO)
            }
            Acquiring::Done(Err(error)) => match error.kind() {
                TokenErrorKind::Response(error) => break error.clone(),
                kind => panic!("{kind:?}"),
            },
            next => panic!("{next:?}"),
        };
    }
}

#[test]
fn a_renewals_error_repeats_nothing_that_its_owner_or_its_session_still_holds() {
    use Step::{LocationToken, UserToken};
    let nothing: fn(&mut Owner) = |_| {};
    let other_login: fn(&mut Owner) =
        |owner| owner.set_login(app().user_login("other@example.com", "other-word").unwrap()).unwrap();
    let other_token: fn(&mut Owner) = |owner| {
        owner.set_user_token(done(app().user_login("e", "p").unwrap(), &token_response("other-token"))).unwrap()
    };
    for (step, said, before, shown) in [
        (LocationToken, "password hunter2-password is weak", nothing, None),
        (LocationToken, "password hunter2%2Dpassword is weak", nothing, None),
        (LocationToken, "no owner@example.com", nothing, Some("no [email]")),
        (LocationToken, "user-token is unknown", nothing, None),
        (LocationToken, "revoked: location-token", nothing, None),
        (UserToken, "revoked: location-token", nothing, None),
        (UserToken, "hunter2-password is wrong", nothing, None),
        // The request has the credentials of before, and the owner has new ones.
        (UserToken, "hunter2-password is wrong", other_login, None),
        (UserToken, "not other-word", other_login, None),
        (LocationToken, "not other-word, other@example.com", other_login, None),
        (LocationToken, "no owner@example.com, other@example.com", other_login, Some("no owner@example.com, [email]")),
        (LocationToken, "user-token is unknown", other_token, None),
        (LocationToken, "other-token is unknown", other_token, None),
        (UserToken, "other-token is unknown", other_token, None),
        // What is not held any more can't be looked for.
        (LocationToken, "password hunter2-password is weak", Owner::forget, Some("password hunter2-password is weak")),
    ] {
        let error = renewal_refused(step, &support::response(403, &saying(said)), before);
        assert_eq!(error.message(), shown, "{step:?}: {said}");
    }
    let mut answer = support::response(503, "hunter2-password");
    for (name, value) in [("x-request-id", "hunter2-password"), ("content-type", "text/plain")] {
        answer.headers_mut().insert(name, value.parse().unwrap());
    }
    let error = renewal_refused(LocationToken, &answer, nothing);
    assert_eq!((error.request_id(), error.message(), error.is_message_withheld()), (None, None, true));
}

#[test]
fn a_credential_beyond_the_cut_still_withholds_the_message() {
    let error = refused("hunter2", saying(&format!("{} hunter2", "x".repeat(1000))), "1");
    assert!(error.is_message_withheld());
    let half = format!("{} hunter2", "x".repeat(250));
    assert!(refused("hunter2", saying(&half), "1").is_message_withheld(), "the cut would leave half of it");
}

#[test]
fn letter_case_is_ignored_in_ascii_and_for_other_credentials_any_other_character_withholds_the_words() {
    for c in '!'..='~' {
        let text = format!("{c}{c}");
        for case in [text.to_uppercase(), text.to_lowercase()] {
            assert!(refused(&text, saying(&case), "1").is_message_withheld(), "{c:?} as {case:?}");
        }
    }
    // Other cases, normal forms, compatibility forms, halves: whatever they are, they are no ASCII.
    for password in ["pässwörd", "pa\u{308}sswo\u{308}rd", "ПАРОЛЬ", "ẞ", "😀"] {
        for said in ["PÄSSWÖRD", "пароль", "ß", "é", "x %C3%A9 y", "x \\u00e9 y", "\u{fffd}", "%ff", "&#233;"]
        {
            assert!(
                refused(password, saying(&format!("'{said}' is wrong")), "1").is_message_withheld(),
                "{password} {said}"
            );
        }
        assert_eq!(refused(password, saying("the password is wrong"), "1").message(), Some("the password is wrong"));
    }
    // A credential of ASCII alone does not withhold what is written in another script.
    assert_eq!(refused("hunter2", saying("пароль неверен"), "1").message(), Some("пароль неверен"));
}

#[test]
fn a_message_that_cleaning_would_turn_into_a_credential_is_withheld_too() {
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
