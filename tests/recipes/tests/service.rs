//! The web service's tests: no network, no port, no clock. Requests go into the router by tower's `oneshot`, and the emulated service is the
//! transport.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Body;
use axum::http::{Request, StatusCode};
use http_body_util::BodyExt;
use location_auth::emulator::{Access, Condition, Emulator};
use location_auth::transports::{AsyncTransport, SendError, SharedTransport, is_token_request, run};
use location_auth::{App, Bytes, Environment, SavedToken, Settings};
use recipes::service::{Database, SavedOwner, router};
use tower::ServiceExt;

const BASE: &str = "https://api.example.com";
const OWNERS: [(&str, &[&str]); 2] = [("ann@example.com", &["loc-1", "loc-2"]), ("bob@example.com", &["loc-3"])];

/// The routes, the emulated service behind them, and the database.
struct TestService {
    router: Router,
    emulator: Arc<Mutex<Emulator>>,
    database: Database,
    /// While somebody has it, token requests wait.
    slow: Arc<tokio::sync::Mutex<()>>,
}

impl TestService {
    fn new() -> Self {
        Self::with_secret("s-56")
    }

    /// With this Client Secret in the program's settings.
    fn with_secret(client_secret: &str) -> Self {
        let mut emulator = Emulator::new("k-12", "c-34", "s-56");
        emulator.add_route("/locations/{location_id}/contacts", Access::Location);
        for (email, locations) in OWNERS {
            emulator.owner(email, "hunter2");
            for id in locations {
                emulator.location(id, email);
            }
        }
        let emulator = Arc::new(Mutex::new(emulator));
        let (database, slow) = (Database::default(), Arc::default());
        let saved = OWNERS.map(|(email, locations)| saved(&app("s-56"), &emulator, email, locations));
        let router =
            router(app(client_secret), BASE, transport(&emulator, &slow), database.clone(), saved.into()).unwrap();
        Self { router, emulator, database, slow }
    }

    fn emulator(&self) -> std::sync::MutexGuard<'_, Emulator> {
        self.emulator.lock().unwrap()
    }

    /// Sends one request into the router: the answer's status and body.
    async fn send(&self, request: Request<Body>) -> (StatusCode, String) {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let status = response.status();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        (status, String::from_utf8(body.to_vec()).unwrap())
    }

    async fn get(&self, path: &str) -> (StatusCode, String) {
        self.send(Request::get(path).body(Body::empty()).unwrap()).await
    }

    async fn log_in(&self, form: impl Into<Body>) -> (StatusCode, String) {
        let form_type = "application/x-www-form-urlencoded";
        self.send(Request::post("/login").header("content-type", form_type).body(form.into()).unwrap()).await
    }

    /// The owner's own token and those of all her Locations.
    fn revoke_anns_tokens(&self) {
        let mut emulator = self.emulator();
        emulator.revoke_owner("ann@example.com");
        emulator.revoke_location("loc-1");
        emulator.revoke_location("loc-2");
    }
}

fn app(client_secret: &str) -> App {
    let settings = Settings::new(Environment::Staging)
        .user_token_url(format!("{BASE}{}", Emulator::USER_TOKEN_PATH))
        .location_token_url(format!("{BASE}{}", Emulator::LOCATION_TOKEN_PATH))
        .api_key("k-12")
        .client_id("c-34")
        .client_secret(client_secret);
    App::new(settings).unwrap()
}

/// The emulated service as the transport.
fn transport(emulator: &Arc<Mutex<Emulator>>, slow: &Arc<tokio::sync::Mutex<()>>) -> SharedTransport<SendError> {
    let (emulator, slow) = (Arc::clone(emulator), Arc::clone(slow));
    let transport = move |request: Request<Bytes>, _limit: usize| {
        let (emulator, slow) = (Arc::clone(&emulator), Arc::clone(&slow));
        async move {
            if is_token_request(&request) {
                drop(slow.lock().await);
            }
            Ok(emulator.lock().unwrap().handle(request))
        }
    };
    SharedTransport::new(transport, |transport, request, limit| async move { transport.send(request, limit).await })
}

/// What an earlier run of the program has saved of an owner.
fn saved(app: &App, emulator: &Mutex<Emulator>, email: &str, locations: &[&str]) -> SavedOwner {
    let carry = |request, _limit| Ok::<_, SendError>(emulator.lock().unwrap().handle(request));
    let user = run(app.user_login(email, "hunter2").unwrap(), &carry).unwrap();
    let exchange = |id: &&str| run(app.location(id).unwrap().exchange(&user).unwrap(), &carry).unwrap();
    let locations = locations.iter().map(|id| SavedToken::from(&exchange(id))).collect();
    SavedOwner { email: email.into(), token: SavedToken::from(&user), locations }
}

fn block_on<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

const WELL: &str = r#"{"log_in_again":[]}"#;

#[test]
fn a_locations_contacts_are_answered_with_its_own_token() {
    let service = TestService::new();
    let (status, body) = block_on(service.get("/locations/loc-3/contacts"));
    assert_eq!((status, body.as_str()), (StatusCode::OK, r#"{"location":"loc-3","owner":"bob@example.com"}"#));
    assert_eq!(block_on(service.get("/locations/loc-4/contacts")).0, StatusCode::NOT_FOUND);
}

#[test]
fn a_revoked_token_is_renewed_and_nobody_has_to_log_in() {
    let service = TestService::new();
    service.emulator().revoke_location("loc-1");
    assert_eq!(block_on(service.get("/locations/loc-1/contacts")).0, StatusCode::OK);
    assert_eq!(block_on(service.get("/health")), (StatusCode::OK, WELL.into()));
    let saved = service.database.tokens();
    assert_eq!(saved.iter().map(|token| token.location().unwrap().as_str()).collect::<Vec<_>>(), ["loc-1"]);
}

#[test]
fn the_health_route_names_the_locations_whose_owner_has_to_log_in_again_and_no_others() {
    let service = TestService::new();
    assert_eq!(block_on(service.get("/health")), (StatusCode::OK, WELL.into()));
    service.revoke_anns_tokens();
    for id in ["loc-1", "loc-2", "loc-3"] {
        let expected = if id == "loc-3" { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
        assert_eq!(block_on(service.get(&format!("/locations/{id}/contacts"))).0, expected, "{id}");
    }
    assert_eq!(block_on(service.get("/health")).1, r#"{"log_in_again":["loc-1","loc-2"]}"#);
}

#[test]
fn an_owners_login_by_the_form_restores_all_her_locations() {
    let service = TestService::new();
    service.revoke_anns_tokens();
    block_on(async {
        service.get("/locations/loc-1/contacts").await;
        let form = "email=ann%40example.com&password=hunter2";
        assert_eq!(service.log_in(form).await, (StatusCode::OK, "logged in".into()));
        for id in ["loc-1", "loc-2"] {
            assert_eq!(service.get(&format!("/locations/{id}/contacts")).await.0, StatusCode::OK, "{id}");
        }
        assert_eq!(service.get("/health").await.1, WELL);
    });
    // Hers and one of each Location.
    assert_eq!(service.database.tokens().len(), 3);
}

#[test]
fn a_login_that_fails_changes_nothing_and_the_form_says_whose_turn_it_is() {
    let down = Condition::Down(Some(30));
    let ours = (StatusCode::INTERNAL_SERVER_ERROR, "not logged in: the fault is ours".into());
    let later = (StatusCode::SERVICE_UNAVAILABLE, "not logged in: try again later".into());
    for (password, client_secret, condition, expected) in [
        ("wrong", "s-56", Condition::Up, wrong_password()),
        ("hunter2", "of-last-year", Condition::Up, ours),
        ("hunter2", "s-56", down, later.clone()),
        ("hunter2", "s-56", Condition::Throttling(None), later),
    ] {
        let service = TestService::with_secret(client_secret);
        service.revoke_anns_tokens();
        let before = service.emulator().counts().requests;
        service.emulator().set_condition(condition);
        let answer = block_on(service.log_in(format!("email=ann%40example.com&password={password}")));
        assert_eq!(answer, expected, "{password}, {client_secret}, {condition:?}");
        assert_eq!(service.emulator().counts().requests, before + 1, "it is not repeated");
        assert!(service.database.tokens().is_empty());
    }
}

fn wrong_password() -> (StatusCode, String) {
    (StatusCode::UNAUTHORIZED, "not logged in: check the email and the password".into())
}

#[test]
fn a_strangers_password_is_not_forwarded() {
    let service = TestService::new();
    let before = service.emulator().counts().requests;
    let answer = block_on(service.log_in("email=eve%40example.com&password=hunter2"));
    assert_eq!(answer, wrong_password());
    assert_eq!(service.emulator().counts().requests, before);
}

#[test]
fn a_service_that_is_down_is_no_reason_to_log_in_again() {
    let service = TestService::new();
    service.emulator().set_condition(Condition::Down(Some(30)));
    assert_eq!(block_on(service.get("/locations/loc-1/contacts")).0, StatusCode::BAD_GATEWAY);
    assert_eq!(block_on(service.get("/health")).1, WELL);
}

#[test]
fn visitors_who_leave_while_a_token_is_renewed_cost_nothing() {
    let service = Arc::new(TestService::new());
    service.emulator().revoke_location("loc-1");
    let before = service.emulator().counts().location_tokens;
    block_on(async {
        let slow = service.slow.lock().await;
        for _ in 0..2 {
            let at = Arc::clone(&service);
            let visitor = tokio::spawn(async move { at.get("/locations/loc-1/contacts").await });
            for _ in 0..20 {
                tokio::task::yield_now().await;
            }
            visitor.abort();
            assert!(visitor.await.unwrap_err().is_cancelled(), "the token is on its way");
        }
        drop(slow);
        assert_eq!(service.get("/locations/loc-1/contacts").await.0, StatusCode::OK);
    });
    assert_eq!(service.emulator().counts().location_tokens - before, 1);
    assert_eq!(service.database.tokens().len(), 1);
}
