//! The service that the sync meets: the emulator, and behind it pages of contacts and files.

use std::collections::BTreeMap;
use std::error::Error;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use http::{Method, Response, StatusCode};
use location_auth::emulator::{Access, Condition, Emulator};
use location_auth::{App, Environment, Settings};
use serde_json::json;

pub const EMAIL: &str = "owner@example.com";
pub const PASSWORD: &str = "hunter2";
/// The bytes of each file.
pub const FILE: usize = 1 << 20;

const LOCATIONS: usize = 30;
const PAGES: usize = 4;
const CONTACTS_OF_A_PAGE: usize = 25;

pub fn locations() -> impl Iterator<Item = String> {
    (0..LOCATIONS).map(|number| format!("loc-{number}"))
}

pub struct Service {
    pub app: App,
    pub base: String,
    state: Arc<Mutex<Behind>>,
}

struct Behind {
    emulator: Emulator,
    /// Answered with 200, by path and query.
    pages: BTreeMap<String, usize>,
    files: BTreeMap<String, usize>,
    uploads: usize,
    throttled: usize,
}

impl Service {
    pub fn start() -> Result<Self, Box<dyn Error>> {
        let mut emulator = Emulator::new("k-12", "c-34", "s-56");
        emulator.owner(EMAIL, PASSWORD);
        locations().for_each(|id| {
            emulator.location(&id, EMAIL);
        });
        emulator
            .add_route("/locations/{location_id}/contacts", Access::Location)
            .add_route("/locations/{location_id}/file", Access::Location);
        let behind = Behind { emulator, pages: BTreeMap::new(), files: BTreeMap::new(), uploads: 0, throttled: 0 };
        let state = Arc::new(Mutex::new(behind));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
        let listener = runtime.block_on(tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)))?;
        let base = format!("http://{}", listener.local_addr()?);
        let router = Router::new().fallback(answer).with_state(Arc::clone(&state));
        std::thread::spawn(move || runtime.block_on(async { axum::serve(listener, router).await }));
        let settings = Settings::new(Environment::Staging)
            .user_token_url(format!("{base}{}", Emulator::USER_TOKEN_PATH))
            .location_token_url(format!("{base}{}", Emulator::LOCATION_TOKEN_PATH))
            .api_key("k-12")
            .client_id("c-34")
            .client_secret("s-56");
        Ok(Self { app: App::new(settings)?, base, state })
    }

    /// What arrived, or an error where that is not each page and each file once.
    pub fn report(&self) -> Result<(), Box<dyn Error>> {
        let behind = self.state.lock().expect("no thread panics");
        let once = behind.pages.len() == LOCATIONS * PAGES && behind.pages.values().all(|times| *times == 1);
        let whole = behind.files.len() == LOCATIONS && behind.files.values().all(|bytes| *bytes == FILE);
        let counts = behind.emulator.counts();
        println!("{} pages, {} files of {FILE} bytes", behind.pages.len(), behind.files.len());
        println!(
            "{} call throttled, {} user login, {} exchanges",
            behind.throttled, counts.user_tokens, counts.location_tokens
        );
        if once && whole { Ok(()) } else { Err("not each page and each file arrived once".into()) }
    }
}

async fn answer(State(state): State<Arc<Mutex<Behind>>>, request: Request) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, usize::MAX).await.unwrap_or_default();
    state.lock().expect("no thread panics").answer(http::Request::from_parts(parts, body)).map(Body::from)
}

impl Behind {
    fn answer(&mut self, request: http::Request<axum::body::Bytes>) -> Response<Vec<u8>> {
        let target = request.uri().path_and_query().map(ToString::to_string).unwrap_or_default();
        let (is_upload, bytes) = (request.method() == Method::PUT, request.body().len());
        if is_upload {
            self.uploads += 1;
            // With this one, a third of them, the tokens of ten Locations are no longer taken, its own among them.
            if self.uploads == LOCATIONS / 3 {
                (self.uploads - 1..self.uploads + 9).for_each(|number| {
                    self.emulator.revoke_location(&format!("loc-{number}"));
                });
            }
        }
        let busy = target.ends_with("loc-20/contacts?page=2") && self.throttled == 0;
        self.emulator.set_condition(if busy { Condition::Throttling(Some(1)) } else { Condition::Up });
        let mut response = self.emulator.handle(request);
        self.throttled += usize::from(busy);
        if response.status() != StatusCode::OK {
            return response;
        }
        if is_upload {
            *self.files.entry(target).or_default() += bytes;
        } else if let Some((path, query)) = target.split_once("/contacts") {
            let page = query.strip_prefix("?page=").and_then(|page| page.parse().ok()).unwrap_or(1);
            let contacts = vec!["a name"; CONTACTS_OF_A_PAGE];
            let next = (page < PAGES).then(|| format!("{path}/contacts?page={}", page + 1));
            *response.body_mut() = json!({ "contacts": contacts, "next": next }).to_string().into_bytes();
            *self.pages.entry(format!("{path} {page}")).or_default() += 1;
        }
        response
    }
}
