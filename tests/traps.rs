//! Responses that trip other clients: each is refused, or accepted, for its own reason.

mod support;

use http::Response;
use location_auth::transports::RESPONSE_LIMIT;
use location_auth::{BodyProblem, Error, ErrorKind, Flow, Progress};
use support::{EMAIL, PASSWORD, app, response};

fn receive(response: &Response<impl AsRef<[u8]>>) -> Result<String, Error> {
    match app().user_login(EMAIL, PASSWORD).unwrap().receive(response)? {
        Progress::Done(token) => Ok(token.expose_secret().to_owned()),
        Progress::Next(_) => panic!("a user login has one step"),
    }
}

/// How a 200 with this body is read.
fn receive_body(body: impl AsRef<[u8]>) -> Result<String, ErrorKind> {
    receive(&Response::new(body)).map_err(|error| {
        let shown = format!("{error} {error:?}");
        assert!(!shown.contains("S3CR3T"), "a value from the body is in the error: {shown}");
        error.kind()
    })
}

#[test]
fn a_success_that_is_not_one_object_with_one_usable_token_is_refused_for_its_own_reason() {
    use BodyProblem::*;
    let cases: &[(&[u8], BodyProblem)] = &[
        (br#"{"access_token": "S3CR3T"}xyz"#, TrailingData),
        (b"{\"access_token\": \"S3CR3T\"}\0", TrailingData),
        (br#"{"access_token": ""}"#, EmptyToken),
        (br#"{"access_token": "S3CR3T\n"}"#, InvalidToken),
        (b"{\"access_token\": \"S3CR3T\x7f\"}", InvalidToken),
        (br#"{"access_token": "S3CR3T "}"#, InvalidToken),
        ("{\"access_token\": \"S3CR3Té\"}".as_bytes(), InvalidToken),
        (br#"{"access_token": "S3CR3T\u00e9"}"#, InvalidToken),
        (br#"["S3CR3T"]"#, NotAnObject),
        (br#""S3CR3T""#, NotAnObject),
        (b"17", NotAnObject),
        (b"-17", NotAnObject),
        (br#""S3CR3T"#, Truncated),
        (br#"{"access_token": "S3CR3T", "access_token": "S3CR3T"}"#, DuplicateToken),
        (br#"{"access_token": "S3CR3T", "access\u005ftoken": "S3CR3T"}"#, DuplicateToken),
        (br#"{"access_token": null, "access_token": "S3CR3T"}"#, DuplicateToken),
        (br#"{"access_token": 17}"#, TokenNotAString),
        (br#"{"access_token": -1.5}"#, TokenNotAString),
        (br#"{"access_token": true}"#, TokenNotAString),
        (br#"{"access_token": [["S3CR3T"], {}]}"#, TokenNotAString),
        (br#"{"access_token": {"S3CR3T": ["S3CR3T"]}}"#, TokenNotAString),
        (br#"{"access_token": null}"#, NoToken),
        (br#"{"accessToken": "S3CR3T", "token": "S3CR3T"}"#, NoToken),
        (b"{}", NoToken),
        (b"\xEF\xBB\xBF", Empty),
        (b"\xEF\xBB\xBF\xEF\xBB\xBF{\"access_token\": \"S3CR3T\"}", Syntax { line: 1, column: 1 }),
        (b" \xEF\xBB\xBF{\"access_token\": \"S3CR3T\"}", Syntax { line: 1, column: 2 }),
        (b"\xFF\xFE{\0}\0", NotUtf8),
        (br#"{"access_token": "", "errors": []}"#, EmptyToken),
        (br#"{"access_token": 7, "error": null}"#, TokenNotAString),
        (b"{\"access_token\": \"S3CR3T\xff\"}", NotUtf8),
        (b"{\"access_token\": \"S3CR3T\"", Truncated),
        (b"{", Truncated),
        (b"", Empty),
        (b" \r\n\t", Empty),
        (b"<html>S3CR3T</html>", Syntax { line: 1, column: 1 }),
        (b"{\n'access_token': 'S3CR3T'}", Syntax { line: 2, column: 1 }),
        (br#"{"access_token": "S3CR3T",}"#, Syntax { line: 1, column: 27 }),
    ];
    for (body, problem) in cases {
        assert_eq!(receive_body(body), Err(ErrorKind::Body(*problem)), "{}", String::from_utf8_lossy(body));
    }
}

#[test]
fn a_token_may_have_escapes_and_unknown_members_beside_it() {
    let nested = format!(r#"{{"a": {}1{}, "access_token": "tok"}}"#, "[".repeat(100), "]".repeat(100));
    let cases = [
        (r#"{"access_token": "tok"}"#, "tok"),
        ("\n {\"access_token\" :\t\"tok\"} \r\n", "tok"),
        (r#"{"access_token": "a\/b\u002bc\\\""}"#, r#"a/b+c\""#),
        (r#"{"access\u005ftoken": "tok"}"#, "tok"),
        (
            r#"{"token_type": 7, "expires_in": {"x": 1e999}, "access_token": "tok", "error": null, "scope": [1, "é"]}"#,
            "tok",
        ),
        (r#"{"access_token": "tok", "error": "but also this"}"#, "tok"),
        (r#"{"a": 1, "a": 2, "access_token": "tok"}"#, "tok"),
        (&nested, "tok"),
    ];
    for (body, token) in cases {
        assert_eq!(receive_body(body), Ok(token.to_owned()), "{body}");
    }
}

#[test]
fn any_2xx_is_a_success() {
    for status in [200, 201, 202, 226, 299] {
        assert_eq!(receive(&response(status, r#"{"access_token": "tok"}"#)).unwrap(), "tok", "{status}");
    }
}

/// A 200 with this content type, if it is not empty, and this body.
fn typed(content_type: &str, body: impl AsRef<[u8]>) -> Response<Vec<u8>> {
    let mut response = Response::new(body.as_ref().to_vec());
    if !content_type.is_empty() {
        response.headers_mut().insert("content-type", content_type.parse().unwrap());
    }
    response
}

#[test]
fn a_token_is_accepted_with_any_content_type_or_byte_order_mark() {
    const TOKEN: &str = r#"{"access_token": "tok"}"#;
    let types = "application/json|APPLICATION/JSON; Charset=UTF-8|application/vnd.api+json|application/octet-stream|\
                 application/x-www-form-urlencoded|text/html; charset=utf-8|text/plain|json|no type, at all|";
    for content_type in types.split('|') {
        for body in [TOKEN.to_owned(), format!("\u{feff}{TOKEN}"), format!("\u{feff}\r\n {TOKEN}\n")] {
            assert_eq!(receive(&typed(content_type, &body)).unwrap(), "tok", "{content_type}: {body:?}");
        }
    }
    let mut two = typed("application/json", TOKEN);
    two.headers_mut().append("content-type", "text/html".parse().unwrap());
    assert_eq!(receive(&two).unwrap(), "tok");
    two.headers_mut().insert("content-type", http::HeaderValue::from_bytes(b"\xff").unwrap());
    assert_eq!(receive(&two).unwrap(), "tok");
    // A client that undid the coding and left the header.
    two.headers_mut().insert("content-encoding", "gzip".parse().unwrap());
    assert_eq!(receive(&two).unwrap(), "tok");
}

#[test]
fn a_success_that_is_no_json_object_is_reported_with_its_media_type_and_who_may_have_answered() {
    use BodyProblem::*;
    let long = format!("text/{}", "x".repeat(130));
    let syntax = Syntax { line: 1, column: 1 };
    for (content_type, body, problem, named, words) in [
        ("text/html; charset=utf-8", "<html>Sign in</html>", syntax, Some("text/html"), ", answering with HTML"),
        ("", "<!DOCTYPE html><title>Sign in</title>", syntax, None, ", answering with HTML"),
        ("application/json", "<HTML>", syntax, Some("application/json"), ", answering with HTML"),
        ("TEXT/Plain", "S3CR3T", syntax, Some("TEXT/Plain"), ""),
        ("text/html", "", Empty, Some("text/html"), ""),
        ("application/xml", "<token>S3CR3T</token>", syntax, Some("application/xml"), ""),
        ("application/json", r#"["S3CR3T"]"#, NotAnObject, Some("application/json"), ""),
        ("application/json", r#"{"access_token": "S3CR3T"}{}"#, TrailingData, Some("application/json"), ""),
        ("a type", "x", syntax, None, ""),
        (&long, "x", syntax, None, ""),
        ("text/the-api-key", "x", syntax, None, ""),
        ("text/THE-%43lient-secret", "x", syntax, None, ""),
    ] {
        let error = receive(&typed(content_type, body)).unwrap_err();
        assert_eq!((error.kind(), error.media_type()), (ErrorKind::Body(problem), named), "{content_type} {body}");
        let text = error.to_string();
        let kind = error.kind();
        let named = named.map(|named| format!(", {named}")).unwrap_or_default();
        assert_eq!(
            text,
            format!(
                "step 1 (User Access Token): {kind} (status 200{named}){words}; the service is at fault: a proxy, a firewall or a login \
                 page may have answered: check the user token URL and what is in front of it, then ask the service's support"
            )
        );
    }
    let error = receive(&typed("text/html", r#"{"access_token": ""}"#)).unwrap_err();
    assert_eq!((error.kind(), error.media_type()), (ErrorKind::Body(EmptyToken), Some("text/html")));
    assert!(!error.to_string().contains("proxy"), "{error}");
}

#[test]
fn a_coded_body_is_reported_by_the_name_of_its_coding_in_a_success_and_in_a_refusal() {
    let gzip: &[u8] = b"\x1f\x8b\x08\0\0\0\0\0\0\x03";
    let coded = |status: u16, coding: &str, body: &[u8]| {
        let response = Response::builder().status(status).header("content-encoding", coding);
        receive(&response.body(body.to_vec()).unwrap()).unwrap_err()
    };
    for (coding, body, named) in [
        ("gzip", gzip, Some("gzip")),
        ("GZIP", gzip, Some("GZIP")),
        ("x-gzip", gzip, Some("x-gzip")),
        ("br", b"\x0b\x01\x80{", Some("br")),
        ("zstd", b"(\xb5/\xfd", Some("zstd")),
        ("deflate", b"x", Some("deflate")),
        ("identity, gzip", gzip, Some("gzip")),
        ("the-api-key", gzip, Some("…")),
        ("identity", gzip, None),
        ("IDENTITY", gzip, None),
        ("", gzip, None),
    ] {
        let error = coded(200, coding, body);
        assert_eq!(error.content_coding(), named, "{coding}");
        assert_eq!(error.kind() == ErrorKind::Body(BodyProblem::Encoded), named.is_some(), "{coding}");
        for status in [401, 429, 500, 503] {
            let error = coded(status, coding, body);
            assert_eq!((error.content_coding(), error.message()), (named, None), "{coding}");
            let text = error.to_string();
            assert_eq!(text.contains(", its body encoded as "), named.is_some(), "{text}");
        }
    }
    // What can be read needs no undoing.
    let error = coded(401, "gzip", br#"{"error": "no"}"#);
    assert_eq!((error.content_coding(), error.message()), (None, Some("no")));
    assert_eq!(coded(200, "gzip", b"").kind(), ErrorKind::Body(BodyProblem::Empty));
    assert_eq!(coded(200, "gzip", b"{}").kind(), ErrorKind::Body(BodyProblem::NoToken));
}

#[test]
fn a_success_with_an_error_and_no_usable_token_is_a_refusal() {
    use BodyProblem::*;
    let no = ErrorKind::Refused;
    let body = ErrorKind::Body;
    for (json, kind, message) in [
        (r#"{"error": "locked"}"#, no, Some("locked")),
        (r#"{"error": {"code": 7}}"#, no, None),
        (r#"{"error": false}"#, no, None),
        (r#"{"error": 0, "message": "locked"}"#, no, Some("locked")),
        (r#"{"Error": "locked"}"#, no, Some("locked")),
        (r#"{"access_token": null, "errors": ["locked"]}"#, no, Some("locked")),
        (r#"{"errors": 1}"#, no, None),
        (r#"{"errors": true}"#, no, None),
        (r#"{"errors": " "}"#, no, None),
        (r#"{"access_token": "", "error": "locked"}"#, no, Some("locked")),
        (r#"{"access_token": 7, "errors": [{"detail": "locked"}]}"#, no, Some("locked")),
        (r#"{"access_token": "a", "access_token": "b", "error": "locked"}"#, no, Some("locked")),
        // None of these is an error.
        (r#"{"error": null}"#, body(NoToken), None),
        (r#"{"errors": null}"#, body(NoToken), None),
        (r#"{"errors": false}"#, body(NoToken), None),
        (r#"{"errors": 0}"#, body(NoToken), None),
        (r#"{"errors": 0.0}"#, body(NoToken), None),
        // Numbers, as serde_json gives them if another crate of the program turns on its `arbitrary_precision`.
        (r#"{"errors": {"$serde_json::private::Number": "0"}}"#, body(NoToken), None),
        (r#"{"errors": {"$serde_json::private::Number": "-0.0"}}"#, body(NoToken), None),
        (r#"{"errors": {"$serde_json::private::Number": "0e5"}}"#, body(NoToken), None),
        (r#"{"errors": {"$serde_json::private::Number": "0E5"}}"#, body(NoToken), None),
        (r#"{"errors": {"0": 0}}"#, no, None),
        (r#"{"errors": {"$serde_json::private::Number": "1.5"}}"#, no, None),
        (r#"{"errors": -0}"#, body(NoToken), None),
        (r#"{"errors": []}"#, body(NoToken), None),
        (r#"{"errors": {}}"#, body(NoToken), None),
        (r#"{"errors": ""}"#, body(NoToken), None),
        (r#"{"message": "locked"}"#, body(NoToken), Some("locked")),
        (r#"{"Message": "locked", "errors": []}"#, body(NoToken), Some("locked")),
        (r#"{"data": {"message": "locked"}, "status": "not at all well"}"#, body(NoToken), None),
        (r#"{"access_token": "", "message": "locked"}"#, body(EmptyToken), Some("locked")),
        // Of a success only the value of a usual name is shown.
        (r#"{"accessToken": "S3CR3T", "token": "S3 CR3T", "code": "no-error"}"#, body(NoToken), None),
    ] {
        let error = receive(&response(200, json)).unwrap_err();
        assert_eq!((error.kind(), error.status().as_u16(), error.message()), (kind, 200, message), "{json}");
        assert_eq!(
            error.fault(),
            if kind == no { location_auth::Fault::Caller } else { location_auth::Fault::Service }
        );
        assert_eq!(error.retry(), location_auth::Retry::Never);
        assert!(!format!("{error} {error:?}").contains("S3"), "{error}");
    }
    for json in [
        r#"{"access_token": "tok", "error": "but also this"}"#,
        r#"{"access_token": "tok", "errors": ["but also this"]}"#,
        r#"{"access_token": "tok", "errors": [], "message": "welcome"}"#,
        // What is below them is skipped unread: it need not be text or a number that serde accepts.
        r#"{"access_token": "tok", "error": {"x": {"\ud800": 1e999}}}"#,
    ] {
        assert_eq!(receive(&response(200, json)).unwrap(), "tok", "a token that is refused lives for ever: {json}");
    }
}

#[test]
fn a_redirect_is_not_followed_and_its_target_is_not_shown() {
    let response = Response::builder().status(302).header("location", "https://evil.example.net/").body("").unwrap();
    let error = receive(&response).unwrap_err();
    assert_eq!((error.kind(), error.status().as_u16()), (ErrorKind::Redirected, 302));
    assert!(!format!("{error} {error:?}").contains("evil"));
}

#[test]
fn a_success_is_read_up_to_its_bound_and_not_beyond() {
    let padded = |length: usize| format!("{{\"access_token\": \"tok\"{}}}", " ".repeat(length - 23));
    assert_eq!(padded(RESPONSE_LIMIT).len(), RESPONSE_LIMIT);
    assert_eq!(receive_body(padded(RESPONSE_LIMIT)), Ok("tok".into()));
    assert_eq!(receive_body(padded(RESPONSE_LIMIT + 1)), Err(ErrorKind::TooLarge));
}

#[test]
fn a_refusal_beyond_the_bound_keeps_its_status_and_loses_its_words() {
    let body = format!(r#"{{"error": "too long", "x": "{}"}}"#, "x".repeat(RESPONSE_LIMIT));
    let error = receive(&response(401, &body)).unwrap_err();
    assert_eq!((error.kind(), error.message()), (ErrorKind::Refused, None));
}

#[test]
fn step_1s_response_is_refused_at_step_2() {
    let app = app();
    let request = app.location("loc-1").unwrap().exchange(&support::user_token(&app)).unwrap();
    let error = request.receive(&support::token_response("user-token")).unwrap_err().error;
    assert_eq!(error.kind(), ErrorKind::Body(BodyProblem::UserTokenReturned));
}
