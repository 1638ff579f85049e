//! What a request is made of: the head of a token request, and what credentials are put on.

use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Uri, header, request::Parts};

use crate::Step;
use crate::secret::SecretHeader;

pub(crate) const X_API_KEY: HeaderName = HeaderName::from_static("x-api-key");

/// A step's request without its body, made once for an App: to copy headers costs less than to insert them.
pub(crate) fn head(uri: Uri, api_key: &SecretHeader, step: Step) -> Parts {
    const JSON: HeaderValue = HeaderValue::from_static("application/json");
    let (mut head, ()) = Request::new(()).into_parts();
    head.method = Method::POST;
    head.uri = uri;
    let headers = &mut head.headers;
    headers.insert(header::CONTENT_TYPE, as_body_of_credentials(JSON));
    headers.insert(header::ACCEPT, JSON);
    headers.insert(X_API_KEY, api_key.header().clone());
    if step == Step::LocationToken {
        // Keeps the place of the user token: a copy has no room for one header more.
        headers.insert(header::AUTHORIZATION, HeaderValue::from_static(""));
    }
    head
}

fn as_body_of_credentials(mut content_type: HeaderValue) -> HeaderValue {
    content_type.set_sensitive(true);
    content_type
}

/// Whether this is the request of a [`Flow`](crate::Flow), on whose answer a token may come. For transports that keep connections: they send such a
/// request on one that nobody else's request was answered on, or a stray answer of another owner's becomes this owner's token.
///
/// A flow marks the `content-type` of its requests as sensitive, as it marks each header that holds a credential: here the body does.
/// The mark is not sent. A call of yours that shall have a connection of its own can be marked the same way.
///
/// ```
/// use http::{HeaderValue, Request, header::CONTENT_TYPE};
/// use location_auth::{App, Flow, is_token_request};
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

/// What credentials are put on: `http::Request<B>` and `http::request::Parts`. Sealed.
///
/// ```
/// use location_auth::{Misuse, RequestHead, Session};
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
