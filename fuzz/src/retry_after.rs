//! The target of `Retry-After`.

use std::time::Duration;

use http::Response;
use location_auth::{Flow, Retry};

use super::input::{EMAIL, Input, PASSWORD, app};

/// `Retry-After` and `Date`, with any bytes.
pub fn retry_after(data: &[u8]) {
    let mut input = Input(data);
    let (status, after, date) = (input.choose(&[429, 503, 401, 500]), input.line(), input.line());
    let mut response = Response::builder().status(status).body("").expect("is a response");
    for (name, value) in [("retry-after", after), ("date", date)] {
        let Ok(value) = http::HeaderValue::from_bytes(value) else { return };
        response.headers_mut().insert(name, value);
    }
    let error =
        app().user_login(EMAIL, PASSWORD).expect("is not empty").receive(&response).expect_err("no token").error;
    let text = std::str::from_utf8(after).unwrap_or_default().trim_ascii();
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let parse = |bytes| httpdate::parse_http_date(std::str::from_utf8(bytes).unwrap_or_default().trim_ascii()).ok();
    let seconds = Retry::MAX_DELAY.as_secs();
    let expected = match (digits, parse(after), parse(date)) {
        // A number too long to parse is above the bound.
        (true, ..) => Some(Duration::from_secs(text.parse().unwrap_or(seconds).min(seconds))),
        (_, Some(until), Some(now)) => Some(until.duration_since(now).unwrap_or_default().min(Retry::MAX_DELAY)),
        _ => None,
    };
    assert_eq!(error.retry_after(), expected, "{text:?}");
    if error.retry_after().is_some_and(|wait| !wait.is_zero()) && status < 500 && status != 401 {
        assert_eq!(error.retry(), Retry::After(expected.unwrap_or_default()));
    }
}
