//! Targets that read what the service wrote.

use std::error::Error as _;
use std::fmt;
use std::time::Duration;

use http::Response;
use location_auth::{
    Error, ErrorKind, Fault, Flow, LocationAccessToken, Progress, RESPONSE_LIMIT, Retry, SavedToken, Step,
    UserAccessToken,
};
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::Value;

use super::input::{
    API_KEY, CLIENT_ID, CLIENT_SECRET, EMAIL, Input, PASSWORD, USER_TOKEN, app, shows_none, token_response as token_of,
    whole,
};

const STEP_1: [&str; 5] = [EMAIL, PASSWORD, CLIENT_ID, CLIENT_SECRET, API_KEY];
const STEP_2: [&str; 4] = [USER_TOKEN, CLIENT_ID, CLIENT_SECRET, API_KEY];

/// One response of any kind, met by both steps.
pub fn token_response(data: &[u8]) {
    let response = Input(data).response();
    let app = app();
    let step_1 = app.user_login(EMAIL, PASSWORD).expect("is not empty");
    let user = match step_1.clone().receive(&token_of(USER_TOKEN)) {
        Ok(Progress::Done(user)) => user,
        _ => unreachable!("the token is good"),
    };
    let step_2 = app.location("loc-1").expect("is an id").exchange(&user).expect("is of this environment");
    check(step_1, &response, &STEP_1, None, |user| user.expose_secret().to_owned());
    check(step_2, &response, &STEP_2, Some(USER_TOKEN), |token| token.expose_secret().to_owned());
}

fn check<F: Flow>(
    flow: F,
    response: &Response<Vec<u8>>,
    request_secrets: &[&str],
    bought_with: Option<&str>,
    expose: fn(&F::Output) -> String,
) {
    let (step, before) = (flow.step(), whole(&flow.request()));
    let expected = acceptable(response).filter(|token| Some(token.as_str()) != bought_with);
    match flow.receive(response) {
        Ok(Progress::Done(output)) => assert_eq!(Some(expose(&output)), expected),
        Ok(Progress::Next(_)) => unreachable!("these flows have one step"),
        Err(failed) => {
            assert_eq!(expected, None, "a good token was refused: {failed}");
            assert_eq!((failed.flow.step(), whole(&failed.flow.request())), (step, before), "the flow is as it was");
            promises(&failed.error, response, request_secrets);
        }
    }
}

/// What holds for every error, whatever the response was.
fn promises(error: &Error, response: &Response<Vec<u8>>, request_secrets: &[&str]) {
    assert_eq!(error.status(), response.status());
    assert!(error.retry_after().is_none_or(|wait| wait <= Retry::MAX_DELAY));
    assert!(error.message().is_none_or(|text| text.len() <= 256 && !text.chars().any(char::is_control)));
    assert!(error.message().is_none() || !error.is_message_withheld());
    assert!(error.request_id().is_none_or(|id| id.len() <= 128 && id.bytes().all(|byte| byte.is_ascii_graphic())));
    let may_repeat = matches!(response.status().as_u16(), 429 | 503);
    assert_eq!(error.retry() != Retry::Never, may_repeat);
    let redirected = response.status().is_redirection();
    assert_eq!(error.kind() == ErrorKind::Redirected, redirected);
    if response.status().is_server_error() {
        assert_eq!(error.fault(), Fault::Service);
    }
    if response.status().is_success() && response.body().len() <= RESPONSE_LIMIT {
        // What serde takes for a value and skips is not the same.
        let is_json = serde_json::from_slice::<Value>(response.body()).is_ok();
        assert!(!is_json || (error.kind() == ErrorKind::Refused) == refuses(response), "{error}");
    }
    let word =
        |text: &str, limit| !text.is_empty() && text.len() <= limit && text.bytes().all(|byte| byte.is_ascii_graphic());
    assert!(error.code().is_none_or(|code| word(code, 64)));
    assert!(error.media_type().is_none_or(|essence| word(essence, 128) && !essence.contains(';')));
    assert!(error.content_coding().is_none_or(|coding| word(coding, 128) || coding == "…"));
    let line = error.to_string();
    assert!(!line.contains(['\n', '\r']) && line.len() < 2000);
    shows_none(&format!("{line} {error:?} {:?}", error.source().map(ToString::to_string)), request_secrets);
}

/// An independent reading of what a success is: the token of an acceptable response.
fn acceptable(response: &Response<Vec<u8>>) -> Option<String> {
    if !response.status().is_success() || response.body().len() > RESPONSE_LIMIT {
        return None;
    }
    let text = std::str::from_utf8(response.body()).ok()?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let Members(members) = serde_json::from_str(text).ok()?;
    let tokens: Vec<_> = members.into_iter().filter(|(name, _)| name == "access_token").collect();
    let [(_, Value::String(token))] = tokens.as_slice() else { return None };
    (!token.is_empty() && token.chars().all(|c| ('!'..='~').contains(&c))).then(|| token.clone())
}

/// An independent reading of what a success without a usable token is: the service's refusal, or its mistake.
fn refuses(response: &Response<Vec<u8>>) -> bool {
    let text = std::str::from_utf8(response.body()).unwrap_or_default();
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let Ok(Members(members)) = serde_json::from_str(text) else { return false };
    members.iter().any(|(name, value)| match name.to_ascii_lowercase().as_str() {
        "error" => !value.is_null(),
        "errors" => match value {
            Value::Null => false,
            Value::Bool(is) => *is,
            Value::Number(number) => number.as_f64() != Some(0.0),
            Value::String(text) => !text.is_empty(),
            Value::Array(values) => !values.is_empty(),
            Value::Object(members) => !members.is_empty(),
        },
        _ => false,
    })
}

/// An object's members, each as often as it comes.
struct Members(Vec<(String, Value)>);

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct All;
        impl<'de> Visitor<'de> for All {
            type Value = Members;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
                let mut members = vec![];
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(All)
    }
}

/// A message that repeats the password in some spelling, and one that the bytes make up.
pub fn message(data: &[u8]) {
    let mut input = Input(data);
    let (shape, spelling) = (input.byte(), input.byte());
    let (password, before, after) = (input.text(), input.text(), input.text());
    if password.is_empty() || password.ends_with(['\n', '\r']) {
        return;
    }
    let said = |text: &str| {
        let body = match shape % 8 {
            0 => serde_json::json!({ "error": text }),
            1 => serde_json::json!({ "error": "x", "error_description": text }),
            2 => serde_json::json!({ "message": text }),
            3 => serde_json::json!({ "errors": [text] }),
            4 => serde_json::json!({ "errors": { "email": [text] } }),
            5 => serde_json::json!([{ "name": text, "reason": text }]),
            6 => serde_json::json!({ text: format!("{text} {text}"), "ERROR": { "code": text, text: text } }),
            _ => serde_json::json!({ "errors": [{ "title": "x", "detail": text }] }),
        };
        // A shape of JSON, or the text as it is.
        let (content_type, body) =
            if shape < 128 { ("application/json", body.to_string()) } else { ("text/plain", text.to_owned()) };
        let response = Response::builder().status(401).header("content-type", content_type).body(body);
        let response = response.expect("is a response");
        let login = app().user_login(EMAIL, &password).expect("is not empty");
        login.receive(&response).expect_err("is a refusal").error
    };
    let json = serde_json::to_string(&password).expect("is a text");
    let json = json[1..json.len() - 1].to_owned();
    let percent = percent_encoding::utf8_percent_encode(&password, percent_encoding::NON_ALPHANUMERIC).to_string();
    let spelled = match spelling % 6 {
        0 => password.clone(),
        1 => json.clone(),
        2 => percent.clone(),
        3 => password.to_ascii_uppercase(),
        4 => percent.to_lowercase(),
        _ => password.encode_utf16().map(|unit| format!("\\u{unit:04x}")).collect(),
    };
    // A backslash or a percent sign before it would make another text of it.
    let apart = before.trim_end_matches(|c: char| "\\%".contains(c) || c.is_ascii_hexdigit()).to_owned();
    assert!(said(&format!("wrong: {apart} {spelled} {after}")).is_message_withheld(), "{spelled:?} is not withheld");

    let error = said(&format!("{before}{after}"));
    shows_none(error.code().unwrap_or_default(), &[&password]);
    if let Some(told) = error.message() {
        assert!(told.len() <= 256);
        // A half of what was cut is decoded to a replacement character.
        if !password.contains(char::REPLACEMENT_CHARACTER) {
            let percent_decoded = percent_encoding::percent_decode_str(told).decode_utf8_lossy();
            let json_decoded: String = serde_json::from_str(&format!("\"{told}\"")).unwrap_or_default();
            for text in [told, &percent_decoded, &json_decoded] {
                shows_none(text, &[&password]);
            }
        }
    }
}

/// `Retry-After` and `Date`, as they come.
pub fn retry_after(data: &[u8]) {
    let mut input = Input(data);
    let (status, after, date) = (input.byte(), input.line(), input.line());
    let status = [429, 503, 401, 500][usize::from(status) % 4];
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
        // The digits beyond the bound's own are the high ones.
        (true, ..) => Some(Duration::from_secs(text.parse().unwrap_or(seconds).min(seconds))),
        (_, Some(until), Some(now)) => Some(until.duration_since(now).unwrap_or_default().min(Retry::MAX_DELAY)),
        _ => None,
    };
    assert_eq!(error.retry_after(), expected, "{text:?}");
    if error.retry_after().is_some_and(|wait| !wait.is_zero()) && status < 500 && status != 401 {
        assert_eq!(error.retry(), Retry::After(expected.unwrap_or_default()));
    }
}

/// A saved token, as it comes from a disk that anybody may have written to.
pub fn saved_token(data: &[u8]) {
    match serde_json::from_slice::<SavedToken>(data) {
        Err(error) => shows_none(&format!("{error} {error:?}"), &["m4rk3r"]),
        Ok(saved) => {
            shows_none(&format!("{saved:?}"), &["access_token"]);
            let written = serde_json::to_string(&saved).expect("can be written");
            let again: SavedToken = serde_json::from_str(&written).expect("what it writes it can read");
            assert_eq!(serde_json::to_string(&again).expect("can be written"), written);
            let token = match saved.location().is_some() {
                true => LocationAccessToken::try_from(saved).expect("is a Location's").expose_secret().to_owned(),
                false => UserAccessToken::try_from(saved).expect("is a user's").expose_secret().to_owned(),
            };
            assert!(!token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic()));
        }
    }
}

/// A whole login, fed one arbitrary response after another.
pub fn login(data: &[u8]) {
    let mut input = Input(data);
    let mut flow = app().location("loc-1").and_then(|location| location.login(EMAIL, PASSWORD)).expect("is right");
    let mut user = None;
    for _ in 0..20 {
        if input.0.is_empty() {
            return;
        }
        let response = input.response();
        let (step, before) = (flow.step(), whole(&flow.request()));
        assert_eq!(step == Step::LocationToken, user.is_some());
        let expected = acceptable(&response).filter(|token| Some(token) != user.as_ref());
        match flow.receive(&response) {
            Ok(Progress::Next(next)) => {
                assert_eq!((step, next.step()), (Step::UserToken, Step::LocationToken));
                assert!(expected.is_some());
                user = expected;
                flow = next;
            }
            Ok(Progress::Done(token)) => {
                assert_eq!((step, Some(token.expose_secret().to_owned())), (Step::LocationToken, expected));
                return;
            }
            Err(failed) => {
                assert_eq!(expected, None);
                assert_eq!(whole(&failed.flow.request()), before);
                promises(&failed.error, &response, if step == Step::UserToken { &STEP_1 } else { &STEP_2[1..] });
                flow = failed.flow;
            }
        }
    }
}
