//! What several targets share: tokens, responses with a token, requests to compare, and an independent reading of a response.

use std::error::Error as _;
use std::fmt;

use http::Response;
use location_auth::transports::RESPONSE_LIMIT;
use location_auth::{Error, ErrorKind, Fault, LocationAccessToken, Retry, SavedToken, UserAccessToken};
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::Value;

use super::input::{API_KEY, CLIENT_ID, CLIENT_SECRET, EMAIL, PASSWORD, USER_TOKEN, shows_none};

/// The secrets of each step's request.
pub const STEP_1: [&str; 5] = [EMAIL, PASSWORD, CLIENT_ID, CLIENT_SECRET, API_KEY];
pub const STEP_2: [&str; 4] = [USER_TOKEN, CLIENT_ID, CLIENT_SECRET, API_KEY];

/// A token of any Location, without a login.
pub fn location_token(environment: &str, location: &str, token: &str) -> LocationAccessToken {
    let form = serde_json::json!({
        "version": 1, "environment": environment, "kind": "location", "location": location, "access_token": token,
    });
    saved(form).try_into().expect("is a Location's")
}

/// A User Access Token, without a login.
pub fn user_token(token: &str) -> UserAccessToken {
    let form = serde_json::json!({ "version": 1, "environment": "staging", "kind": "user", "access_token": token });
    saved(form).try_into().expect("is a user's")
}

fn saved(form: Value) -> SavedToken {
    serde_json::from_value(form).expect("is a saved token")
}

/// The service's response with this token.
pub fn success(token: &str) -> Response<String> {
    Response::new(serde_json::json!({ "access_token": token }).to_string())
}

/// Method and URI, headers, body.
pub type Whole = (String, Vec<(String, Vec<u8>)>, Vec<u8>);

/// All of a request, to compare it.
pub fn whole<B: AsRef<[u8]>>(request: &http::Request<B>) -> Whole {
    let headers = request.headers().iter().map(|(name, value)| (name.to_string(), value.as_bytes().to_vec())).collect();
    (format!("{} {}", request.method(), request.uri()), headers, request.body().as_ref().to_vec())
}

/// What is true of every error, for any response.
pub fn keeps_promises(error: &Error, response: &Response<Vec<u8>>, request_secrets: &[&str]) {
    assert_eq!(error.status(), response.status());
    assert!(error.retry_after().is_none_or(|wait| wait <= Retry::MAX_DELAY));
    assert!(error.message().is_none_or(|text| text.len() <= 256 && !text.chars().any(char::is_control)));
    assert!(error.message().is_none() || !error.is_message_withheld());
    assert!(error.request_id().is_none_or(|id| id.len() <= 128 && id.bytes().all(|byte| byte.is_ascii_graphic())));
    let may_repeat = match response.status().as_u16() {
        429 => true,
        503 => error.retry_after().is_some(),
        _ => false,
    };
    assert_eq!(error.retry() != Retry::Never, may_repeat);
    let redirected = response.status().is_redirection();
    assert_eq!(error.kind() == ErrorKind::Redirected, redirected);
    if response.status().is_server_error() {
        assert_eq!(error.fault(), Fault::Service);
    }
    if response.status().is_success() && response.body().len() <= RESPONSE_LIMIT {
        // serde skips some values that it cannot read as a `Value`.
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

/// An independent reading of a success: the token of a response that a step accepts.
pub fn accepted(response: &Response<Vec<u8>>) -> Option<String> {
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

/// An independent reading of a success without a usable token: whether it is the service's refusal, and not its mistake.
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

/// An object's members, with those that are repeated.
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
