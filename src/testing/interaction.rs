//! One interaction of a script: the request that the script expects, and its response.

use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;

use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, Uri};
use location_auth::{Bytes, Delivery, Redacted};
use serde_core::Serialize;
use serde_json::{Map, Value};

/// One interaction of a script: the parts of the request that it expects, and the response. The default response is 200 without a body.
///
/// ```
/// use location_auth::Delivery;
/// use location_auth::testing::Interaction;
///
/// let script = [
///     Interaction::any().fail(Delivery::NotSent),
///     Interaction::get("/contacts?page=2").header("authorization", "Bearer l-1").respond(200, r#"{"contacts": []}"#),
///     Interaction::post("/contacts").member("name", "Ada").member("visits", 3).respond(503, ""),
/// ];
/// assert_eq!(format!("{:?}", script[1]), "GET /contacts?page=… authorization: …");
/// ```
pub struct Interaction {
    method: Option<Method>,
    target: Option<Uri>,
    headers: HeaderMap,
    members: Map<String, Value>,
    pub(super) answer: Answer,
}

pub(super) enum Answer {
    Response(Response<Vec<u8>>),
    Failure(Delivery),
}

impl Interaction {
    /// Expects any request.
    #[must_use]
    pub fn any() -> Self {
        Self {
            method: None,
            target: None,
            headers: HeaderMap::new(),
            members: Map::new(),
            answer: Answer::Response(Response::new(Vec::new())),
        }
    }

    /// Expects a request with this method and path. The query is compared only if `path` has one.
    ///
    /// # Panics
    /// If `path` does not begin with `/` or is no path: the script does not look at the host.
    #[must_use]
    pub fn new(method: Method, path: &str) -> Self {
        let target = path.starts_with('/').then(|| path.parse().ok()).flatten();
        let Some(target) = target else { panic!("an interaction is for a path, like `/contacts`") };
        Self { method: Some(method), target: Some(target), ..Self::any() }
    }

    /// Expects a `GET` of this path.
    ///
    /// # Panics
    /// As [`new`](Self::new).
    #[must_use]
    pub fn get(path: &str) -> Self {
        Self::new(Method::GET, path)
    }

    /// Expects a `POST` to this path.
    ///
    /// # Panics
    /// As [`new`](Self::new).
    #[must_use]
    pub fn post(path: &str) -> Self {
        Self::new(Method::POST, path)
    }

    /// Expects this header. After two calls with the same name, it expects both values, in this order.
    ///
    /// # Panics
    /// If this is no valid header.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        let (Ok(name), Ok(value)) = (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_str(value)) else {
            panic!("a request can have no such header");
        };
        self.headers.append(name, value);
        self
    }

    /// Expects a body that is a JSON object with this member.
    ///
    /// # Panics
    /// If the value can't be written as JSON.
    #[must_use]
    pub fn member(mut self, name: &str, value: impl Serialize) -> Self {
        let Ok(value) = serde_json::to_value(value) else { panic!("the value can't be written as JSON") };
        self.members.insert(name.to_owned(), value);
        self
    }

    /// Responds with this status and body.
    ///
    /// # Panics
    /// If this is no valid status.
    #[must_use]
    pub fn respond(self, status: u16, body: impl Into<Vec<u8>>) -> Self {
        let Ok(status) = StatusCode::from_u16(status) else { panic!("{status} is no status") };
        let mut response = Response::new(body);
        *response.status_mut() = status;
        self.respond_with(response)
    }

    /// Responds with this response.
    #[must_use]
    pub fn respond_with(self, response: Response<impl Into<Vec<u8>>>) -> Self {
        Self { answer: Answer::Response(response.map(Into::into)), ..self }
    }

    /// Fails with an error, without a response.
    #[must_use]
    pub fn fail(self, delivery: Delivery) -> Self {
        Self { answer: Answer::Failure(delivery), ..self }
    }

    /// Returns how the request differs from the expected one. It shows no value.
    pub(super) fn differences(&self, request: &Request<Bytes>) -> Vec<String> {
        let mut differences = Vec::new();
        if self.method.as_ref().is_some_and(|method| method != request.method()) {
            differences.push("it has another method".to_owned());
        }
        if let Some(target) = &self.target {
            if target.path() != request.uri().path() {
                differences.push("it has another path".to_owned());
            }
            if target.query().is_some_and(|query| Some(query) != request.uri().query()) {
                differences.push("it has another query".to_owned());
            }
        }
        for name in self.headers.keys() {
            if !request.headers().contains_key(name) {
                differences.push(format!("it has no header `{name}`"));
            } else if !self.headers.get_all(name).iter().eq(request.headers().get_all(name)) {
                differences.push(format!("its header `{name}` has another value"));
            }
        }
        if self.members.is_empty() {
            return differences;
        }
        let Ok(members) = serde_json::from_slice::<Map<String, Value>>(request.body()) else {
            differences.push("its body is no JSON object".to_owned());
            return differences;
        };
        for (name, value) in &self.members {
            let problem = match members.get(name) {
                None => "is missing",
                Some(sent) if sent != value => "has another value",
                Some(_) => continue,
            };
            differences.push(format!("its body's member `{}` {problem}", name.escape_debug()));
        }
        differences
    }
}

/// Shows the expected request without values that could be secret, and nothing of the response.
impl fmt::Debug for Interaction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut expected = Request::new(());
        *expected.headers_mut() = self.headers.clone();
        *expected.method_mut() = self.method.clone().unwrap_or_default();
        *expected.uri_mut() = self.target.clone().unwrap_or_default();
        let shown = Redacted(&expected).to_string();
        match shown.strip_prefix("GET /") {
            Some(rest) if self.method.is_none() => write!(f, "any request{rest}"),
            _ => f.write_str(&shown),
        }
    }
}
