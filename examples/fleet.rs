//! A fleet: 300 Locations of one owner, called from 8 threads and then from as many tasks for each Location, when all their tokens and the
//! owner's own have just been revoked. It ends with an error unless the emulated service has counted one login and one exchange for each Location.

mod support;

use std::convert::Infallible;
use std::error::Error;
use std::sync::{Arc, Mutex, MutexGuard};

use http::{Request, StatusCode};
use location_auth::emulator::{Access, Emulator};
use location_auth::transports::client::{AsyncClient, Client, NoStore};
use location_auth::transports::{run, ureq::Ureq};
use location_auth::{App, Bytes, Misuse, Owner, Session};
use support::{API_KEY, CLIENT_ID, CLIENT_SECRET, EMAIL, PASSWORD};

const LOCATIONS: usize = 300;
/// Threads, each of which calls every Location; or tasks for each Location.
const CALLERS: usize = 8;

fn main() -> Result<(), Box<dyn Error>> {
    let (fleet, revoked) = Fleet::start()?;
    fleet.report("threads", by_threads(&fleet, revoked)?)?;
    let (fleet, revoked) = Fleet::start()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(4).build()?;
    fleet.report("tasks", runtime.block_on(by_tasks(&fleet, revoked))?)
}

struct Fleet {
    emulator: Arc<Mutex<Emulator>>,
    base: String,
    app: App,
}

impl Fleet {
    /// With a session for each Location, whose token was revoked.
    fn start() -> Result<(Self, Vec<Session>), Box<dyn Error>> {
        let mut emulator = Emulator::new(API_KEY, CLIENT_ID, CLIENT_SECRET);
        emulator.owner(EMAIL, PASSWORD).add_route("/locations/{location_id}/contacts", Access::Location);
        (0..LOCATIONS).for_each(|number| _ = emulator.location(&format!("loc-{number}"), EMAIL));
        let emulator = Arc::new(Mutex::new(emulator));
        let base = format!("http://{}", support::serve(Arc::clone(&emulator), 0)?);
        let fleet = Self { app: support::app(&base)?, emulator, base };
        let transport = |request, _limit| Ok::<_, Infallible>(fleet.emulator().handle(request));
        let user = run(fleet.app.user_login(EMAIL, PASSWORD)?, &transport)?;
        let mut sessions = Vec::new();
        for number in 0..LOCATIONS {
            let exchange = fleet.app.location(&format!("loc-{number}"))?.exchange(&user)?;
            sessions.push(Session::for_location(&fleet.app, run(exchange, &transport)?)?);
            fleet.emulator().revoke_location(&format!("loc-{number}"));
        }
        Ok((fleet, sessions))
    }

    fn emulator(&self) -> MutexGuard<'_, Emulator> {
        self.emulator.lock().expect("no thread panics")
    }

    /// Who renews by the login.
    fn owner(&self) -> Result<Owner, Misuse> {
        let mut owner = Owner::new(&self.app);
        owner.set_login(self.app.user_login(EMAIL, PASSWORD)?)?;
        Ok(owner)
    }

    fn call(&self, location: usize) -> Request<Bytes> {
        let url = format!("{}/locations/loc-{location}/contacts", self.base);
        Request::get(url).body(Bytes::new()).expect("is a URL")
    }

    fn report(&self, callers: &str, answered: usize) -> Result<(), Box<dyn Error>> {
        let counts = self.emulator().counts();
        // The first tokens are not counted.
        let (logins, exchanges) = (counts.user_tokens - 1, counts.location_tokens - LOCATIONS as u64);
        println!("{callers}: calls answered: {answered}, user logins: {logins}, exchanges: {exchanges}");
        let is_right = (answered, logins, exchanges) == (CALLERS * LOCATIONS, 1, LOCATIONS as u64);
        if is_right { Ok(()) } else { Err("one login and an exchange for each Location were to be enough".into()) }
    }
}

fn by_threads(fleet: &Fleet, revoked: Vec<Session>) -> Result<usize, Misuse> {
    // The clients of all Locations share its transport, its owner and its store.
    let client = Client::with_owner(Session::without_token(&fleet.app), fleet.owner()?, Ureq::new(), NoStore);
    let clients: Vec<_> = revoked.into_iter().map(|session| client.for_session(session)).collect();
    Ok(std::thread::scope(|scope| {
        let call_all = |thread: usize| {
            let clients = &clients;
            let places = (0..LOCATIONS).map(move |step| (thread * 37 + step) % LOCATIONS);
            let is_answered = move |at: &usize| {
                clients[*at].call(fleet.call(*at)).is_ok_and(|response| response.status() == StatusCode::OK)
            };
            scope.spawn(move || places.filter(is_answered).count())
        };
        let threads: Vec<_> = (0..CALLERS).map(call_all).collect();
        threads.into_iter().map(|thread| thread.join().expect("no thread panics")).sum()
    }))
}

async fn by_tasks(fleet: &Fleet, revoked: Vec<Session>) -> Result<usize, Box<dyn Error>> {
    let emulator = Arc::clone(&fleet.emulator);
    let transport = move |request, _limit| {
        let emulator = Arc::clone(&emulator);
        async move {
            tokio::task::yield_now().await;
            Ok::<_, Infallible>(emulator.lock().expect("no thread panics").handle(request))
        }
    };
    let client = AsyncClient::with_owner(Session::without_token(&fleet.app), fleet.owner()?, transport, NoStore);
    let clients: Vec<_> = revoked.into_iter().map(|session| client.for_session(session)).collect();
    let call = |number: usize| {
        let (client, call) = (clients[number % LOCATIONS].clone(), fleet.call(number % LOCATIONS));
        tokio::spawn(async move { client.call(call).await })
    };
    let tasks: Vec<_> = (0..CALLERS * LOCATIONS).map(call).collect();
    let mut answered = 0;
    for task in tasks {
        answered += usize::from(task.await??.status() == StatusCode::OK);
    }
    Ok(answered)
}
