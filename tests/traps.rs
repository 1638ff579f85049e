//! Responses that trip other clients: each is refused, or accepted, for its own reason.

mod support;

use http::Response;
use location_auth::{BodyProblem, Error, ErrorKind, Flow, Progress, RESPONSE_LIMIT};
use support::{EMAIL, PASSWORD, app, response};

fn receive(response: &Response<impl AsRef<[u8]>>) -> Result<String, Error> {
    match app().user_login(EMAIL, PASSWORD).unwrap().receive(response)? {
        Progress::Done(token) => Ok(token.expose_secret().to_owned()),
        Progress::Next(_) => panic!("a user login has one step"),
    }
}

/// What a 200 with this body comes to.
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
        (br#"{"access_token": "S3CR3T"}{"access_token": "S3CR3T"}"#, TrailingData),
        (b"{\"access_token\": \"S3CR3T\"}\0", TrailingData),
        (br#"{"access_token": ""}"#, EmptyToken),
        (br#"{"access_token": "S3CR3T\n"}"#, InvalidToken),
        (br#"{"access_token": "S3CR3T\u0000"}"#, InvalidToken),
        (b"{\"access_token\": \"S3CR3T\x7f\"}", InvalidToken),
        (br#"{"access_token": "S3CR3T "}"#, InvalidToken),
        ("{\"access_token\": \"S3CR3Té\"}".as_bytes(), InvalidToken),
        (br#"{"access_token": "S3CR3T\u00e9"}"#, InvalidToken),
        (br#"["S3CR3T"]"#, NotAnObject),
        (br#""S3CR3T""#, NotAnObject),
        (b"17", NotAnObject),
        (b"null", NotAnObject),
        (br#"{"access_token": "S3CR3T", "access_token": "S3CR3T"}"#, DuplicateToken),
        (br#"{"access_token": "S3CR3T", "access\u005ftoken": "S3CR3T"}"#, DuplicateToken),
        (br#"{"access_token": null, "access_token": "S3CR3T"}"#, DuplicateToken),
        (br#"{"access_token": 17}"#, TokenNotAString),
        (br#"{"access_token": -1.5}"#, TokenNotAString),
        (br#"{"access_token": true}"#, TokenNotAString),
        (br#"{"access_token": {"S3CR3T": ["S3CR3T"]}}"#, TokenNotAString),
        (br#"{"access_token": [["S3CR3T"], {}]}"#, TokenNotAString),
        (br#"{"access_token": null}"#, NoToken),
        (br#"{"accessToken": "S3CR3T", "token": "S3CR3T"}"#, NoToken),
        (b"{}", NoToken),
        (b"\xEF\xBB\xBF{\"access_token\": \"S3CR3T\"}", ByteOrderMark),
        (b"{\"access_token\": \"S3CR3T\xff\"}", NotUtf8),
        (b"{\"access_token\": \"S3CR3T", Truncated),
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
fn a_token_may_have_escapes_and_company_that_nobody_asked_for() {
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

#[test]
fn a_media_type_is_compared_by_its_essence() {
    let cases: &[(&[&[u8]], bool)] = &[
        (&[], true),
        (&[b"application/json"], true),
        (&[b"application/json; charset=utf-8"], true),
        (&[b"application/json;charset=latin-1"], true),
        (&[b" APPLICATION/JSON\t; a=b"], true),
        (&[b"application/vnd.api+json"], true),
        (&[b"application/problem+JSON; a"], true),
        (&[b"application/jsonp"], false),
        (&[b"application/json-seq"], false),
        (&[b"application/json+xml"], false),
        (&[b"application/xjson"], false),
        (&[b"text/json"], false),
        (&[b"text/html"], false),
        (&[b"json"], false),
        (&[b""], false),
        (&[b"application/json\xff"], false),
        (&[b"application/json", b"text/html"], false),
        (&[b"application/xhtml, x/y+json"], false),
        (&[b"application/x y+json"], false),
        (&[b"application//+json"], false),
    ];
    for (types, accepted) in cases {
        let mut response = response(200, r#"{"access_token": "tok"}"#);
        for value in *types {
            response.headers_mut().append("content-type", http::HeaderValue::from_bytes(value).unwrap());
        }
        let shown = types.iter().map(|value| String::from_utf8_lossy(value)).collect::<Vec<_>>();
        match receive(&response) {
            Ok(_) => assert!(accepted, "{shown:?} was accepted"),
            Err(error) => assert!(!accepted && error.kind() == ErrorKind::MediaType, "{shown:?}: {error}"),
        }
    }
}

#[test]
fn answers_that_others_confuse_are_told_apart_with_status_and_wait() {
    let cases = [
        (204, "", ErrorKind::Body(BodyProblem::Empty)),
        (302, "", ErrorKind::Redirected),
        (401, "", ErrorKind::Refused),
        (429, "", ErrorKind::Throttled),
        (502, "<html>Bad Gateway</html>", ErrorKind::ServerError),
    ];
    for (status, body, kind) in cases {
        let mut response = response(status, body);
        response.headers_mut().insert("retry-after", "7".parse().unwrap());
        let error = receive(&response).unwrap_err();
        let wait = error.retry_after().map(|wait| wait.as_secs());
        assert_eq!((error.kind(), error.status().as_u16(), wait), (kind, status, Some(7)));
    }
}

#[test]
fn a_success_with_an_error_object_is_the_services_refusal() {
    for (body, message) in [
        (r#"{"error": "locked"}"#, Some("locked")),
        (r#"{"error": {"code": 7}}"#, None),
        (r#"{"access_token": null, "errors": ["locked"]}"#, Some("locked")),
        (r#"{"message": "locked"}"#, Some("locked")),
    ] {
        let error = receive(&response(200, body)).unwrap_err();
        assert_eq!(
            (error.kind(), error.status().as_u16(), error.message()),
            (ErrorKind::Refused, 200, message),
            "{body}"
        );
    }
    let error = receive(&response(200, r#"{"error": null}"#)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Body(BodyProblem::NoToken));
}

#[test]
fn a_redirect_is_not_followed_and_its_target_not_told() {
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
fn step_1s_response_again_is_refused_at_step_2() {
    let app = app();
    let request = app.location("loc-1").unwrap().exchange(&support::user_token(&app)).unwrap();
    let error = request.receive(&support::token_response("user-token")).unwrap_err().error;
    assert_eq!(error.kind(), ErrorKind::Body(BodyProblem::UserTokenReturned));
}
