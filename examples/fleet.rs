//! A fleet: 300 Locations of one owner, called from 8 threads and then from as many tasks for each Location, when all their tokens have just
//! been revoked. It ends with an error unless the emulated service has counted exactly what it should have.

mod support;

use std::convert::Infallible;
use std::error::Error;
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use http::{Request, Response};
use location_auth::emulator::{Access, Counts, Emulator};
use location_auth::transports::client::{AsyncClient, CallError, Client, NotSaved};
use location_auth::transports::{run, ureq::Ureq};
use location_auth::{App, Bytes, LocationAccessToken, Misuse, Owner, SavedToken, Session, UserAccessToken};
use support::{API_KEY, CLIENT_ID, CLIENT_SECRET, EMAIL, PASSWORD};

const LOCATIONS: usize = 300;
/// Threads, each of which calls every Location; or tasks for each Location.
const CALLERS: usize = 8;

/// What the owner has when the Locations' tokens are revoked, and what must follow.
struct Case {
    what: &'static str,
    keeps_user_token: bool,
    user_token_is_revoked: bool,
    password: Option<&'static str>,
    user_logins: u64,
    exchanges: u64,
}

const CASES: [Case; 3] = [
    Case {
        what: "the User Access Token is kept, and no password",
        keeps_user_token: true,
        user_token_is_revoked: false,
        password: None,
        user_logins: 0,
        exchanges: LOCATIONS as u64,
    },
    Case {
        what: "the User Access Token is revoked, too, and there is a login",
        keeps_user_token: true,
        user_token_is_revoked: true,
        password: Some(PASSWORD),
        user_logins: 1,
        exchanges: LOCATIONS as u64,
    },
    Case {
        what: "a login with a wrong password",
        keeps_user_token: false,
        user_token_is_revoked: false,
        password: Some("not the owner's"),
        user_logins: 0,
        exchanges: 0,
    },
];

fn main() -> Result<(), Box<dyn Error>> {
    for case in &CASES {
        println!("{}:", case.what);
        let fleet = Fleet::onboard()?;
        let before = fleet.revoke(case)?;
        check(case, &fleet, before, &by_threads(&fleet, fleet.owner(case)?)?)?;
        let fleet = Fleet::onboard()?;
        let before = fleet.revoke(case)?;
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(4).build()?;
        check(case, &fleet, before, &runtime.block_on(by_tasks(&fleet, fleet.owner(case)?))?)?;
    }
    two_owners()
}

/// An emulated service with one owner's Locations, and their tokens.
struct Fleet {
    emulator: Arc<Mutex<Emulator>>,
    base: String,
    app: App,
    user: UserAccessToken,
    tokens: Vec<LocationAccessToken>,
}

/// What came of all calls, and what was given to the store.
struct Outcome {
    callers: &'static str,
    answered: u64,
    /// The errors of the calls that were not answered.
    told: Vec<String>,
    kept: usize,
}

impl Fleet {
    fn onboard() -> Result<Self, Box<dyn Error>> {
        let mut emulator = Emulator::new(API_KEY, CLIENT_ID, CLIENT_SECRET);
        emulator.owner(EMAIL, PASSWORD).add_route("/locations/{location_id}/contacts", Access::Location);
        let ids: Vec<_> = (0..LOCATIONS).map(|number| format!("loc-{number}")).collect();
        for id in &ids {
            emulator.location(id, EMAIL);
        }
        let emulator = Arc::new(Mutex::new(emulator));
        let base = format!("http://{}", support::serve(Arc::clone(&emulator), 0)?);
        let app = support::app(&base)?;
        let user = run(app.user_login(EMAIL, PASSWORD)?, &in_memory(&emulator))?;
        let exchange = |id: &String| Ok(run(app.location(id)?.exchange(&user)?, &in_memory(&emulator))?);
        let tokens = ids.iter().map(exchange).collect::<Result<_, Box<dyn Error>>>()?;
        Ok(Self { emulator, base, app, user, tokens })
    }

    /// All at once. What the service had counted before.
    fn revoke(&self, case: &Case) -> Result<Counts, Box<dyn Error>> {
        let mut emulator = self.emulator.lock().expect("no thread panics");
        let revoked: usize = self.tokens.iter().map(|token| emulator.revoke_location(token.location().as_str())).sum();
        expect("tokens revoked", LOCATIONS as u64, revoked as u64)?;
        if case.user_token_is_revoked {
            expect("user tokens revoked", 1, emulator.revoke_owner(EMAIL) as u64)?;
        }
        Ok(emulator.counts())
    }

    fn owner(&self, case: &Case) -> Result<Owner, Misuse> {
        let mut owner = Owner::new(&self.app);
        if case.keeps_user_token {
            owner.set_user_token(self.user.clone())?;
        }
        if let Some(password) = case.password {
            owner.set_login(self.app.user_login(EMAIL, password)?)?;
        }
        Ok(owner)
    }

    fn sessions(&self) -> Result<Vec<Session>, Misuse> {
        self.tokens.iter().map(|token| Session::for_location(&self.app, token.clone())).collect()
    }

    fn call(&self, location: usize) -> Request<Bytes> {
        let url = format!("{}/locations/loc-{location}/contacts", self.base);
        Request::get(url).body(Bytes::new()).expect("is a URL")
    }
}

/// A transport without a network: for what is not to be measured.
fn in_memory(
    emulator: &Mutex<Emulator>,
) -> impl Fn(Request<Bytes>, usize) -> Result<Response<Vec<u8>>, Infallible> + '_ {
    |request, _limit| Ok(emulator.lock().expect("no thread panics").handle(request))
}

/// Each thread calls every Location, from a place of its own, over HTTP.
fn by_threads(fleet: &Fleet, owner: Owner) -> Result<Outcome, Box<dyn Error>> {
    let kept = Mutex::new(Vec::new());
    let store = |token: &SavedToken| {
        kept.lock().expect("no thread panics").push(token.clone());
        Ok::<_, Infallible>(())
    };
    let mut sessions = fleet.sessions()?.into_iter();
    let first = sessions.next().ok_or("a fleet has Locations")?;
    let first = Client::with_owner(first, owner, Ureq::new(), store);
    // The others share its transport, its owner and its store.
    let others: Vec<_> = sessions.map(|session| first.for_session(session)).collect();
    let clients: Vec<_> = std::iter::once(first).chain(others).collect();
    let results = std::thread::scope(|scope| {
        let call_all = |thread: usize| {
            let clients = &clients;
            scope.spawn(move || {
                let places = (0..LOCATIONS).map(move |step| (thread * 37 + step) % LOCATIONS);
                places.map(|location| clients[location].call(fleet.call(location))).collect::<Vec<_>>()
            })
        };
        let threads: Vec<_> = (0..CALLERS).map(call_all).collect();
        threads.into_iter().flat_map(|thread| thread.join().expect("no thread panics")).collect::<Vec<_>>()
    });
    let kept = kept.lock().expect("no thread panics").len();
    outcome("threads", results, kept)
}

/// As many tasks for each Location, all at once.
async fn by_tasks(fleet: &Fleet, owner: Owner) -> Result<Outcome, Box<dyn Error>> {
    let kept = Arc::new(Mutex::new(Vec::new()));
    let store = {
        let kept = Arc::clone(&kept);
        move |token: SavedToken| {
            kept.lock().expect("no thread panics").push(token);
            std::future::ready(Ok::<_, Infallible>(()))
        }
    };
    let emulator = Arc::clone(&fleet.emulator);
    let transport = move |request, _limit| {
        let emulator = Arc::clone(&emulator);
        async move {
            tokio::task::yield_now().await;
            let response = emulator.lock().expect("no thread panics").handle(request);
            tokio::task::yield_now().await;
            Ok::<_, Infallible>(response)
        }
    };
    let mut sessions = fleet.sessions()?.into_iter();
    let first = AsyncClient::with_owner(sessions.next().ok_or("a fleet has Locations")?, owner, transport, store);
    let others: Vec<_> = sessions.map(|session| first.for_session(session)).collect();
    let clients: Vec<_> = std::iter::once(first).chain(others).collect();
    let tasks: Vec<_> = (0..CALLERS * LOCATIONS)
        .map(|number| {
            let (client, call) = (clients[number % LOCATIONS].clone(), fleet.call(number % LOCATIONS));
            tokio::spawn(async move { client.call(call).await })
        })
        .collect();
    let mut results = Vec::new();
    for task in tasks {
        results.push(task.await?);
    }
    let kept = kept.lock().expect("no thread panics").len();
    outcome("tasks", results, kept)
}

fn outcome<E: Error + 'static>(
    callers: &'static str,
    results: Vec<Result<Response<Vec<u8>>, CallError<E>>>,
    kept: usize,
) -> Result<Outcome, Box<dyn Error>> {
    let (mut answered, mut told) = (0, Vec::new());
    for result in results {
        match result {
            Ok(response) => {
                expect("status", 200, response.status().as_u16().into())?;
                expect(
                    "tokens that live in memory alone",
                    0,
                    response.extensions().get::<NotSaved>().iter().len() as u64,
                )?;
                answered += 1;
            }
            Err(CallError::TokenRejected { error, .. }) => told.push(error.to_string()),
            Err(error) => return Err(error.into()),
        }
    }
    Ok(Outcome { callers, answered, told, kept })
}

fn check(case: &Case, fleet: &Fleet, before: Counts, outcome: &Outcome) -> Result<(), Box<dyn Error>> {
    let after = fleet.emulator.lock().expect("no thread panics").counts();
    let calls = (CALLERS * LOCATIONS) as u64;
    let (user_logins, exchanges) =
        (after.user_tokens - before.user_tokens, after.location_tokens - before.location_tokens);
    expect("user logins", case.user_logins, user_logins)?;
    expect("exchanges", case.exchanges, exchanges)?;
    expect("tokens in the store", user_logins + exchanges, outcome.kept as u64)?;
    expect("tokens that reached another Location", 0, after.wrong_location - before.wrong_location)?;
    let answered = if exchanges > 0 { calls } else { 0 };
    expect("calls answered", answered, outcome.answered)?;
    expect("calls counted", answered, after.calls - before.calls)?;
    expect("callers told", calls - answered, outcome.told.len() as u64)?;
    print!("  {}: calls answered: {answered}, user logins: {user_logins}, exchanges: {exchanges}", outcome.callers);
    if answered == 0 {
        // Each call was sent once and met a 401; the one request beside them carried the password.
        expect("passwords sent", 1, after.requests - before.requests - calls)?;
        let same = outcome.told.iter().all(|told| told.contains("status 401"));
        expect("callers told why", 1, same.into())?;
        print!("; the password was sent once, and {} callers got the error", outcome.told.len());
    }
    println!(".");
    Ok(())
}

/// The first owner's store does not return before a call of the second owner's was answered, which needed a renewal, too.
fn two_owners() -> Result<(), Box<dyn Error>> {
    let case = &CASES[0];
    let (first, second) = (Fleet::onboard()?, Fleet::onboard()?);
    first.revoke(case)?;
    second.revoke(case)?;
    let (done, is_done) = mpsc::channel();
    let is_done = Mutex::new(is_done);
    let waits = |_: &SavedToken| is_done.lock().expect("no thread panics").recv_timeout(Duration::from_secs(10));
    let slow = Client::with_owner(first.sessions()?.remove(0), first.owner(case)?, in_memory(&first.emulator), waits);
    let keeps = |_: &SavedToken| Ok::<_, Infallible>(());
    let quick =
        Client::with_owner(second.sessions()?.remove(0), second.owner(case)?, in_memory(&second.emulator), keeps);
    std::thread::scope(|scope| {
        let slow =
            scope.spawn(|| outcome("the first", vec![slow.call(first.call(0))], 1).map_err(|error| error.to_string()));
        outcome("the second", vec![quick.call(second.call(0))], 1)?;
        done.send(())?;
        let slow = slow.join().expect("no thread panics")?;
        expect("calls answered", 1, slow.answered)
    })?;
    println!("Two owners: neither waited for the other.");
    Ok(())
}

fn expect(what: &str, wanted: u64, counted: u64) -> Result<(), Box<dyn Error>> {
    if counted == wanted {
        return Ok(());
    }
    Err(format!("{what}: {counted} instead of {wanted}").into())
}
