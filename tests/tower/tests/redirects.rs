//! A redirect layer below and above the token layer: no credential reaches another origin.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::sync::{Arc, Mutex};

use http::{Request, Response, StatusCode};
use http_body_util::Full;
use location_auth::transports::client::{AsyncClient, CallError, tower::ServiceError};
use location_auth::{Bytes, Misuse};
use over_tower::{TestService, TokenLine};
use tower::{Service, ServiceBuilder, ServiceExt, service_fn};
use tower_http::follow_redirect::FollowRedirectLayer;
use tower_http::follow_redirect::policy::{And, FilterCredentials, Limited, PolicyExt, SameOrigin};

/// Follows redirects within an origin alone: a request to another one would carry `x-api-key`. There the caller gets the redirect itself.
fn within_the_origin<B, E>() -> FollowRedirectLayer<And<SameOrigin, Limited>> {
    FollowRedirectLayer::with_policy(SameOrigin::new().and::<_, B, E>(Limited::default()))
}

/// What came, and which of its credentials: `k` the API Key, `t` the token.
type Seen = Arc<Mutex<Vec<(String, String)>>>;
type Answer = Ready<Result<Response<Full<Bytes>>, Infallible>>;

/// Answers for all hosts: each request but the last is redirected to the next of these.
fn hops(
    to: &'static [&'static str],
    seen: Seen,
) -> impl Service<Request<Full<Bytes>>, Response = Response<Full<Bytes>>, Error = Infallible, Future = Answer> + Clone {
    service_fn(move |request: Request<Full<Bytes>>| {
        let has = |name, mark| if request.headers().contains_key(name) { mark } else { "" };
        let credentials = format!("{}{}", has("x-api-key", "k"), has("authorization", "t"));
        let mut seen = seen.lock().unwrap();
        let response = match to.get(seen.len()) {
            Some(next) => Response::builder().status(307).header("location", *next),
            None => Response::builder(),
        };
        seen.push((request.uri().to_string(), credentials));
        ready(Ok(response.body(Full::default()).unwrap()))
    })
}

fn client(api: &Arc<TestService>) -> AsyncClient<TokenLine> {
    AsyncClient::new(api.revoked_session(), TokenLine(Arc::clone(api)))
}

fn call() -> Request<Full<Bytes>> {
    Request::get(format!("{BASE}/1")).body(Full::default()).unwrap()
}

const BASE: &str = "https://api.example.com";

/// From `/1` of the service to elsewhere, and how many of the requests are to the service.
const AWAY: [(&[&str], usize); 8] = [
    (&["https://elsewhere.example.net/2"], 1),
    (&["//elsewhere.example.net/2"], 1),
    (&["https://api.example.com:8443/2"], 1),
    (&["http://api.example.com/2"], 1),
    (&["https://api.example.com@elsewhere.example.net/2"], 1),
    (&["https://api.example.com.elsewhere.example.net/2"], 1),
    (&["/2", "https://elsewhere.example.net/3"], 2),
    // A second hop within the other origin: there tower-http's own policy sends `Authorization`, too.
    (&["https://elsewhere.example.net/2", "/3"], 1),
];

#[tokio::test]
async fn below_the_layer_a_redirect_is_followed_within_its_origin_alone() {
    let api = TestService::new(BASE);
    for (to, own) in AWAY {
        let seen = Seen::default();
        let layers =
            ServiceBuilder::new().layer(client(&api).layer()).layer(within_the_origin::<Full<Bytes>, Infallible>());
        let response = layers.service(hops(to, Arc::clone(&seen))).oneshot(call()).await.unwrap();
        assert_eq!(response.status(), StatusCode::TEMPORARY_REDIRECT, "{to:?}");
        let seen = seen.lock().unwrap();
        assert_eq!(seen.len(), own, "{seen:?}");
        assert!(seen.iter().all(|(url, with)| url.starts_with("https://api.example.com/") && with == "kt"), "{seen:?}");
    }
    let seen = Seen::default();
    let layers =
        ServiceBuilder::new().layer(client(&api).layer()).layer(within_the_origin::<Full<Bytes>, Infallible>());
    let response =
        layers.service(hops(&["/2", "https://api.example.com:443/3"], Arc::clone(&seen))).oneshot(call()).await;
    assert_eq!((response.unwrap().status().as_u16(), seen.lock().unwrap().len()), (200, 3));
}

#[tokio::test]
async fn above_the_layer_each_hop_is_authorized_or_refused() {
    let api = TestService::new(BASE);
    for (to, own) in AWAY {
        let seen = Seen::default();
        let layers = ServiceBuilder::new().layer(FollowRedirectLayer::new()).layer(client(&api).layer());
        let result: Result<_, CallError<ServiceError, ()>> =
            layers.service(hops(to, Arc::clone(&seen))).oneshot(call()).await;
        assert!(matches!(result, Err(CallError::Misuse(Misuse::OriginNotAllowed))), "{to:?}: {result:?}");
        assert_eq!(seen.lock().unwrap().len(), own, "{to:?}");
    }
    let seen = Seen::default();
    let layers = ServiceBuilder::new().layer(FollowRedirectLayer::new()).layer(client(&api).layer());
    let response = layers.service(hops(&["/2"], Arc::clone(&seen))).oneshot(call()).await.unwrap();
    assert_eq!((response.status().as_u16(), seen.lock().unwrap().len()), (200, 2));
}

/// Why the page warns. If this fails, `tower-http` has learnt of other headers: change the page.
#[tokio::test]
async fn tower_https_own_policy_below_the_layer_sends_the_api_key_elsewhere() {
    let api = TestService::new(BASE);
    for (to, own) in AWAY {
        let seen = Seen::default();
        let layers = ServiceBuilder::new().layer(client(&api).layer()).layer(FollowRedirectLayer::new());
        layers.service(hops(to, Arc::clone(&seen))).oneshot(call()).await.unwrap();
        let last = seen.lock().unwrap().last().cloned().unwrap();
        assert!(!last.0.starts_with("https://api.example.com/") && last.1.contains('k'), "{to:?}: {last:?}");
        let within_the_other = seen.lock().unwrap().len() - own == 2;
        assert_eq!(last.1 == "kt", within_the_other, "{to:?}: {last:?}");
    }
    let (seen, remove_all) = (Seen::default(), FilterCredentials::new().remove_all());
    let layers = ServiceBuilder::new().layer(client(&api).layer()).layer(FollowRedirectLayer::with_policy(remove_all));
    let hops = hops(&["https://elsewhere.example.net/2", "/3"], Arc::clone(&seen));
    layers.service(hops).oneshot(call()).await.unwrap();
    let with: Vec<_> = seen.lock().unwrap().iter().map(|(_, with)| with.clone()).collect();
    assert_eq!(with, ["kt", "", "kt"]);
}
