//! A token request and its response: ours, the peers', and what one writes by hand.
//!
//! The peers speak OAuth 2.0, so their bodies are forms and not JSON, and they send no `x-api-key`, which is less to do.

use std::cell::Cell;
use std::convert::Infallible;
use std::hint::black_box;

use http::{HeaderMap, HeaderValue, Method, Request, Response, Uri, header};
use location_auth::{App, Flow, Location, LocationAccessToken, Progress, UserAccessToken, UserLogin};
use oauth2::basic::{BasicClient, BasicTokenResponse};
use oauth2::{
    AuthType, ClientId, ClientSecret, EndpointNotSet, EndpointSet, ResourceOwnerPassword, ResourceOwnerUsername,
    TokenResponse, TokenUrl,
};
use serde::{Deserialize, Serialize};
use tame_oauth::Token;
use tame_oauth::gcp::end_user::{EndUserCredentials, EndUserCredentialsInfo, EndUserCredentialsInner};
use tame_oauth::gcp::{TokenOrRequest, TokenProvider};

use crate::inputs::*;

type Bytes = Vec<u8>;

pub mod ours {
    use super::*;

    pub fn exchange(login: UserLogin, response: Response<Bytes>) -> UserAccessToken {
        black_box(login.request());
        match login.receive(&response) {
            Ok(Progress::Done(token)) => token,
            _ => unreachable!("a good response"),
        }
    }

    pub fn login_step(app: &App, response: Response<Bytes>) -> UserAccessToken {
        exchange(app.user_login(black_box(EMAIL), black_box(PASSWORD)).expect("good credentials"), response)
    }

    pub fn whole_login(location: &Location, first: Response<Bytes>, second: Response<Bytes>) -> LocationAccessToken {
        let login = location.login(black_box(EMAIL), black_box(PASSWORD)).expect("good credentials");
        black_box(login.request());
        let Ok(Progress::Next(login)) = login.receive(&first) else { unreachable!("two steps") };
        black_box(login.request());
        let Ok(Progress::Done(token)) = login.receive(&second) else { unreachable!("two steps") };
        token
    }
}

pub mod oauth2_5 {
    use super::*;

    pub type Client = BasicClient<EndpointNotSet, EndpointNotSet, EndpointNotSet, EndpointNotSet, EndpointSet>;

    pub fn client() -> Client {
        BasicClient::new(ClientId::new(CLIENT_ID.into()))
            .set_client_secret(ClientSecret::new(CLIENT_SECRET.into()))
            // As ours: id and secret in the body.
            .set_auth_type(AuthType::RequestBody)
            .set_token_uri(TokenUrl::new(USER_TOKEN_URL.into()).expect("a good URL"))
    }

    pub fn owner() -> (ResourceOwnerUsername, ResourceOwnerPassword) {
        (ResourceOwnerUsername::new(black_box(EMAIL).into()), ResourceOwnerPassword::new(black_box(PASSWORD).into()))
    }

    pub fn exchange(
        client: &Client,
        (email, password): &(ResourceOwnerUsername, ResourceOwnerPassword),
        response: Response<Bytes>,
    ) -> BasicTokenResponse {
        client.exchange_password(email, password).request(&answer_with(response)).expect("a good response")
    }

    pub fn login_step(client: &Client, response: Response<Bytes>) -> BasicTokenResponse {
        exchange(client, &owner(), response)
    }

    /// It has no second step of this kind; the nearest is a request with the client's id and secret, to which one adds the header.
    pub fn whole_login(client: &Client, first: Response<Bytes>, second: Response<Bytes>) -> BasicTokenResponse {
        let user = login_step(client, first);
        let answer = answer_with(second);
        let with_user = |mut request: Request<Bytes>| {
            let value = format!("Bearer {}", user.access_token().secret());
            let value = HeaderValue::from_str(&value).expect("a good token");
            request.headers_mut().insert(header::AUTHORIZATION, value);
            answer(request)
        };
        client.exchange_client_credentials().request(&with_user).expect("a good response")
    }

    fn answer_with(response: Response<Bytes>) -> impl Fn(Request<Bytes>) -> Result<Response<Bytes>, Infallible> {
        let response = Cell::new(Some(response));
        move |request| {
            black_box(request);
            Ok(response.take().expect("one request"))
        }
    }
}

pub mod tame_oauth_0_10 {
    use super::*;

    /// As its documentation has it: with its cache, which is new for each token, since a second request would be answered from it.
    pub fn provider() -> EndUserCredentials {
        EndUserCredentials::new(info())
    }

    pub fn without_cache() -> EndUserCredentialsInner {
        EndUserCredentialsInner::new(info())
    }

    fn info() -> EndUserCredentialsInfo {
        EndUserCredentialsInfo {
            client_id: black_box(CLIENT_ID).into(),
            client_secret: black_box(CLIENT_SECRET).into(),
            refresh_token: black_box(PASSWORD).into(),
            client_type: "authorized_user".into(),
        }
    }

    pub fn exchange(provider: &impl TokenProvider, response: Response<Bytes>) -> Token {
        let request = provider.get_token(black_box(&["scope"])).expect("a request");
        let TokenOrRequest::Request { request, scope_hash, .. } = request else { unreachable!("an empty cache") };
        black_box(request);
        provider.parse_token_response(scope_hash, response).expect("a good response")
    }
}

/// As a careful user writes it: status, media type and an empty token are looked at.
pub mod by_hand {
    use super::*;

    #[derive(Serialize)]
    struct Owner<'a> {
        email: &'a str,
        password: &'a str,
        client_id: &'a str,
        client_secret: &'a str,
    }

    #[derive(Serialize)]
    struct Integrator<'a> {
        client_id: &'a str,
        client_secret: &'a str,
    }

    #[derive(Deserialize)]
    struct Answer {
        access_token: String,
    }

    pub fn user_request(url: &str) -> Request<Bytes> {
        let owner = Owner {
            email: black_box(EMAIL),
            password: black_box(PASSWORD),
            client_id: black_box(CLIENT_ID),
            client_secret: black_box(CLIENT_SECRET),
        };
        Request::post(black_box(url))
            .header("content-type", "application/json")
            .header("accept", "application/json")
            .header("x-api-key", black_box(API_KEY))
            .body(serde_json::to_vec(&owner).expect("plain texts"))
            .expect("a good request")
    }

    pub fn location_request(url: &str, user: &str) -> Request<Bytes> {
        let integrator = Integrator { client_id: black_box(CLIENT_ID), client_secret: black_box(CLIENT_SECRET) };
        Request::post(black_box(url))
            .header("content-type", "application/json")
            .header("accept", "application/json")
            .header("x-api-key", black_box(API_KEY))
            .header("authorization", format!("Bearer {user}"))
            .body(serde_json::to_vec(&integrator).expect("plain texts"))
            .expect("a good request")
    }

    pub fn token(headers: &HeaderMap, ok: bool, body: &[u8]) -> String {
        assert!(ok);
        let json = headers.get("content-type").and_then(|value| value.to_str().ok());
        assert!(json.is_some_and(|json| json.starts_with("application/json")));
        let answer: Answer = serde_json::from_slice(body).expect("good JSON");
        assert!(!answer.access_token.is_empty());
        answer.access_token
    }

    fn read(response: &Response<Bytes>) -> String {
        token(response.headers(), response.status().is_success(), response.body())
    }

    pub fn exchange(response: Response<Bytes>) -> String {
        black_box(user_request(USER_TOKEN_URL));
        read(&response)
    }

    pub fn whole_login(first: Response<Bytes>, second: Response<Bytes>) -> String {
        let user = exchange(first);
        black_box(location_request(LOCATION_TOKEN_URL, &user));
        read(&second)
    }

    /// The same by somebody who has measured: URI and headers are made once.
    pub struct Prepared {
        uri: Uri,
        headers: HeaderMap,
    }

    impl Prepared {
        pub fn new() -> Self {
            let (parts, _) = user_request(USER_TOKEN_URL).into_parts();
            Self { uri: parts.uri, headers: parts.headers }
        }

        pub fn exchange(&self, response: Response<Bytes>) -> String {
            let owner = Owner {
                email: black_box(EMAIL),
                password: black_box(PASSWORD),
                client_id: black_box(CLIENT_ID),
                client_secret: black_box(CLIENT_SECRET),
            };
            let mut request = Request::new(serde_json::to_vec(&owner).expect("plain texts"));
            *request.method_mut() = Method::POST;
            *request.uri_mut() = self.uri.clone();
            *request.headers_mut() = self.headers.clone();
            black_box(request);
            read(&response)
        }
    }
}
