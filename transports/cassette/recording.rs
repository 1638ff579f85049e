//! The cassette: a list of interactions, and its text form.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::str::FromStr;

use super::error::CassetteError;
use super::json::Json;
use super::request::RequestRecord;
use super::response::{Body, ResponseRecord};

/// The recorded interactions in their order, with placeholders for credentials.
///
/// `Display` writes its text and [`str::parse`] reads it. The text is JSON with many lines and a newline at the end. Your program decides where to
/// write it. All later versions of this crate will read a text of version 1.
///
/// ```
/// use location_auth::transports::cassette::{Cassette, CassetteError};
///
/// let text = r#"{
///   "version": 1,
///   "interactions": [
///     {
///       "request": {
///         "method": "GET",
///         "path": "/locations/loc-1/contacts",
///         "query": ["page"],
///         "headers": {"x-api-key": "<api-key>", "authorization": "Bearer <location-token-1>"}
///       },
///       "response": {
///         "status": 200,
///         "headers": {"content-type": "application/json"},
///         "withheld": "not kept"
///       }
///     }
///   ]
/// }"#;
/// let cassette: Cassette = text.parse()?;
/// assert!(cassette.to_string().ends_with("}\n"));
/// # Ok::<(), CassetteError>(())
/// ```
#[derive(Clone)]
pub struct Cassette {
    pub(super) interactions: Vec<Interaction>,
}

#[derive(Clone)]
pub(super) struct Interaction {
    pub(super) request: RequestRecord,
    pub(super) response: ResponseRecord,
}

const VERSION: u64 = 1;
/// The depth of a body, with the levels around it.
const DEPTH: u8 = 16;

impl fmt::Display for Cassette {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let interactions = self.interactions.iter().map(|interaction| {
            object([("request", request(&interaction.request)), ("response", response(&interaction.response))])
        });
        let interactions = Json::List(interactions.collect());
        let cassette = object([("version", Json::Number(VERSION.into())), ("interactions", interactions)]);
        f.write_str(&serde_json::to_string_pretty(&cassette).map_err(|_| fmt::Error)?)?;
        f.write_str("\n")
    }
}

fn request(request: &RequestRecord) -> Json {
    let query = request.query.iter().map(|piece| Json::text(piece));
    let mut members = Vec::from([
        ("method", Json::text(&request.method)),
        ("path", Json::text(&request.path)),
        ("query", Json::List(query.collect())),
        ("headers", texts(&request.headers)),
    ]);
    if !request.body.is_empty() {
        members.push(("json", texts(&request.body)));
    }
    object(members)
}

fn response(response: &ResponseRecord) -> Json {
    let head = [("status", Json::Number(response.status.into())), ("headers", texts(&response.headers))];
    let body = match &response.body {
        Body::Empty => None,
        Body::Json(json) => Some(("json", json.clone())),
        Body::Text(text) => Some(("text", Json::text(text))),
        Body::Withheld(reason) => Some(("withheld", Json::text(reason))),
    };
    object(head.into_iter().chain(body))
}

fn object<'a>(members: impl IntoIterator<Item = (&'a str, Json)>) -> Json {
    Json::Object(members.into_iter().map(|(name, value)| (name.into(), value)).collect())
}

fn texts(members: &[(String, String)]) -> Json {
    object(members.iter().map(|(name, value)| (name.as_str(), Json::text(value))))
}

impl FromStr for Cassette {
    type Err = CassetteError;

    /// # Errors
    /// [`CassetteError::Damaged`] and [`CassetteError::UnknownVersion`].
    fn from_str(text: &str) -> Result<Self, CassetteError> {
        let damaged = |at| CassetteError::Damaged { at };
        let json = Json::read(text, DEPTH).map_err(|line| damaged(format!("line {line}")))?;
        let Some(Json::Number(version)) = json.member("version") else { return Err(damaged("line 1".into())) };
        if version.as_u64() != Some(VERSION) {
            return Err(CassetteError::UnknownVersion);
        }
        let Some(Json::List(interactions)) = json.member("interactions") else { return Err(damaged("line 1".into())) };
        let read = interactions.iter().enumerate().map(|(index, interaction)| {
            read_interaction(interaction).ok_or_else(|| damaged(format!("interaction {}", index.saturating_add(1))))
        });
        Ok(Self { interactions: read.collect::<Result<_, _>>()? })
    }
}

fn read_interaction(json: &Json) -> Option<Interaction> {
    let (request, response) = (json.member("request")?, json.member("response")?);
    let text = |json: &Json, name| Some(String::from(json.member(name)?.as_text()?));
    let Json::List(query) = request.member("query")? else { return None };
    let request = RequestRecord {
        method: text(request, "method")?,
        path: text(request, "path")?,
        query: query.iter().map(|piece| piece.as_text().map(String::from)).collect::<Option<_>>()?,
        headers: read_texts(request.member("headers")?)?,
        body: request.member("json").map_or(Some(Vec::new()), read_texts)?,
    };
    let Json::Number(status) = response.member("status")? else { return None };
    let status = status.as_u64().and_then(|status| u16::try_from(status).ok());
    let body = match (response.member("json"), response.member("text"), response.member("withheld")) {
        (None, None, None) => Body::Empty,
        (Some(json), None, None) => Body::Json(json.clone()),
        (None, Some(text), None) => Body::Text(text.as_text()?.into()),
        (None, None, Some(reason)) => Body::Withheld(reason.as_text()?.into()),
        _ => return None,
    };
    let response = ResponseRecord {
        status: status.filter(|status| http::StatusCode::from_u16(*status).is_ok())?,
        headers: read_texts(response.member("headers")?)?,
        body,
    };
    Some(Interaction { request, response })
}

fn read_texts(json: &Json) -> Option<Vec<(String, String)>> {
    let Json::Object(members) = json else { return None };
    members.iter().map(|(name, value)| Some((name.clone(), value.as_text()?.into()))).collect()
}

/// Shows how many interactions there are.
impl fmt::Debug for Cassette {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cassette").field("interactions", &self.interactions.len()).finish()
    }
}
