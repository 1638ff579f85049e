//! The head of a token request, and the requests that credentials are put on.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Uri, header, request::Parts};

use crate::Step;
use crate::secret::SecretHeader;

pub(crate) const X_API_KEY: HeaderName = HeaderName::from_static("x-api-key");

/// Builds the headers of a step's request, once for an App: copying them costs less than inserting them. No `Parts`: its extensions may hold
/// anything, so that no App would be `RefUnwindSafe`.
pub(crate) fn headers(api_key: &SecretHeader, step: Step) -> HeaderMap {
    const JSON: HeaderValue = HeaderValue::from_static("application/json");
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, as_body_of_credentials(JSON));
    headers.insert(header::ACCEPT, JSON);
    headers.insert(X_API_KEY, api_key.header().clone());
    if step == Step::LocationToken {
        // Reserves the place of the user token: a copy has no room for one more header.
        headers.insert(header::AUTHORIZATION, HeaderValue::from_static(""));
    }
    headers
}

pub(crate) fn post(uri: Uri, headers: HeaderMap, body: Bytes) -> Request<Bytes> {
    let mut request = Request::new(body);
    *request.method_mut() = Method::POST;
    *request.uri_mut() = uri;
    *request.headers_mut() = headers;
    request
}

fn as_body_of_credentials(mut content_type: HeaderValue) -> HeaderValue {
    content_type.set_sensitive(true);
    content_type
}

/// Whether this is the request of a [`Flow`](crate::Flow), whose response may have a token. A transport that keeps connections sends it on a
/// connection that carried nobody else's response. Otherwise a stray response of another owner could become this owner's token.
///
/// A flow marks the `content-type` of its requests as sensitive, because the body holds credentials. The mark is not sent. To give a call of
/// yours its own connection, mark it the same way.
///
/// ```
/// use http::{HeaderValue, Request, header::CONTENT_TYPE};
/// use location_auth::transports::is_token_request;
/// use location_auth::{App, Flow};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
#[doc = include_str!("doctest_app.txt")]
/// assert!(is_token_request(&app.user_login("owner@example.com", "hunter2")?.request()));
///
/// let mut call = Request::post("https://api.example.com/contacts").body(b"{}".to_vec())?;
/// assert!(!is_token_request(&call));
/// let mut json = HeaderValue::from_static("application/json");
/// json.set_sensitive(true);
/// call.headers_mut().insert(CONTENT_TYPE, json);
/// assert!(is_token_request(&call));
/// # Ok(())
/// # }
/// ```
pub fn is_token_request<B>(request: &Request<B>) -> bool {
    request.headers().get(header::CONTENT_TYPE).is_some_and(HeaderValue::is_sensitive)
}

/// A request that credentials can be put on: `http::Request<B>` or `http::request::Parts`. Sealed.
///
/// ```
/// use location_auth::driver::RequestHead;
/// use location_auth::{Misuse, Session};
///
/// fn sign(session: &Session, head: &mut impl RequestHead) -> Result<(), Misuse> {
///     session.authorize(head).map(drop)
/// }
///
/// fn sign_parts(session: &Session, parts: &mut http::request::Parts) -> Result<(), Misuse> {
///     sign(session, parts)
/// }
/// ```
pub trait RequestHead: sealed::Head {}

impl<B> RequestHead for Request<B> {}
impl RequestHead for Parts {}

mod sealed {
    use super::{HeaderMap, Parts, Request, Uri};

    pub trait Head {
        fn uri(&self) -> &Uri;
        fn uri_mut(&mut self) -> &mut Uri;
        fn headers(&self) -> &HeaderMap;
        fn headers_mut(&mut self) -> &mut HeaderMap;
    }

    impl<B> Head for Request<B> {
        fn uri(&self) -> &Uri {
            self.uri()
        }
        fn uri_mut(&mut self) -> &mut Uri {
            self.uri_mut()
        }
        fn headers(&self) -> &HeaderMap {
            self.headers()
        }
        fn headers_mut(&mut self) -> &mut HeaderMap {
            self.headers_mut()
        }
    }

    impl Head for Parts {
        fn uri(&self) -> &Uri {
            &self.uri
        }
        fn uri_mut(&mut self) -> &mut Uri {
            &mut self.uri
        }
        fn headers(&self) -> &HeaderMap {
            &self.headers
        }
        fn headers_mut(&mut self) -> &mut HeaderMap {
            &mut self.headers
        }
    }
}
