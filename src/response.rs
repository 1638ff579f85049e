//! Reads the response to a token request: size, status, JSON (`Q5` to `Q8`, `Q13`).
//!
//! ```text
//! status    1xx ──▶ UnexpectedStatus     3xx ──▶ Redirected     429 ──▶ Throttled      503 ──▶ Unavailable
//!           4xx ──▶ Refused              5xx ──▶ ServerError    6xx and up ──▶ UnexpectedStatus
//!           2xx ──▶ size ──▶ JSON object ──▶ access_token ──▶ Ok
//!                    │            │                │
//!                    ▼            ▼                ▼
//!                 TooLarge   Body(problem)   Body(problem), or Refused if it carries an error
//! ```
//!
//! The service may be hostile: an error has nothing of its response that is not bounded and checked.

use core::fmt;

use http::Response;
use serde_core::de::{self, Deserializer, Expected, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::error::Category;

use crate::error::Details;
use crate::error_message::{Message, Secrets};
use crate::json::{Member, refuse_unquoted, unmarked};
use crate::token::BearerToken;
use crate::{BodyProblem, Error, ErrorKind, Step, error_message, retry};

/// The longest response to a token request, in bytes: 64 KiB.
///
/// A transport stops reading there, and a longer success is an error. The drivers pass it to the transport as the `limit`:
///
/// ```
/// use location_auth::transports::run;
/// use location_auth::transports::RESPONSE_LIMIT;
/// use location_auth::Misuse;
#[doc = include_str!("doctest_app.txt")]
/// let transport = |_request, limit| {
///     assert_eq!(limit, RESPONSE_LIMIT);
///     Err("there is nobody")
/// };
/// run(app.user_login("owner@example.com", "hunter2")?, &transport).unwrap_err();
/// # Ok::<(), Misuse>(())
/// ```
pub const RESPONSE_LIMIT: usize = 64 * 1024;

/// Returns the token of a success, or what is wrong with the response. `sent` is the user token that step 2 carried.
pub(crate) fn token<B: AsRef<[u8]>>(
    response: &Response<B>,
    sent: Option<&BearerToken>,
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
    let object = TokenObject::read(body).map_err(|problem| match problem {
        BodyProblem::NotUtf8 | BodyProblem::Syntax { .. } | BodyProblem::Truncated
            if error_message::coding(response.headers()).is_some() =>
        {
            ErrorKind::Body(BodyProblem::Encoded)
        }
        problem => ErrorKind::Body(problem),
    })?;
    object.usable(sent).map_err(|problem| match object.objects {
        true => ErrorKind::Refused,
        false => ErrorKind::Body(problem),
    })
}

/// Builds the error for a response without a token.
pub(crate) fn error<B: AsRef<[u8]>>(
    kind: ErrorKind,
    step: Step,
    response: &Response<B>,
    secrets: &Secrets<'_>,
) -> Error {
    use BodyProblem::{EmptyToken, Encoded, NoToken, Syntax, TokenNotAString};
    use ErrorKind::{Body, Refused, ServerError, Throttled, Unavailable};
    let (headers, body) = (response.headers(), response.body().as_ref());
    let (message, code, is_of_service) = match kind {
        Refused
        | Throttled
        | Unavailable
        | ServerError
        | Body(NoToken | EmptyToken | TokenNotAString | Encoded | Syntax { .. })
            if body.len() <= RESPONSE_LIMIT =>
        {
            error_message::message(headers, body, response.status().is_success(), secrets)
        }
        _ => (Message::None, None, false),
    };
    Error::new(Details {
        step,
        location: None,
        kind,
        status: response.status(),
        // An error prints the wait: it may be a password.
        retry_after: retry::retry_after(headers).filter(|wait| !secrets.include(wait.as_secs())),
        request_id: error_message::request_id(headers, secrets),
        media_type: error_message::media_type(headers, secrets).filter(|_| matches!(kind, Body(_))),
        asks_for_another_login: error_message::asks_for_another_login(response),
        message,
        code,
        is_of_service,
    })
}

/// The members of a success that matter. Others are skipped unread.
struct TokenObject<'a> {
    token: Member<'a>,
    duplicate: bool,
    /// Whether a member says that something went wrong.
    objects: bool,
}

impl<'a> TokenObject<'a> {
    fn read(body: &'a [u8]) -> Result<Self, BodyProblem> {
        let text = core::str::from_utf8(unmarked(body)).map_err(|_| BodyProblem::NotUtf8)?;
        if text.trim_ascii().is_empty() {
            return Err(BodyProblem::Empty);
        }
        let mut json = serde_json::Deserializer::from_str(text);
        // serde's message quotes values: only the error's category and place are kept.
        let object = json.deserialize_any(ObjectVisitor).map_err(|error| match error.classify() {
            Category::Eof => BodyProblem::Truncated,
            Category::Data => BodyProblem::NotAnObject,
            Category::Syntax | Category::Io => BodyProblem::Syntax { line: error.line(), column: error.column() },
        })?;
        json.end().map_err(|_| BodyProblem::TrailingData)?;
        Ok(object)
    }

    fn usable(&self, sent: Option<&BearerToken>) -> Result<BearerToken, BodyProblem> {
        let token = match &self.token {
            _ if self.duplicate => return Err(BodyProblem::DuplicateToken),
            Member::Absent => return Err(BodyProblem::NoToken),
            member => member.text().ok_or(BodyProblem::TokenNotAString)?,
        };
        if token.is_empty() {
            return Err(BodyProblem::EmptyToken);
        }
        let token = BearerToken::new(token).ok_or(BodyProblem::InvalidToken)?;
        match sent {
            Some(user) if user.authorization() == token.authorization() => Err(BodyProblem::UserTokenReturned),
            _ => Ok(token),
        }
    }
}

/// Accepts an object alone. serde would read a struct from a sequence, too, and its own refusals bring what prints a float into a program.
struct ObjectVisitor;

impl<'de> Visitor<'de> for ObjectVisitor {
    type Value = TokenObject<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    refuse_unquoted! {
        "no object";
        visit_bool(bool), visit_i64(i64), visit_u64(u64), visit_f64(f64), visit_str(&str),
    }

    fn visit_unit<E: de::Error>(self) -> Result<Self::Value, E> {
        refused(&self)
    }
    fn visit_seq<A: SeqAccess<'de>>(self, _: A) -> Result<Self::Value, A::Error> {
        refused(&self)
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut token = None;
        let (mut duplicate, mut objects) = (false, false);
        while let Some(name) = map.next_key::<Member<'de>>()? {
            match name.text() {
                Some("access_token") => duplicate |= token.replace(map.next_value::<Member<'de>>()?).is_some(),
                Some(name) if name.eq_ignore_ascii_case("error") => {
                    objects |= !matches!(map.next_value::<Member<'de>>()?, Member::Absent);
                }
                Some(name) if name.eq_ignore_ascii_case("errors") => {
                    objects |= !map.next_value::<Member<'de>>()?.is_nothing();
                }
                _ => _ = map.next_value::<IgnoredAny>()?,
            }
        }
        Ok(TokenObject { token: token.unwrap_or(Member::Absent), duplicate, objects })
    }
}

fn refused<T, E: de::Error>(expected: &dyn Expected) -> Result<T, E> {
    Err(E::custom(expected))
}
