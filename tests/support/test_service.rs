//! An emulated service with one Location whose token can be revoked, and what its callers need.
#![allow(dead_code)]

pub mod settings;

use std::sync::Mutex;

use http::{Request, Response};
use location_auth::emulator::{Access, Emulator};
use location_auth::{App, Bytes, Flow, LocationAccessToken, Owner, Progress, Session, UserAccessToken, UserLogin};
use settings::{API_KEY, CLIENT_ID, CLIENT_SECRET};

pub use settings::{EMAIL, PASSWORD};

pub struct TestService {
    pub app: App,
    pub emulator: Mutex<Emulator>,
}

impl TestService {
    pub fn new() -> Self {
        let mut emulator = Emulator::new(API_KEY, CLIENT_ID, CLIENT_SECRET);
        emulator.owner(EMAIL, PASSWORD).location("loc-1", EMAIL).location("loc-2", EMAIL);
        emulator
            .add_route("/locations/{location_id}/contacts", Access::Location)
            .add_route("/open", Access::ApiKeyOnly);
        Self { app: App::new(settings::settings()).unwrap(), emulator: Mutex::new(emulator) }
    }

    pub fn handle(&self, request: Request<Bytes>) -> Response<Vec<u8>> {
        self.emulator.lock().unwrap().handle(request)
    }

    pub fn login(&self, password: &str) -> UserLogin {
        self.app.user_login(EMAIL, password).unwrap()
    }

    /// An owner who renews by logging in.
    pub fn owner(&self, password: &str) -> Owner {
        let mut owner = Owner::new(&self.app);
        owner.set_login(self.login(password)).unwrap();
        owner
    }

    pub fn user_token(&self) -> UserAccessToken {
        self.run(self.login(PASSWORD))
    }

    pub fn token(&self) -> LocationAccessToken {
        self.token_of("loc-1", &self.user_token())
    }

    pub fn token_of(&self, location: &str, user: &UserAccessToken) -> LocationAccessToken {
        self.run(self.app.location(location).unwrap().exchange(user).unwrap())
    }

    fn run<F: Flow>(&self, mut flow: F) -> F::Output {
        loop {
            let response = self.handle(flow.request());
            match flow.receive(&response).map_err(|failed| failed.error).unwrap() {
                Progress::Next(next) => flow = next,
                Progress::Done(token) => return token,
            }
        }
    }

    /// The owner's User Access Tokens and the tokens of both Locations.
    pub fn revoke_all(&self) {
        let mut emulator = self.emulator.lock().unwrap();
        emulator.revoke_owner(EMAIL);
        emulator.revoke_location("loc-1");
        emulator.revoke_location("loc-2");
    }

    pub fn revoke(&self, token: &str) {
        assert!(self.emulator.lock().unwrap().revoke(token));
    }

    /// A session whose token has just been revoked.
    pub fn revoked_session(&self) -> Session {
        let token = self.token();
        self.revoke(token.expose_secret());
        Session::for_location(&self.app, token).unwrap()
    }

    pub fn session(&self) -> Session {
        Session::for_location(&self.app, self.token()).unwrap()
    }

    pub fn session_without_a_token(&self) -> Session {
        self.app.location("loc-1").unwrap().session()
    }

    /// User and Location Access Tokens issued so far.
    pub fn issued(&self) -> (u64, u64) {
        let counts = self.emulator.lock().unwrap().counts();
        (counts.user_tokens, counts.location_tokens)
    }

    pub fn calls_answered(&self) -> u64 {
        self.emulator.lock().unwrap().counts().calls
    }
}

pub const CONTACTS: &str = "https://api.example.com/locations/loc-1/contacts";

/// A call that says who makes it, so that each can be followed.
pub fn call(caller: usize) -> Request<Bytes> {
    Request::post(CONTACTS).header("x-caller", caller).body(Bytes::from_static(b"the body")).unwrap()
}

/// Who makes the call; `None` for a token request.
pub fn caller(request: &Request<Bytes>) -> Option<usize> {
    request.headers().get("x-caller")?.to_str().ok()?.parse().ok()
}

pub fn is_login(request: &Request<Bytes>) -> bool {
    request.uri().path().ends_with("token")
}
