//! The emulated service behind HTTP, with a port for each start of a process. It looks at the store when a token request arrives, and keeps a list of
//! them all.

use std::collections::HashSet;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use http::{Request, Response};
use location_auth::emulator::{Access, Emulator};
use serde_json::Value;
use tokio::net::TcpListener;

use crate::child::{API_KEY, CLIENT_ID, CLIENT_SECRET, EMAIL, LOCATIONS, PASSWORD};

/// The text of a record, by the store's own means and without a turn.
pub type Read = Box<dyn Fn(String) -> Pin<Box<dyn Future<Output = Option<String>> + Send>> + Send + Sync>;

pub struct Service {
    read: Read,
    state: Mutex<State>,
}

pub struct State {
    pub emulator: Emulator,
    pub requests: Vec<TokenRequest>,
    /// Which process was answered for which Location.
    pub served: HashSet<(usize, String)>,
}

/// A token request, as the service sees it.
pub struct TokenRequest {
    pub key: String,
    /// Which start of a process it is of.
    pub start: usize,
    /// What the record said when it arrived.
    pub found: Option<Found>,
    pub issued: Option<String>,
    /// The response has left.
    pub is_answered: bool,
}

#[derive(Debug)]
pub struct Found {
    pub token: Option<String>,
    pub requests: u64,
    pub last: u64,
}

impl Found {
    fn new(record: &str) -> Self {
        let record: Value = serde_json::from_str(record).unwrap();
        let number = |name: &str| record[name].as_u64().unwrap_or(0);
        let token = record["access_token"].as_str().map(String::from);
        Self { token, requests: number("requests"), last: number("last") }
    }
}

impl Service {
    pub fn new(read: Read) -> Arc<Self> {
        let mut emulator = Emulator::new(API_KEY, CLIENT_ID, CLIENT_SECRET);
        emulator.owner(EMAIL, PASSWORD).add_route("/locations/{location_id}/contacts", Access::Location);
        for n in 0..LOCATIONS {
            emulator.location(&format!("loc-{n}"), EMAIL);
        }
        Arc::new(Self { read, state: Mutex::new(State { emulator, requests: vec![], served: HashSet::new() }) })
    }

    /// Listens for one start of a process, and returns the URL.
    pub async fn listen(self: Arc<Self>, process: usize, start: usize) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        // What has arrived is done, also if the process is gone.
        let answer = move |request| {
            let service = Arc::clone(&self);
            async move { tokio::spawn(service.answer(process, start, request)).await.unwrap() }
        };
        tokio::spawn(async move { axum::serve(listener, Router::new().fallback(answer)).await });
        base
    }

    pub fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    pub async fn found(&self, key: &str) -> Option<Found> {
        (self.read)(key.into()).await.map(|record| Found::new(&record))
    }

    async fn answer(self: Arc<Self>, process: usize, start: usize, request: Request<Body>) -> Response<Body> {
        let (parts, body) = request.into_parts();
        let request = Request::from_parts(parts, to_bytes(body, usize::MAX).await.unwrap_or_default());
        let path = request.uri().path().to_owned();
        let location = path.split('/').nth(2).unwrap_or_default().to_owned();
        let key = match (&*path, path.ends_with("/token")) {
            (Emulator::USER_TOKEN_PATH, _) => "staging/owner".to_owned(),
            (_, true) => format!("staging/location/{location}"),
            _ => {
                let mut state = self.state();
                let response = state.emulator.handle(request);
                if response.status() == 200 {
                    state.served.insert((process, location));
                }
                return response.map(Into::into);
            }
        };
        let found = self.found(&key).await;
        let number = {
            let mut state = self.state();
            state.requests.push(TokenRequest { key, start, found, issued: None, is_answered: false });
            state.requests.len() - 1
        };
        // As far away as a service of another machine.
        tokio::time::sleep(ON_THE_WAY).await;
        let response = {
            let mut state = self.state();
            let response = state.emulator.handle(request);
            let body: Value = serde_json::from_slice(response.body()).unwrap();
            state.requests[number].issued = body["access_token"].as_str().map(String::from);
            response
        };
        tokio::time::sleep(ON_THE_WAY).await;
        self.state().requests[number].is_answered = true;
        response.map(Into::into)
    }
}

const ON_THE_WAY: Duration = Duration::from_millis(150);
