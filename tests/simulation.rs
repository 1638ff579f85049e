//! A deterministic simulation: logins and calls of several Locations against the emulated service of either environment, over a network that
//! refuses, loses, doubles, delays, cuts and forges, under a virtual clock. A seed that fails says so, and does the same again.
//!
//! `SIMULATION_SEED=17 cargo test --all-features --test simulation` runs one seed.
#![cfg(all(feature = "client", feature = "testing"))]

#[path = "support/over.rs"]
mod over;
#[path = "support/settings.rs"]
mod settings;

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::error::Error;
use std::future::Future;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::{Method, Request, Response};
use location_auth::emulator::{Access, Condition, Emulator};
use location_auth::store::{Record, RecordKey, Stored};
use location_auth::testing::{self, NetworkFault};
use location_auth::transports::client::{AsyncClient, AsyncTokenStore, CallError, StoreError};
use location_auth::transports::{AsyncTransport, SendError, Transport, run_async, run_async_with_retries};
use location_auth::{
    App, Backoff, Bytes, Delivery, Environment, Flow, LocationAccessToken, LocationLogin, Misuse, Owner, Retry,
    SavedToken, Session, Step, TokenErrorKind, UserLogin,
};
use over::{OVER, Over};

const LOCATIONS: usize = 4;
const CALLERS: usize = 5;
const CALLS: usize = 8;
const LOGINS: usize = 8;
const TRIES: u32 = 3;
/// All callers of a seed are through within some pauses of virtual time.
const LONG_ENOUGH: Duration = Duration::from_secs(10 * 60 * 60);
const HOUR: Duration = Duration::from_secs(60 * 60);

const CLIENT_ID: &str = "m4rk3r-client";
const CLIENT_SECRET: &str = "m4rk3r-secret";
const PASSWORD: &str = "m4rk3r-word";

/// Every other Location is one of Production.
fn environment(location: usize) -> Environment {
    [Environment::Staging, Environment::Production][location % 2]
}

fn host(environment: Environment) -> &'static str {
    match environment {
        Environment::Staging => "staging.example.com",
        Environment::Production => "api.example.com",
    }
}

fn api_key(environment: Environment) -> &'static str {
    match environment {
        Environment::Staging => "m4rk3r-staging-key",
        Environment::Production => "m4rk3r-production-key",
    }
}

fn app(environment: Environment) -> App {
    let settings = settings::settings_at(environment, &format!("https://{}", host(environment)));
    App::new(settings.api_key(api_key(environment)).client_id(CLIENT_ID).client_secret(CLIENT_SECRET)).unwrap()
}

/// All Locations of an environment have one owner.
fn email(environment: Environment) -> String {
    format!("m4rk3r-{environment}@example.com")
}

fn user_login(environment: Environment) -> UserLogin {
    app(environment).user_login(&email(environment), PASSWORD).unwrap()
}

fn login(location: usize) -> LocationLogin {
    let environment = environment(location);
    app(environment).location(&location.to_string()).unwrap().login(&email(environment), PASSWORD).unwrap()
}

fn service(environment: Environment) -> (&'static str, Emulator) {
    let mut emulator = Emulator::new(api_key(environment), CLIENT_ID, CLIENT_SECRET);
    emulator.owner(&email(environment), PASSWORD);
    for location in (0..LOCATIONS).filter(|location| self::environment(*location) == environment) {
        emulator.location(&location.to_string(), &email(environment));
    }
    emulator.add_route("/locations/{location_id}/contacts", Access::Location);
    (host(environment), emulator)
}

/// The services of both environments, and what they issued to clients.
#[derive(Default)]
struct Services(Mutex<Issuers>);

#[derive(Default)]
struct Issuers {
    /// By host.
    services: BTreeMap<&'static str, Emulator>,
    /// How often each request of a client arrived, and the tokens that were issued for it.
    arrived: BTreeMap<String, (usize, Vec<String>)>,
    /// How many events of each kind the services had.
    interventions: BTreeMap<&'static str, u64>,
}

/// Numbers the requests of clients.
const NUMBER: &str = "x-number";

type Network = testing::Network<Arc<Services>>;

impl Transport for Services {
    type Error = Infallible;

    fn send(&self, request: Request<Bytes>, _: usize) -> Result<Response<Vec<u8>>, Infallible> {
        let issuers = &mut *self.0.lock().unwrap();
        let service = issuers.services.get_mut(request.uri().host().unwrap()).expect("a host of a service");
        let number = request.headers().get(NUMBER).map(|number| number.to_str().unwrap().to_owned());
        let response = service.handle(request);
        if let Some(number) = number {
            let (times, tokens) = issuers.arrived.entry(number).or_default();
            *times += 1;
            tokens.extend(token(&response));
        }
        Ok(response)
    }
}

/// The token that a service's response holds.
fn token(response: &Response<Vec<u8>>) -> Option<String> {
    let body: serde_json::Value = serde_json::from_slice(response.body()).ok()?;
    Some(body.get("access_token")?.as_str()?.to_owned())
}

/// What happens to the services while `calls` are under way: Locations are revoked, the services throttle, go down and come up again.
async fn trouble(network: &Network, services: &Services, calls: &Cell<usize>) {
    while calls.get() > 0 {
        assert!(network.now() < LONG_ENOUGH, "{} of the callers wait for what never happens", calls.get());
        network.sleep(Duration::from_millis(300 + network.random_below(1500) as u64)).await;
        let wait = Some(network.random_below(10) as u32).filter(|wait| *wait > 0);
        match network.random_below(5) {
            0 | 1 => services.revoke(network.random_below(LOCATIONS)),
            2 => services.set_condition(Condition::Throttling(wait), Some("Throttled")),
            3 => services.set_condition(Condition::Down(wait), Some("Down")),
            _ => services.set_condition(Condition::Up, None),
        }
    }
}

impl Services {
    fn new() -> Arc<Self> {
        let services = [Environment::Staging, Environment::Production].map(service).into();
        Arc::new(Self(Mutex::new(Issuers { services, ..Issuers::default() })))
    }

    fn revoke(&self, location: usize) {
        let issuers = &mut *self.0.lock().unwrap();
        let revoke = |service: &mut Emulator| service.revoke_location(&location.to_string());
        if issuers.services.values_mut().map(revoke).sum::<usize>() > 0 {
            *issuers.interventions.entry("Revoked").or_default() += 1;
        }
    }

    fn set_condition(&self, condition: Condition, name: Option<&'static str>) {
        let issuers = &mut *self.0.lock().unwrap();
        issuers.services.values_mut().for_each(|service| service.set_condition(condition));
        name.into_iter().for_each(|name| *issuers.interventions.entry(name).or_default() += 1);
    }
}

/// One owner's way to the service, and its store: watches what its clients do.
#[derive(Clone)]
struct Wire {
    network: Network,
    environment: Environment,
    watch: Rc<Watch>,
}

#[derive(Default)]
struct Watch {
    /// The Locations a call of which was answered with 401 since their last new token.
    rejected: RefCell<BTreeSet<String>>,
    /// Whose token request is on its way: a Location's, or the owner's.
    under_way: RefCell<BTreeSet<String>>,
    /// The token requests of each of these since a token has helped.
    counted: RefCell<BTreeMap<String, Counted>>,
    /// How often a caller met a pause, and how many requests were sent after one.
    paused: Cell<u64>,
    sent_after_pause: Cell<u64>,
    received: RefCell<BTreeSet<String>>,
    stored: RefCell<BTreeSet<String>>,
    sent: Cell<u64>,
    /// How many token requests have got no response that they waited for.
    without_response: Cell<u64>,
}

/// The token requests that may have been acted on, since a token has helped.
#[derive(Clone, Copy, Default)]
struct Counted {
    requests: u32,
    first: Option<Duration>,
    /// How often the program has tried again.
    tried: u32,
    /// How often a token has helped before.
    helped: u32,
}

impl Counted {
    /// So many may have been sent by now: two at once, one for each pause that has ended, one for each time that the program tries again.
    fn allowed(self, now: Duration) -> u32 {
        let since = now - self.first.unwrap_or(now);
        let pauses = [1, 2, 4, 8, 16, 32].into_iter().chain(std::iter::repeat(60));
        let ends = pauses.scan(0, |end, minutes| {
            *end += minutes * 60;
            Some(Duration::from_secs(*end))
        });
        2 + self.tried + ends.take_while(|end| *end <= since).count() as u32
    }

    fn helped(&mut self) {
        *self = Self { helped: self.helped + 1, ..Self::default() };
    }
}

impl Wire {
    fn new(network: &Network, environment: Environment) -> Self {
        Self { network: network.clone(), environment, watch: Rc::default() }
    }

    /// Before the request is sent.
    fn check(&self, request: &Request<Bytes>, whose: &str, is_call: bool) {
        let watch = &self.watch;
        let uri = request.uri();
        assert_eq!((uri.scheme_str(), uri.host(), uri.port()), (Some("https"), Some(host(self.environment)), None));
        assert_eq!(request.headers()["x-api-key"], api_key(self.environment));
        if is_call {
            let bearer = request.headers()["authorization"].to_str().unwrap().strip_prefix("Bearer ").unwrap();
            assert!(watch.stored.borrow().contains(bearer), "a token is used that is not in the store");
            return;
        }
        let needed =
            if whose == OWNER { !watch.rejected.borrow().is_empty() } else { watch.rejected.borrow().contains(whose) };
        assert!(needed, "a token request that was not needed: {whose}");
        assert!(watch.under_way.borrow_mut().insert(whose.to_owned()), "two token requests at once: {whose}");
        let (counted, now) = (self.counted(whose), self.network.now());
        assert!(counted.requests < counted.allowed(now), "a request before the pause has ended: {whose}");
        watch.sent_after_pause.set(watch.sent_after_pause.get() + u64::from(counted.requests >= 2 + counted.tried));
    }

    fn counted(&self, whose: &str) -> Counted {
        self.watch.counted.borrow().get(whose).copied().unwrap_or_default()
    }

    /// `before` is what was counted when the request was sent, at the time `sent`.
    fn note(
        &self,
        answer: &Result<Response<Vec<u8>>, SendError>,
        whose: &str,
        is_call: bool,
        (before, sent): (Counted, Duration),
    ) {
        let watch = &self.watch;
        let helped = |whose: &str| watch.counted.borrow_mut().entry(whose.to_owned()).or_default().helped();
        let status = answer.as_ref().map_or(0, |response| response.status().as_u16());
        if is_call {
            match status {
                401 => _ = watch.rejected.borrow_mut().insert(whose.to_owned()),
                200..=299 => helped(whose),
                _ => {}
            }
            return;
        }
        watch.under_way.borrow_mut().remove(whose);
        let token = answer.as_ref().ok().filter(|_| status == 200).and_then(token);
        let token = token.filter(|token| !token.contains("forged"));
        let may_be_lost = answer.as_ref().is_err_and(|error| error.delivery() == Delivery::Unknown);
        watch.without_response.set(watch.without_response.get() + u64::from(may_be_lost));
        let counts = match answer {
            Ok(response) if matches!(status, 429 | 503) => !response.headers().contains_key("retry-after"),
            // Of the User Access Token: it creates no token, and sends no password.
            Ok(_) => status != 401 || whose == OWNER,
            Err(_) => may_be_lost,
        };
        let mut all = watch.counted.borrow_mut();
        let counted = all.entry(whose.to_owned()).or_default();
        if counts && counted.helped == before.helped {
            counted.first = counted.first.or(Some(sent));
            counted.requests = if status == 401 { 2.max(counted.requests + 1) } else { counted.requests + 1 };
        }
        drop(all);
        if let Some(token) = token {
            watch.received.borrow_mut().insert(token);
            if whose != OWNER {
                watch.rejected.borrow_mut().remove(whose);
                helped(OWNER);
            }
        }
    }

    /// A person tries again.
    fn try_again(&self, client: &Client) {
        client.try_again();
        self.watch.counted.borrow_mut().values_mut().for_each(|counted| counted.tried += 1);
    }
}

/// Whose step 1 is.
const OWNER: &str = "owner";

impl AsyncTransport for Wire {
    type Error = SendError;

    async fn send(&self, mut request: Request<Bytes>, limit: usize) -> Result<Response<Vec<u8>>, SendError> {
        let path = request.uri().path().to_owned();
        let (whose, is_call) = (path.split('/').nth(2).unwrap_or(OWNER), path.ends_with("contacts"));
        self.check(&request, whose, is_call);
        // What the network's own trace leaves out, so that it is compared as well.
        let mut hasher = DefaultHasher::new();
        request.headers().iter().for_each(|header| header.hash(&mut hasher));
        request.body().hash(&mut hasher);
        self.network.note(hasher.finish());
        let number = format!("{:?}-{}", self.environment, self.watch.sent.replace(self.watch.sent.get() + 1));
        request.headers_mut().insert(NUMBER, number.parse().unwrap());
        let before = (self.counted(whose), self.network.now());
        let answer = AsyncTransport::send(&self.network, request, limit).await;
        self.note(&answer, whose, is_call, before);
        answer
    }
}

impl AsyncTokenStore for Wire {
    type Turn = ();

    async fn open(&self, _: RecordKey) -> Result<((), Stored), StoreError> {
        Ok(((), Stored::SavesOnly))
    }

    async fn write(&self, (): &mut (), record: Record) -> Result<(), StoreError> {
        self.network.sleep(Duration::from_millis(self.network.random_below(50) as u64)).await;
        self.watch.stored.borrow_mut().insert(secret(record.new_token().expect("nothing else is saved")));
        Ok(())
    }
}

fn secret(token: &SavedToken) -> String {
    let written = serde_json::to_value(token).unwrap();
    written["access_token"].as_str().unwrap().to_owned()
}

type Client = AsyncClient<Wire, Wire>;
type Task<'a> = Pin<Box<dyn Future<Output = ()> + 'a>>;

/// The outcome of one seed.
struct Tally {
    events: u64,
    faults: BTreeMap<String, u64>,
    logins: u64,
    paused: u64,
    sent_after_pause: u64,
    trace: String,
}

/// Of a hundred requests each fault meets so many.
const PERCENT: u8 = 9;

fn simulate(over: Over, seed: u64) -> Tally {
    let services = Services::new();
    let network = Network::new(seed, Arc::clone(&services));
    let wires = [0, 1].map(|location| Wire::new(&network, environment(location)));
    let clients: Vec<Client> = clients(&network, &wires);

    network.enable_faults(NetworkFault::ALL, PERCENT);
    let under_way = Cell::new(LOCATIONS * CALLERS);
    let calls = (0..LOCATIONS * CALLERS).map(|number| {
        let location = number % LOCATIONS;
        let (network, client, wire, under_way) = (&network, &clients[location], &wires[location % 2], &under_way);
        Box::pin(async move {
            call_many(over, network, client, wire, location).await;
            under_way.set(under_way.get() - 1);
        }) as Task<'_>
    });
    let logins = (0..LOGINS).map(|number| Box::pin(log_in(&network, number % LOCATIONS)) as Task<'_>);
    let trouble = Box::pin(trouble(&network, &services, &under_way)) as Task<'_>;
    network.run_all(calls.chain(logins).chain([trouble]));

    // Once faults stop, every call whose credentials are valid succeeds: after the longest pause, or when a person tries again.
    network.disable_faults();
    services.set_condition(Condition::Up, None);
    let recovered = (0..LOCATIONS).map(|location| {
        let (network, client, wire) = (&network, &clients[location], &wires[location % 2]);
        Box::pin(async move {
            if seed % 2 == 0 {
                network.sleep(HOUR).await;
            } else {
                wire.try_again(client);
            }
            assert_eq!(over.call(client, wire, call(location)).await.unwrap().status(), 200);
        }) as Task<'_>
    });
    network.run_all(recovered);

    let mut unknown = 0;
    for Wire { watch, .. } in &wires {
        assert!(watch.received.borrow().is_subset(&watch.stored.borrow()), "a token is not in the store");
        unknown += watch.without_response.get();
    }
    let is_stored = |token: &String| wires.iter().any(|wire| wire.watch.stored.borrow().contains(token));
    let issuers = &*services.0.lock().unwrap();
    // Of a request that arrived twice one of two tokens may be lost.
    let once = issuers.arrived.values().filter(|(times, _)| *times == 1);
    let lost = once.flat_map(|(_, tokens)| tokens).filter(|token| !is_stored(token)).count() as u64;
    assert!(lost <= unknown, "{lost} tokens are lost, and {unknown} outcomes were reported as unknown");
    let counts: Vec<_> = issuers.services.values().map(Emulator::counts).collect();
    assert!(counts.iter().all(|counts| counts.wrong_location == 0), "a token reached another Location");
    let faults = NetworkFault::ALL.iter().map(|fault| (format!("{fault:?}"), network.injected(*fault)));
    let faults = faults.chain(issuers.interventions.iter().map(|(name, count)| ((*name).to_owned(), *count))).collect();
    let paused = wires.iter().map(|wire| wire.watch.paused.get()).sum();
    let sent_after_pause = wires.iter().map(|wire| wire.watch.sent_after_pause.get()).sum();
    let logins = counts.iter().map(|counts| counts.location_tokens).sum();
    Tally { events: network.events(), faults, logins, paused, sent_after_pause, trace: network.trace() }
}

fn first_token(network: &Network, location: usize) -> LocationAccessToken {
    network.run(run_async(login(location), network)).expect("nothing goes wrong yet")
}

/// One for each Location, those of an environment with one owner. The last two have no token yet.
fn clients(network: &Network, wires: &[Wire; 2]) -> Vec<Client> {
    let mut clients: Vec<Client> = vec![];
    for location in 0..LOCATIONS {
        let (wire, environment) = (&wires[location % 2], environment(location));
        let session = if location < LOCATIONS - 2 {
            let token = first_token(network, location);
            wire.watch.stored.borrow_mut().insert(token.expose_secret().to_owned());
            Session::for_location(&app(environment), token).unwrap()
        } else {
            wire.watch.rejected.borrow_mut().insert(location.to_string());
            app(environment).location(&location.to_string()).unwrap().session()
        };
        let client = match clients.get(location % 2) {
            Some(first) => first.for_session(session),
            None => {
                let mut owner = Owner::new(&app(environment));
                owner.set_login(user_login(environment)).unwrap();
                AsyncClient::with_owner(session, owner, wire.clone(), wire.clone()).with_clock(testing::now)
            }
        };
        clients.push(client);
    }
    clients
}

fn call(location: usize) -> Request<Bytes> {
    let url = format!("https://{}/locations/{location}/contacts", host(environment(location)));
    Request::post(url).body(Bytes::from_static(b"a sync call")).unwrap()
}

/// One caller: makes its calls one after another, and waits where the error says so.
async fn call_many(over: Over, network: &Network, client: &Client, wire: &Wire, location: usize) {
    let mut backoff = Backoff::new(TRIES, Duration::from_secs(1), Duration::from_secs(20));
    for _ in 0..CALLS {
        match over.call(client, wire, call(location)).await {
            Ok(response) => {
                assert_ne!(response.status(), 401, "a 401 is the client's to deal with");
                network.note(response.status());
                if let Some(wait) =
                    backoff.next_delay(Retry::after(&Method::POST, response.status(), response.headers()))
                {
                    network.sleep(wait).await;
                }
            }
            Err(error) => {
                shows_no_secret(&error);
                network.note(&error);
                if let Some(wait) = pause(&error) {
                    wire.watch.paused.set(wire.watch.paused.get() + 1);
                    let other = client.set_login(user_login(environment(location + 1)));
                    assert!(matches!(other, Err(Misuse::WrongEnvironment { .. })));
                    // What is set already changes nothing.
                    client.set_login(user_login(environment(location))).unwrap();
                    match network.random_below(8) {
                        0 => wire.try_again(client),
                        1..4 => network.sleep(wait).await,
                        _ => {}
                    }
                }
            }
        }
        network.sleep(Duration::from_millis(network.random_below(2000) as u64)).await;
    }
}

/// How long the pause is that a call met.
fn pause(error: &CallError<SendError>) -> Option<Duration> {
    match error {
        CallError::TokenRejected { error, .. } | CallError::NoToken { error, .. } => match error.kind() {
            TokenErrorKind::Paused { wait, .. } => Some(*wait),
            _ => None,
        },
        _ => None,
    }
}

/// The network, and how often a request was sent.
struct Counting<'a> {
    network: &'a Network,
    sends: Cell<u32>,
}

impl AsyncTransport for Counting<'_> {
    type Error = SendError;

    fn send(
        &self,
        request: Request<Bytes>,
        limit: usize,
    ) -> impl Future<Output = Result<Response<Vec<u8>>, SendError>> {
        self.sends.set(self.sends.get() + 1);
        AsyncTransport::send(self.network, request, limit)
    }
}

/// A login on its own, with a budget of repeats.
async fn log_in(network: &Network, location: usize) {
    let counting = Counting { network, sends: Cell::new(0) };
    network.sleep(Duration::from_millis(network.random_below(10_000) as u64)).await;
    let backoff = Backoff::new(TRIES, Duration::from_secs(1), Duration::from_secs(20));
    let outcome = run_async_with_retries(login(location), &counting, backoff, |wait| network.sleep(wait)).await;
    assert!(counting.sends.get() <= 2 + TRIES, "the budget is used up");
    match outcome {
        Ok(token) => network.note(token.location()),
        Err(stopped) => {
            shows_no_secret(&stopped);
            assert!(stopped.flow.step() == Step::UserToken || stopped.flow.step() == Step::LocationToken);
            network.note(&stopped);
        }
    }
}

fn shows_no_secret(error: &(dyn Error + 'static)) {
    let mut next = Some(error);
    while let Some(error) = next {
        let shown = format!("{error} {error:?}");
        for secret in ["m4rk3r", "user-token-", "location-token-"] {
            assert!(!shown.contains(secret), "{shown}");
        }
        next = error.source();
    }
}

/// Simulates so many seeds, and sees to it that enough has happened.
fn simulate_all(seeds: u64) {
    let (mut events, mut logins, mut faults) = (0, 0, BTreeMap::<String, u64>::new());
    let (mut paused, mut sent_after_pause) = (0, 0);
    for seed in 0..seeds {
        let simulated = std::panic::catch_unwind(|| {
            let tally = simulate(Over::Client, seed);
            for over in OVER {
                let is_same = *over == Over::Client || simulate(*over, seed).trace == tally.trace;
                assert!(is_same, "over {over:?} the same seed does something else");
            }
            tally
        });
        let tally = simulated.unwrap_or_else(|panic| {
            eprintln!("SIMULATION_SEED={seed} does it again");
            std::panic::resume_unwind(panic)
        });
        events += tally.events;
        logins += tally.logins;
        paused += tally.paused;
        sent_after_pause += tally.sent_after_pause;
        tally.faults.into_iter().for_each(|(fault, count)| *faults.entry(fault).or_default() += count);
    }
    println!(
        "{events} events, {logins} logins, {paused} pauses met, {sent_after_pause} requests after one, {faults:?}"
    );
    assert!(paused >= seeds && sent_after_pause >= seeds, "{paused} pauses met, {sent_after_pause} requests after one");
    let all: u64 = faults.values().sum();
    assert!(
        events >= 500 * seeds && logins >= 5 * seeds && all * 5 >= events,
        "{events} events, {all} faults, {logins} logins"
    );
    assert!(
        faults.len() == NetworkFault::ALL.len() + 3 && faults.values().all(|count| *count * 2 >= seeds),
        "{faults:?}"
    );
}

#[test]
fn no_network_makes_a_caller_hang_leak_or_log_in_needlessly_and_all_recover() {
    match std::env::var("SIMULATION_SEED") {
        Ok(seed) => OVER.iter().for_each(|over| _ = simulate(*over, seed.parse().unwrap())),
        Err(_) => simulate_all(250),
    }
}

#[test]
#[ignore = "most of a minute of simulation: .ci/run asks for it"]
fn a_million_events_show_nothing_else() {
    simulate_all(2000);
}

#[test]
fn the_same_seed_gives_the_same_run() {
    let trace = |seed| simulate(Over::Client, seed).trace;
    for seed in 0..20 {
        assert!(trace(seed) == trace(seed), "seed {seed}");
    }
    assert!(trace(0) != trace(1));
}
