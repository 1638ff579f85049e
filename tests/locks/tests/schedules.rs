//! Three threads on two Locations of one owner, whose tokens are all revoked, in many orders of taking the locks.

#[path = "../../support/settings.rs"]
mod settings;

use std::convert::Infallible;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::time::Duration;

use http::{Request, Response, StatusCode};
use location_auth::emulator::{Access, Emulator};
use location_auth::{App, Bytes, Flow, Owner, Progress, SavedToken, Session, Step};
use locks::transports::client::{CallError, Client};
use settings::{API_KEY, CLIENT_ID, CLIENT_SECRET, EMAIL, PASSWORD};
use shuttle::sync::{Arc, Barrier, Mutex};
use shuttle::{check_dfs, check_pct, check_random_with_seed, thread};

/// Which Location each thread calls for.
const CALLERS: [&str; 3] = ["loc-1", "loc-1", "loc-2"];

struct Service {
    emulator: Emulator,
    /// Requests for a user's token, and those for a Location's that were answered with one.
    logins: usize,
    exchanges: usize,
    /// The transport panics instead of sending the next request of this step.
    panics_at: Option<Step>,
}

fn step(request: &Request<Bytes>) -> Option<Step> {
    match request.uri().path() {
        Emulator::USER_TOKEN_PATH => Some(Step::UserToken),
        path if path.ends_with("/token") => Some(Step::LocationToken),
        _ => None,
    }
}

impl Service {
    fn new() -> Self {
        let mut emulator = Emulator::new(API_KEY, CLIENT_ID, CLIENT_SECRET);
        emulator.owner(EMAIL, PASSWORD).location("loc-1", EMAIL).location("loc-2", EMAIL);
        emulator.add_route("/locations/{location_id}/contacts", Access::Location);
        Self { emulator, logins: 0, exchanges: 0, panics_at: None }
    }

    fn handle(&mut self, request: Request<Bytes>) -> Response<Vec<u8>> {
        let step = step(&request);
        let response = self.emulator.handle(request);
        match step {
            Some(Step::UserToken) => self.logins += 1,
            Some(_) if response.status() == StatusCode::OK => self.exchanges += 1,
            _ => {}
        }
        response
    }

    fn run<F: Flow>(&mut self, mut flow: F) -> F::Output {
        loop {
            let response = self.handle(flow.request());
            match flow.receive(&response).map_err(|failed| failed.error).unwrap() {
                Progress::Next(next) => flow = next,
                Progress::Done(token) => return token,
            }
        }
    }
}

fn app() -> App {
    App::new(settings::settings()).unwrap()
}

/// How a thread's call ended. `None`: its transport panicked.
type Outcome = Option<Result<Response<Vec<u8>>, CallError<Infallible>>>;

/// What became of the three calls, and of the service.
struct Ending {
    outcomes: Vec<Outcome>,
    logins: usize,
    exchanges: usize,
    saved: usize,
}

impl Ending {
    fn answered(&self) -> usize {
        self.outcomes.iter().flatten().flatten().filter(|response| response.status() == StatusCode::OK).count()
    }

    fn rejected(&self) -> usize {
        let results = self.outcomes.iter().flatten();
        results.filter(|result| matches!(result, Err(CallError::TokenRejected { .. }))).count()
    }
}

/// What is not as it should be.
struct Scene {
    password: &'static str,
    panics_at: Option<Step>,
    /// An exchange with the new User Access Token is answered when the other Location's has been sent as well.
    exchanges_meet: bool,
}

const GOOD: Scene = Scene { password: PASSWORD, panics_at: None, exchanges_meet: false };

/// Lets the threads make their calls. The owner has a revoked User Access Token, and a password.
fn three_calls(scene: Scene) -> Ending {
    let Scene { password, panics_at, exchanges_meet } = scene;
    let (app, mut service) = (app(), Service::new());
    let user = service.run(app.user_login(EMAIL, PASSWORD).unwrap());
    let [first, second] = ["loc-1", "loc-2"].map(|id| service.run(app.location(id).unwrap().exchange(&user).unwrap()));
    service.emulator.revoke_owner(EMAIL);
    service.emulator.revoke_location("loc-1");
    service.emulator.revoke_location("loc-2");
    let revoked = format!("Bearer {}", user.expose_secret());
    service = Service { logins: 0, exchanges: 0, panics_at, ..service };

    let mut owner = Owner::new(&app);
    owner.set_login(app.user_login(EMAIL, password).unwrap()).unwrap();
    owner.set_user_token(user).unwrap();
    let (service, saved) = (Arc::new(Mutex::new(service)), Arc::new(Mutex::new(0)));
    let transport = {
        let (service, both) = (Arc::clone(&service), Barrier::new(2));
        move |request: Request<Bytes>, _: usize| -> Result<_, Infallible> {
            let is_exchange = step(&request) == Some(Step::LocationToken);
            if exchanges_meet && is_exchange && request.headers()["authorization"] != revoked {
                both.wait();
            }
            let mut service = service.lock().unwrap();
            if service.panics_at.is_some() && service.panics_at == step(&request) {
                service.panics_at = None;
                drop(service);
                // Without the message of a panic, thousands of times.
                resume_unwind(Box::new("the transport panics"));
            }
            Ok(service.handle(request))
        }
    };
    let store = {
        let saved = Arc::clone(&saved);
        move |_: &SavedToken| -> Result<(), Infallible> {
            *saved.lock().unwrap() += 1;
            Ok(())
        }
    };
    let client = Client::with_owner(Session::for_location(&app, first).unwrap(), owner, transport, store);
    let client = client.with_clock(|| Duration::ZERO);
    let other = client.for_session(Session::for_location(&app, second).unwrap());
    let threads = CALLERS.map(|location| {
        let client = if location == "loc-1" { client.clone() } else { other.clone() };
        thread::spawn(move || {
            let url = format!("https://api.example.com/locations/{location}/contacts");
            let call = Request::get(url).body(Bytes::new()).unwrap();
            catch_unwind(AssertUnwindSafe(|| client.call(call))).ok()
        })
    });
    let outcomes = threads.map(|thread| thread.join().unwrap()).into();
    let (service, saved) = (service.lock().unwrap(), *saved.lock().unwrap());
    Ending { outcomes, logins: service.logins, exchanges: service.exchanges, saved }
}

/// In orders that a search of all begins with, in orders by chance, and in orders in which threads are held up at a few places.
fn in_many_orders(check: fn()) {
    check_dfs(check, Some(200));
    check_random_with_seed(check, 13, 600);
    check_pct(check, 200, 3);
}

#[test]
fn one_login_and_one_exchange_for_each_location_answer_all_calls() {
    in_many_orders(|| {
        let ending = three_calls(GOOD);
        assert_eq!((ending.answered(), ending.logins, ending.exchanges, ending.saved), (3, 1, 2, 3));
    });
}

#[test]
fn two_locations_do_not_wait_for_each_others_exchange() {
    in_many_orders(|| {
        let ending = three_calls(Scene { exchanges_meet: true, ..GOOD });
        assert_eq!((ending.answered(), ending.logins, ending.exchanges, ending.saved), (3, 1, 2, 3));
    });
}

#[test]
fn a_wrong_password_is_sent_once_and_every_caller_gets_the_error() {
    in_many_orders(|| {
        let ending = three_calls(Scene { password: "an old password", ..GOOD });
        assert_eq!((ending.rejected(), ending.logins, ending.exchanges, ending.saved), (3, 1, 0, 0));
    });
}

#[test]
fn a_transport_that_panics_in_a_login_leaves_the_turn_to_the_others() {
    in_many_orders(|| {
        let ending = three_calls(Scene { panics_at: Some(Step::UserToken), ..GOOD });
        assert_eq!((ending.answered(), ending.outcomes.iter().flatten().count()), (2, 2));
        assert_eq!(ending.logins, 1);
        assert!(ending.exchanges <= 2 && ending.saved == ending.exchanges + 1);
    });
}

#[test]
fn a_transport_that_panics_in_an_exchange_leaves_the_turn_to_the_others() {
    in_many_orders(|| {
        let ending = three_calls(Scene { panics_at: Some(Step::LocationToken), ..GOOD });
        assert_eq!((ending.answered(), ending.outcomes.iter().flatten().count()), (2, 2));
        assert_eq!(ending.logins, 1);
        assert!(ending.exchanges <= 2 && ending.saved == ending.exchanges + 1);
    });
}
