//! The responses that a token request may meet, by name, in the order of `src/responses.md`.

use http::Response;
use location_auth::transports::RESPONSE_LIMIT;

use super::support::{response, token_response};

pub fn cases() -> Vec<(&'static str, Response<String>)> {
    let status = |status| response(status, "");
    let ok = |body: &str| response(200, body);
    let with = |mut response: Response<String>, name: &'static str, value: &str| {
        response.headers_mut().insert(name, value.parse().unwrap());
        response
    };
    let date = "Mon, 23 Nov 2026 12:00:00 GMT";
    let later = "Mon, 23 Nov 2026 12:00:30 GMT";
    vec![
        ("200, a token", token_response("new-token")),
        ("201, a token", response(201, r#"{"access_token": "new-token"}"#)),
        ("200, step 1's token", token_response("user-token")),
        ("200, an error", ok(r#"{"error": "no"}"#)),
        ("200, an error and a bad token", ok(r#"{"error": "no", "access_token": ""}"#)),
        ("200, a message alone", ok(r#"{"message": "no"}"#)),
        ("200, no body", ok("")),
        ("204", status(204)),
        ("200, a token behind a byte order mark", ok("\u{feff}{\"access_token\": \"new-token\"}")),
        ("200, cut short", ok(r#"{"access_token": "new-"#)),
        ("200, not JSON", ok("<html>")),
        ("200, not an object", ok(r#"["new-token"]"#)),
        ("200, two objects", ok(r#"{"access_token": "new-token"}{}"#)),
        ("200, no token", ok("{}")),
        ("200, two tokens", ok(r#"{"access_token": "new-token", "access_token": "new-token"}"#)),
        ("200, a number", ok(r#"{"access_token": 1}"#)),
        ("200, an empty token", ok(r#"{"access_token": ""}"#)),
        ("200, a token with a space", ok(r#"{"access_token": "new token"}"#)),
        ("200, a token as text/html", with(token_response("new-token"), "content-type", "text/html")),
        ("200, coded", with(ok("\u{8b}"), "content-encoding", "gzip")),
        ("200, over the bound", ok(&" ".repeat(RESPONSE_LIMIT + 1))),
        ("101", status(101)),
        ("301", status(301)),
        ("302", status(302)),
        ("307", status(307)),
        ("400", status(400)),
        ("401", status(401)),
        ("403", status(403)),
        ("404", status(404)),
        ("409", status(409)),
        ("422", status(422)),
        ("400, over the bound", response(400, &" ".repeat(RESPONSE_LIMIT + 1))),
        ("429", status(429)),
        ("429, wait 30 s", with(status(429), "retry-after", "30")),
        ("429, wait 0 s", with(status(429), "retry-after", "0")),
        ("500", status(500)),
        ("500, wait 30 s", with(status(500), "retry-after", "30")),
        ("502", status(502)),
        ("503", status(503)),
        ("503, wait 30 s", with(status(503), "retry-after", "30")),
        ("503, until a date", with(with(status(503), "retry-after", later), "date", date)),
        ("503, until a date, no clock", with(status(503), "retry-after", later)),
        ("504", status(504)),
        ("600", status(600)),
    ]
}
