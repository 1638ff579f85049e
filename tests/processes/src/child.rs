//! One process of the program under test: eight callers of the same Locations, until its input ends.

use std::io::{self, Read};
use std::rc::Rc;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::time::{Duration, SystemTime};
use std::{env, thread};

use http::{Request, Response};
use location_auth::emulator::Emulator;
use location_auth::transports::client::{AnyClient, AsyncClient, AsyncTokenStore, CallError};
use location_auth::transports::reqwest::Reqwest;
use location_auth::{App, Environment, Owner, Session, Settings};
use tokio::task::spawn_local;
use tokio::time::sleep;

pub const CALLERS: usize = 8;
pub const LOCATIONS: usize = 50;
pub const API_KEY: &str = "an-api-key";
pub const CLIENT_ID: &str = "a-client-id";
pub const CLIENT_SECRET: &str = "S3CR3T-client-secret";
pub const EMAIL: &str = "owner@example.com";
pub const PASSWORD: &str = "S3CR3T-password";

/// A minute of the clock is a fifth of a second, so that a pause does not take long.
const SPEED: u32 = 300;

/// The time of day for all processes: it is right when the parent starts, and it runs faster.
pub fn clock() -> Duration {
    static START: OnceLock<Duration> = OnceLock::new();
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    let start =
        *START.get_or_init(|| env::var("START").map_or(now, |start| Duration::from_millis(start.parse().unwrap())));
    start + now.saturating_sub(start) * SPEED
}

static IS_OVER: AtomicBool = AtomicBool::new(false);

/// Each call that fails is a line of what it prints. Its last lines are the tokens that it alone has.
pub async fn run<S: AsyncTokenStore + Send + Sync + 'static>(store: S) {
    thread::spawn(|| IS_OVER.store(io::stdin().read(&mut [0]).is_ok(), SeqCst));
    let (base, owner, session) = credentials();
    let first = AsyncClient::with_owner(session(0), owner, Reqwest::new().unwrap(), store).with_clock(clock);
    let first = match env::var_os("SPAWNS") {
        Some(_) => first.with_spawn(|detached| drop(spawn_local(detached.run()))),
        None => first,
    };
    let clients: Rc<Vec<_>> = Rc::new((0..LOCATIONS).map(|n| first.for_session(session(n))).collect());
    let callers = (0..CALLERS).map(|caller| {
        let (clients, base) = (Rc::clone(&clients), base.clone());
        spawn_local(async move {
            for n in (caller * LOCATIONS / CALLERS..).take_while(|_| !IS_OVER.load(SeqCst)) {
                tell(&clients[n % LOCATIONS].call(call(&base, n)).await);
                sleep(BETWEEN_CALLS).await;
            }
        })
    });
    for caller in callers.collect::<Vec<_>>() {
        caller.await.unwrap();
    }
    first.idle().await;
    clients.iter().for_each(last_words);
}

const BETWEEN_CALLS: Duration = Duration::from_millis(10);

fn credentials() -> (String, Owner, impl Fn(usize) -> Session) {
    let base = env::var("BASE").unwrap();
    let settings = Settings::new(Environment::Staging)
        .user_token_url(format!("{base}{}", Emulator::USER_TOKEN_PATH))
        .location_token_url(format!("{base}{}", Emulator::LOCATION_TOKEN_PATH));
    let app = App::new(settings.api_key(API_KEY).client_id(CLIENT_ID).client_secret(CLIENT_SECRET)).unwrap();
    let mut owner = Owner::new(&app);
    if env::var_os("LOGS_IN").is_some() {
        owner.set_login(app.user_login(EMAIL, PASSWORD).unwrap()).unwrap();
    }
    (base, owner, move |n| app.location(&format!("loc-{n}")).unwrap().session())
}

fn call(base: &str, n: usize) -> Request<()> {
    Request::get(format!("{base}/locations/loc-{}/contacts", n % LOCATIONS)).body(()).unwrap()
}

fn tell<E>(result: &Result<Response<Vec<u8>>, CallError<E>>) {
    match result {
        Ok(response) if response.status() == 200 => {}
        Ok(response) => println!("status {}", response.status()),
        Err(CallError::NoToken { error, .. } | CallError::TokenRejected { error, .. }) => {
            println!("{:?} {error}", error.kind());
        }
        Err(error) => println!("{error}"),
    }
}

fn last_words<T, S, W>(client: &AnyClient<T, S, W>) {
    for unsaved in client.take_unsaved() {
        println!("unsaved {} {unsaved}", serde_json::to_string(unsaved.token()).unwrap());
    }
}
