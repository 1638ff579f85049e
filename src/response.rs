//! Judging the response to a token request: bounds, status, media type, JSON (`Q5` to `Q8`, `Q13`).
//!
//! ```text
//! status    1xx ──▶ UnexpectedStatus     3xx ──▶ Redirected     429 ──▶ Throttled      503 ──▶ Unavailable
//!           4xx ──▶ Refused              5xx ──▶ ServerError    6xx and up ──▶ UnexpectedStatus
//!           2xx ──▶ size ──▶ media type ──▶ JSON object ──▶ access_token ──▶ Ok
//!                    │           │               │              │
//!                    ▼           ▼               ▼              ▼
//!                 TooLarge   MediaType     Body(problem)   Body(problem), or Refused if it carries an error object
//! ```
//!
//! The service is taken to be hostile: nothing of its answer reaches an error but what is bounded and checked.

use alloc::string::String;
use core::fmt;

use http::{HeaderMap, Response, header};
use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::error::Category;
use zeroize::Zeroizing;

use crate::error::{Answer, Message};
use crate::token::BearerToken;
use crate::{BodyProblem, Error, ErrorKind, Step, error_message, retry};

/// The longest response to a token request, in bytes: 64 KiB (`Q13`).
///
/// A transport stops reading there; a longer success is an error here as well. The drivers pass it to the transport as the `limit`:
///
/// ```
/// use location_auth::transports::run;
/// use location_auth::{Misuse, RESPONSE_LIMIT};
/// # let app = location_auth::App::new(location_auth::Settings::new(location_auth::Environment::Staging)
/// #     .user_token_url("https://api.example.com/user_token")
/// #     .location_token_url("https://api.example.com/locations/{location_id}/token").api_key("k-12").client_id("id")
/// #     .client_secret("client secret"))?;
/// let transport = |_request, limit| {
///     assert_eq!(limit, RESPONSE_LIMIT);
///     Err("there is nobody")
/// };
/// run(app.user_login("owner@example.com", "hunter2")?, &transport).unwrap_err();
/// # Ok::<(), Misuse>(())
/// ```
pub const RESPONSE_LIMIT: usize = 64 * 1024;

/// The token of a success, or what is wrong with the response. `bought_with` is the user token that step 2 was asked with.
pub(crate) fn token<B: AsRef<[u8]>>(
    response: &Response<B>,
    bought_with: Option<&BearerToken>,
) -> Result<BearerToken, ErrorKind> {
    match response.status().as_u16() {
        200..=299 => {}
        300..=399 => return Err(ErrorKind::Redirected),
        429 => return Err(ErrorKind::Throttled),
        400..=499 => return Err(ErrorKind::Refused),
        503 => return Err(ErrorKind::Unavailable),
        500..=599 => return Err(ErrorKind::ServerError),
        _ => return Err(ErrorKind::UnexpectedStatus),
    }
    let body = response.body().as_ref();
    if body.len() > RESPONSE_LIMIT {
        return Err(ErrorKind::TooLarge);
    }
    if !is_json(response.headers()) {
        return Err(ErrorKind::MediaType);
    }
    let object = TokenObject::read(body).map_err(ErrorKind::Body)?;
    let token = match &object.token {
        Member::Absent if object.objects => return Err(ErrorKind::Refused),
        Member::Absent => return Err(ErrorKind::Body(BodyProblem::NoToken)),
        member => member.text().ok_or(ErrorKind::Body(BodyProblem::TokenNotAString))?,
    };
    if token.is_empty() {
        return Err(ErrorKind::Body(BodyProblem::EmptyToken));
    }
    let token = BearerToken::new(token).ok_or(ErrorKind::Body(BodyProblem::InvalidToken))?;
    if bought_with.is_some_and(|user| user.authorization() == token.authorization()) {
        return Err(ErrorKind::Body(BodyProblem::UserTokenReturned));
    }
    Ok(token)
}

/// What is told of a response that has no token. `request_secrets` is every credential that the request carried.
pub(crate) fn error<B: AsRef<[u8]>>(
    kind: ErrorKind,
    step: Step,
    response: &Response<B>,
    request_secrets: &[&str],
) -> Error {
    let body = response.body().as_ref();
    let message = match kind {
        ErrorKind::Refused | ErrorKind::Throttled | ErrorKind::Unavailable | ErrorKind::ServerError
            if body.len() <= RESPONSE_LIMIT =>
        {
            error_message::message(body, request_secrets)
        }
        _ => Message::None,
    };
    Error::new(Answer {
        step,
        location: None,
        kind,
        status: response.status(),
        retry_after: retry::retry_after(response.headers()),
        request_id: error_message::request_id(response.headers(), request_secrets),
        message,
    })
}

/// `application/json`, `application/*+json`, or no `Content-Type`: compared by essence (RFC 9110 section 8.3.1).
fn is_json(headers: &HeaderMap) -> bool {
    headers.get_all(header::CONTENT_TYPE).iter().all(|value| {
        // As nearly everybody spells it: nothing to take apart.
        if value == "application/json" {
            return true;
        }
        let Ok(text) = value.to_str() else { return false };
        let essence = text.split(';').next().unwrap_or_default().trim_ascii();
        let Some((kind, subtype)) = essence.split_once('/') else { return false };
        // So that no other type hides before a comma (RFC 6838 section 4.2).
        let is_name = subtype.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&byte));
        let suffix = subtype.rsplit_once('+').map_or(subtype, |(_, suffix)| suffix);
        is_name && kind.eq_ignore_ascii_case("application") && suffix.eq_ignore_ascii_case("json")
    })
}

/// The visits of values that are refused with this text: serde's own refusal of a scalar quotes it, and it may be a secret.
macro_rules! refuse_unquoted {
    ($text:literal; $($visit:ident($scalar:ty)),* $(,)?) => {$(
        fn $visit<E: ::serde::de::Error>(self, _: $scalar) -> Result<Self::Value, E> {
            Err(E::custom($text))
        }
    )*};
}
pub(crate) use refuse_unquoted;

/// What matters of the body of a success. Other members are skipped unread.
struct TokenObject<'a> {
    token: Member<'a>,
    /// Whether a member says that something went wrong (`Q6`).
    objects: bool,
}

/// A member's value, or its name.
pub(crate) enum Member<'a> {
    /// Missing, or `null`.
    Absent,
    Number(u64),
    NotAString,
    Borrowed(&'a str),
    /// The string had escapes in it.
    Unescaped(Zeroizing<String>),
}

impl Member<'_> {
    pub(crate) fn text(&self) -> Option<&str> {
        match self {
            Self::Borrowed(text) => Some(text),
            Self::Unescaped(text) => Some(text),
            Self::Absent | Self::Number(_) | Self::NotAString => None,
        }
    }
}

impl<'a> TokenObject<'a> {
    fn read(body: &'a [u8]) -> Result<Self, BodyProblem> {
        if body.starts_with(b"\xEF\xBB\xBF") {
            return Err(BodyProblem::ByteOrderMark);
        }
        let text = core::str::from_utf8(body).map_err(|_| BodyProblem::NotUtf8)?;
        if text.trim_ascii().is_empty() {
            return Err(BodyProblem::Empty);
        }
        let mut json = serde_json::Deserializer::from_str(text);
        // serde's message quotes values: of the error only its category and place are kept.
        let object = json.deserialize_map(ObjectVisitor).map_err(|error| match error.classify() {
            Category::Eof => BodyProblem::Truncated,
            Category::Data => BodyProblem::NotAnObject,
            Category::Syntax | Category::Io => BodyProblem::Syntax { line: error.line(), column: error.column() },
        })?;
        json.end().map_err(|_| BodyProblem::TrailingData)?;
        object.ok_or(BodyProblem::DuplicateToken)
    }
}

/// Visits the object alone: a sequence, which serde would read a struct from, is refused. `None` for a duplicate token.
struct ObjectVisitor;

impl<'de> Visitor<'de> for ObjectVisitor {
    type Value = Option<TokenObject<'de>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut token = None;
        let mut objects = false;
        let mut duplicate = false;
        while let Some(name) = map.next_key::<Member<'de>>()? {
            match name.text() {
                Some("access_token") => duplicate |= token.replace(map.next_value::<Member<'de>>()?).is_some(),
                Some("error" | "errors" | "message") => objects |= map.next_value::<Option<IgnoredAny>>()?.is_some(),
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        if duplicate {
            return Ok(None);
        }
        Ok(Some(TokenObject { token: token.unwrap_or(Member::Absent), objects }))
    }
}

impl<'de> Deserialize<'de> for Member<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(MemberVisitor)
    }
}

struct MemberVisitor;

impl<'de> Visitor<'de> for MemberVisitor {
    type Value = Member<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }
    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Member::Borrowed(text))
    }
    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Member::Unescaped(Zeroizing::new(String::from(text))))
    }
    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Member::Absent)
    }
    fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
        Ok(Member::NotAString)
    }
    fn visit_i64<E>(self, number: i64) -> Result<Self::Value, E> {
        Ok(u64::try_from(number).map_or(Member::NotAString, Member::Number))
    }
    fn visit_i128<E>(self, _: i128) -> Result<Self::Value, E> {
        Ok(Member::NotAString)
    }
    fn visit_u64<E>(self, number: u64) -> Result<Self::Value, E> {
        Ok(Member::Number(number))
    }
    fn visit_u128<E>(self, _: u128) -> Result<Self::Value, E> {
        Ok(Member::NotAString)
    }
    fn visit_bytes<E>(self, _: &[u8]) -> Result<Self::Value, E> {
        Ok(Member::NotAString)
    }
    fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
        Ok(Member::NotAString)
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Member::NotAString)
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Member::NotAString)
    }
}
