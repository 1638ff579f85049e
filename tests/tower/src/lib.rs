//! The emulated service as an axum `Router`, and a client of it whose token was revoked.

#[path = "../../support/settings.rs"]
mod settings;

use std::convert::Infallible;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, to_bytes};
use http::{Request, Response};
use location_auth::emulator::{Access, Emulator};
use location_auth::transports::client::{AsyncClient, NoStore};
use location_auth::transports::{AsyncTransport, run};
use location_auth::{App, Bytes, Environment, Owner, Session, UserAccessToken};
use settings::{EMAIL, settings_at};

const PASSWORD: &str = "m4rk3r-word";

/// The service, which counts what comes.
pub struct TestService {
    base: String,
    pub emulator: Mutex<Emulator>,
    /// The calls, whatever they were answered with, and the bodies of those that arrived whole.
    pub calls: AtomicUsize,
    pub bodies: Mutex<Vec<Bytes>>,
    pub token_requests: AtomicUsize,
}

impl TestService {
    /// `base` is what its URLs start with.
    pub fn new(base: &str) -> Arc<Self> {
        let mut emulator = Emulator::new("m4rk3r-key", "m4rk3r-client", "m4rk3r-secret");
        emulator.owner(EMAIL, PASSWORD).location("loc-1", EMAIL);
        emulator.add_route("/locations/{location_id}/contacts", Access::Location);
        Arc::new(Self {
            base: base.into(),
            emulator: Mutex::new(emulator),
            calls: AtomicUsize::new(0),
            bodies: Mutex::default(),
            token_requests: AtomicUsize::new(0),
        })
    }

    pub fn router(self: &Arc<Self>) -> Router {
        let service = Arc::clone(self);
        Router::new().fallback(move |request: Request<Body>| {
            let service = Arc::clone(&service);
            async move {
                let (head, body) = request.into_parts();
                service.calls.fetch_add(1, SeqCst);
                let Ok(body) = to_bytes(body, usize::MAX).await else {
                    // It was cut on its way: a server sees no end of it.
                    return Response::builder().status(400).body(Body::empty()).expect("a valid response");
                };
                service.bodies.lock().unwrap().push(body.clone());
                service.handle(Request::from_parts(head, body)).map(Body::from)
            }
        })
    }

    pub fn handle(&self, request: Request<Bytes>) -> Response<Vec<u8>> {
        self.emulator.lock().unwrap().handle(request)
    }

    pub fn url(&self) -> String {
        format!("{}/locations/loc-1/contacts", self.base)
    }

    pub fn calls(&self) -> usize {
        self.calls.load(SeqCst)
    }

    pub fn token_requests(&self) -> usize {
        self.token_requests.load(SeqCst)
    }

    fn app(&self) -> App {
        let settings = settings_at(Environment::Staging, &self.base).api_key("m4rk3r-key");
        App::new(settings.client_id("m4rk3r-client").client_secret("m4rk3r-secret")).expect("good settings")
    }

    fn user_token(&self) -> UserAccessToken {
        let send = |request, _| Ok::<_, Infallible>(self.handle(request));
        run(self.app().user_login(EMAIL, PASSWORD).expect("good credentials"), &send).expect("logs in")
    }

    /// A session whose token has just been revoked.
    pub fn revoked_session(&self) -> Session {
        let send = |request, _| Ok::<_, Infallible>(self.handle(request));
        let app = self.app();
        let location = app.location("loc-1").expect("a good id");
        let token = run(location.exchange(&self.user_token()).expect("one environment"), &send).expect("exchanges");
        assert!(self.emulator.lock().unwrap().revoke(token.expose_secret()));
        Session::for_location(&app, token).expect("one environment")
    }

    pub fn session_without_a_token(&self) -> Session {
        self.app().location("loc-1").expect("a good id").session()
    }

    /// An owner who renews by a User Access Token.
    pub fn owner(&self) -> Owner {
        let mut owner = Owner::new(&self.app());
        owner.set_user_token(self.user_token()).expect("one environment");
        owner
    }

    /// An owner who can't renew.
    pub fn helpless_owner(&self) -> Owner {
        Owner::new(&self.app())
    }

    /// A client whose token was revoked and whose owner can renew it.
    pub fn client(self: &Arc<Self>) -> AsyncClient<TokenLine> {
        AsyncClient::with_owner(self.revoked_session(), self.owner(), TokenLine(Arc::clone(self)), NoStore)
    }
}

/// Carries token requests to the service, in memory.
pub struct TokenLine(pub Arc<TestService>);

impl AsyncTransport for TokenLine {
    type Error = Infallible;

    async fn send(&self, request: Request<Bytes>, _: usize) -> Result<Response<Vec<u8>>, Infallible> {
        self.0.token_requests.fetch_add(1, SeqCst);
        // Whoever waits for a token has met a 401 by then.
        for _ in 0..10 {
            tokio::task::yield_now().await;
        }
        Ok(self.0.handle(request))
    }
}
