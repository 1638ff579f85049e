//! Many callers at once meet a revoked token: on threads and on tasks, in thousands of orders, with no clock.
#![cfg(all(feature = "client", feature = "testing"))]

#[path = "support/over.rs"]
mod over;
#[path = "support/test_service.rs"]
mod test_service;

use std::cell::{Cell, RefCell};
use std::convert::Infallible;
use std::future::{Future, pending, poll_fn, ready};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Barrier, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use http::{Request, Response};
use location_auth::testing::{Executor, Rng};
use location_auth::transports::client::{AsyncClient, CallError, Client, NoStore, TokenStore};
use location_auth::{Bytes, Owner, RenewErrorKind, SavedToken, Session, UserAccessToken};
use over::{OVER, Over};
use test_service::{PASSWORD, TestService, call, caller, is_login};

#[derive(Debug, thiserror::Error)]
#[error("the line was cut")]
struct Cut;

/// A store that keeps all.
fn keep(_: &SavedToken) -> Result<(), Infallible> {
    Ok(())
}

async fn keep_later(_: SavedToken) -> Result<(), Infallible> {
    yield_now().await;
    Ok(())
}

fn is_rejected(outcome: &Outcome) -> bool {
    matches!(outcome, Err(CallError::TokenRejected { .. }))
}

type Outcome = Result<Response<Vec<u8>>, CallError<Cut>>;

/// How often each caller's call was sent, and how many token requests there were.
struct Sends {
    calls: Vec<AtomicUsize>,
    logins: AtomicUsize,
}

impl Sends {
    fn new(callers: usize) -> Self {
        Self { calls: (0..callers).map(|_| AtomicUsize::new(0)).collect(), logins: AtomicUsize::new(0) }
    }

    /// Notes a request, and says whether it is a caller's first.
    fn note(&self, request: &Request<Bytes>) -> bool {
        match caller(request) {
            Some(caller) => self.calls[caller].fetch_add(1, SeqCst) == 0,
            None => {
                self.logins.fetch_add(1, SeqCst);
                false
            }
        }
    }

    fn logins(&self) -> usize {
        self.logins.load(SeqCst)
    }

    fn most_sends(&self) -> usize {
        self.calls.iter().map(|count| count.load(SeqCst)).max().unwrap()
    }
}

/// Runs the callers on threads. Each has met its 401 before the first may go on.
fn on_threads(
    over: Over,
    callers: usize,
    seed: u64,
    password: &str,
    cut_login: bool,
) -> (TestService, Sends, Vec<Outcome>) {
    let service = TestService::new();
    let (sends, all_met_401) = (Sends::new(callers), Barrier::new(callers));
    let cut = AtomicBool::new(cut_login);
    let send = |request: Request<Bytes>, _: usize| {
        let first = sends.note(&request);
        if is_login(&request) && cut.swap(false, SeqCst) {
            return Err(Cut);
        }
        let response = service.handle(request);
        if first {
            assert_eq!(response.status(), 401);
            all_met_401.wait();
        }
        Ok(response)
    };
    let (session, owner) = (service.revoked_session(), service.owner(password));
    let run = |make: &(dyn Fn(usize) -> Outcome + Sync)| {
        std::thread::scope(|scope| {
            let start = |number| {
                scope.spawn(move || {
                    for _ in 0..Rng::new(seed + number as u64).below(4) {
                        std::thread::yield_now();
                    }
                    make(number)
                })
            };
            let threads: Vec<_> = (0..callers).map(start).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        })
    };
    let outcomes = if over == Over::Client {
        let client = Client::with_owner(session, owner, send, keep);
        run(&|number| client.call(call(number)))
    } else {
        let transport = |request, limit| ready(send(request, limit));
        let client = AsyncClient::with_owner(session, owner, transport, keep_later);
        run(&|number| block_on(over.call(&client, &transport, call(number))))
    };
    (service, sends, outcomes)
}

/// Runs a future on this thread, which sleeps until it is woken.
fn block_on<T>(future: impl Future<Output = T>) -> T {
    struct Unpark(std::thread::Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(output) => return output,
            Poll::Pending => std::thread::park(),
        }
    }
}

/// 200 callers some times, 6 callers hundreds of times, over the clients and over the layer.
fn crowds() -> impl Iterator<Item = (Over, usize, u64)> {
    let crowds = || (0..4).map(|seed| (200, seed)).chain((0..500).map(|seed| (6, seed)));
    OVER.iter().flat_map(move |over| crowds().map(|(callers, seed)| (*over, callers, seed)))
}

#[test]
fn threads_that_meet_a_revoked_token_at_once_log_in_once_and_are_all_answered() {
    for (over, callers, seed) in crowds() {
        let (service, sends, outcomes) = on_threads(over, callers, seed, PASSWORD, false);
        assert!(outcomes.iter().all(|outcome| outcome.as_ref().is_ok_and(|response| response.status() == 200)));
        assert_eq!((sends.logins(), sends.most_sends()), (2, 2), "one login of two steps, each call replayed once");
        assert_eq!((service.issued(), service.calls_answered()), ((2, 2), callers as u64));
    }
}

fn all_got_the_first_token(outcomes: &[Outcome], service: &TestService, sends: &Sends) {
    let answered = outcomes.iter().filter(|outcome| outcome.as_ref().is_ok_and(|response| response.status() == 200));
    assert_eq!((answered.count(), sends.most_sends()), (outcomes.len(), 1), "each call is sent once");
    assert_eq!((sends.logins(), service.issued()), (2, (1, 1)));
}

#[test]
fn threads_that_call_a_location_without_a_token_log_in_once() {
    for callers in [2, 200].repeat(4) {
        let (service, sends) = (TestService::new(), Sends::new(callers));
        let send = |request: Request<Bytes>, _: usize| {
            sends.note(&request);
            Ok::<_, Cut>(service.handle(request))
        };
        let client = Client::with_owner(service.session_without_a_token(), service.owner(PASSWORD), send, keep);
        let outcomes: Vec<_> = std::thread::scope(|scope| {
            let client = &client;
            let threads: Vec<_> = (0..callers).map(|number| scope.spawn(move || client.call(call(number)))).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        all_got_the_first_token(&outcomes, &service, &sends);
    }
}

#[test]
fn tasks_that_call_a_location_without_a_token_log_in_once() {
    for (over, callers, seed) in crowds() {
        let (service, sends, rng) = (TestService::new(), Sends::new(callers), Mutex::new(Rng::new(seed)));
        let outcomes = {
            let (service, sends, rng) = (&service, &sends, &rng);
            let transport = move |request: Request<Bytes>, _: usize| async move {
                sends.note(&request);
                dawdle(rng).await;
                Ok::<_, Cut>(service.handle(request))
            };
            let session = service.session_without_a_token();
            let client = AsyncClient::with_owner(session, service.owner(PASSWORD), transport, keep_later);
            let (client, transport) = (&client, &transport);
            let mut executor =
                Executor::new(seed, (0..callers).map(|number| over.call(client, transport, call(number))));
            while executor.step() {}
            executor.into_outputs()
        };
        assert_eq!(outcomes.len(), callers, "a caller waits for ever; seed {seed}");
        all_got_the_first_token(&outcomes, &service, &sends);
    }
}

#[test]
fn threads_whose_login_is_refused_try_it_once() {
    for (over, callers, seed) in crowds() {
        let (service, sends, outcomes) = on_threads(over, callers, seed, "an old password", false);
        assert!(outcomes.iter().all(is_rejected));
        assert_eq!((sends.logins(), sends.most_sends()), (1, 1));
        assert_eq!((service.issued(), service.calls_answered()), ((1, 1), 0));
    }
}

#[test]
fn threads_whose_login_is_cut_fail_or_arrive_late_enough_to_log_in_again() {
    for (over, callers, seed) in crowds() {
        let (service, sends, outcomes) = on_threads(over, callers, seed, PASSWORD, true);
        let answered = outcomes.iter().filter(|outcome| outcome.is_ok()).count();
        let failed = outcomes.iter().filter(|outcome| is_rejected(outcome)).count();
        assert_eq!((answered + failed, service.calls_answered()), (callers, answered as u64));
        assert!(failed >= 1 && sends.logins() == if answered == 0 { 1 } else { 3 });
    }
}

// ---- Tasks, in an order that a seed chooses: a lost wake-up is seen. ----

/// Ready after as many polls as a seed says.
async fn dawdle(rng: &Mutex<Rng>) {
    let polls = rng.lock().unwrap().below(4);
    for _ in 0..polls {
        yield_now().await;
    }
}

async fn yield_now() {
    let mut yielded = false;
    poll_fn(|context| {
        if yielded {
            return Poll::Ready(());
        }
        yielded = true;
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// Runs the callers as tasks, and drops as many of them in mid-flight as asked for.
fn on_tasks(over: Over, callers: usize, seed: u64, password: &str, drops: usize) -> (TestService, Sends, Vec<Outcome>) {
    let service = TestService::new();
    let sends = Sends::new(callers);
    let outputs = {
        let rng = Mutex::new(Rng::new(seed));
        let (service, sends, rng) = (&service, &sends, &rng);
        let transport = move |request: Request<Bytes>, _: usize| async move {
            sends.note(&request);
            dawdle(rng).await;
            let response = service.handle(request);
            dawdle(rng).await;
            Ok::<_, Cut>(response)
        };
        let client = AsyncClient::with_owner(service.revoked_session(), service.owner(password), transport, keep_later);
        let (client, transport) = (&client, &transport);
        let calls = (0..callers).map(|number| over.call(client, transport, call(number)));
        let mut executor = Executor::new(seed, calls);
        let (mut dropped, mut drops_rng) = (0, Rng::new(seed));
        while executor.step() {
            if dropped < drops && drops_rng.below(3) == 0 {
                executor.cancel(dropped);
                dropped += 1;
            }
        }
        assert_eq!(executor.unfinished(), 0, "a caller waits for ever; seed {seed}");
        executor.into_outputs()
    };
    (service, sends, outputs)
}

#[test]
fn tasks_that_meet_a_revoked_token_log_in_once_and_are_all_answered() {
    for (over, callers, seed) in crowds() {
        let (service, sends, outcomes) = on_tasks(over, callers, seed, PASSWORD, 0);
        assert_eq!(
            outcomes.iter().filter(|outcome| outcome.as_ref().is_ok_and(|r| r.status() == 200)).count(),
            callers
        );
        assert!(sends.logins() == 2 && sends.most_sends() <= 2, "seed {seed}");
        assert_eq!((service.issued(), service.calls_answered()), ((2, 2), callers as u64));
    }
}

#[test]
fn tasks_whose_login_is_refused_try_it_once() {
    for (over, callers, seed) in crowds() {
        let (service, sends, outcomes) = on_tasks(over, callers, seed, "an old password", 0);
        assert_eq!(outcomes.iter().filter(|outcome| is_rejected(outcome)).count(), callers);
        assert_eq!((sends.logins(), sends.most_sends(), service.calls_answered()), (1, 1, 0), "seed {seed}");
    }
}

#[test]
fn tasks_go_on_when_half_of_them_are_dropped_in_flight() {
    let (mut taken_over, mut in_doubt) = (0, 0);
    for (over, callers, seed) in crowds() {
        let (service, sends, outcomes) = on_tasks(over, callers, seed, PASSWORD, callers / 2);
        for outcome in &outcomes {
            match outcome {
                Ok(response) => assert_eq!(response.status(), 200),
                // A token request whose sender was dropped may have arrived: after two such in a row nobody sends a third.
                Err(CallError::TokenRejected { error, .. }) => {
                    assert!(matches!(error.kind(), RenewErrorKind::InDoubt), "seed {seed}: {error}");
                    in_doubt += 1;
                }
                Err(error) => panic!("seed {seed}: {error:?}"),
            }
        }
        assert!(outcomes.len() >= callers - callers / 2 && sends.most_sends() <= 2, "seed {seed}");
        assert!(
            service.issued().0 <= 1 + 3 && service.issued().1 <= 1 + 3,
            "two that nobody has, and one: {:?}",
            service.issued()
        );
        taken_over += usize::from(sends.logins() > 2);
    }
    assert!(taken_over > 100 && in_doubt > 0, "{taken_over} {in_doubt}");
}

#[test]
fn a_failed_login_fails_every_waiting_caller_and_the_next_caller_may_try() {
    for (over, seed) in OVER.iter().flat_map(|over| (0..50).map(move |seed| (over, seed))) {
        let service = TestService::new();
        let sends = Sends::new(201);
        let (fail_now, held) = (AtomicBool::new(false), Mutex::new(Vec::<Waker>::new()));
        {
            let (service, sends, fail_now, held) = (&service, &sends, &fail_now, &held);
            let transport = move |request: Request<Bytes>, _: usize| async move {
                sends.note(&request);
                if !is_login(&request) || fail_now.load(SeqCst) {
                    return Ok(service.handle(request));
                }
                // The first login hangs until the test makes it fail.
                poll_fn(|context| {
                    if fail_now.load(SeqCst) {
                        return Poll::Ready(());
                    }
                    held.lock().unwrap().push(context.waker().clone());
                    Poll::Pending
                })
                .await;
                Err(Cut)
            };
            let client =
                AsyncClient::with_owner(service.revoked_session(), service.owner(PASSWORD), transport, keep_later);
            let (client, transport) = (&client, &transport);
            let calls = (0..200).map(|number| over.call(client, transport, call(number)));
            let mut executor = Executor::new(seed, calls);
            while executor.step() {}
            assert_eq!((executor.unfinished(), sends.logins()), (200, 1), "one logs in, all others wait");

            fail_now.store(true, SeqCst);
            held.lock().unwrap().drain(..).for_each(Waker::wake);
            while executor.step() {}
            let outcomes = executor.into_outputs();
            assert!(outcomes.iter().all(is_rejected));
            assert_eq!((outcomes.len(), sends.logins()), (200, 1));

            let mut later = Executor::new(seed, [over.call(client, transport, call(200))]);
            while later.step() {}
            assert_eq!(later.into_outputs().remove(0).unwrap().status(), 200);
            assert_eq!(sends.logins(), 3);
        }
    }
}

#[test]
fn threads_that_panic_during_a_login_send_the_password_at_most_twice() {
    let (service, passwords, panics) = (TestService::new(), AtomicUsize::new(0), AtomicUsize::new(0));
    let transport = |request: Request<Bytes>, _: usize| {
        if is_login(&request) {
            passwords.fetch_add(1, SeqCst);
            assert!(panics.fetch_add(1, SeqCst) >= 20, "the transport has a bug");
        }
        Ok::<_, Cut>(service.handle(request))
    };
    let client = Client::with_owner(service.revoked_session(), service.owner(PASSWORD), transport, keep);
    let outcomes: Vec<_> = std::thread::scope(|scope| {
        let client = &client;
        let threads: Vec<_> = (0..20).map(|number| scope.spawn(move || client.call(call(number)))).collect();
        threads.into_iter().map(|thread| thread.join()).collect()
    });
    assert_eq!((passwords.load(SeqCst), outcomes.iter().filter(|outcome| outcome.is_err()).count()), (2, 2));
    assert!(outcomes.into_iter().flatten().all(|outcome| is_rejected(&outcome)));
    panics.store(20, SeqCst);
    client.set_login(service.login(PASSWORD)).unwrap();
    assert_eq!(client.call(call(1)).unwrap().status(), 200);
}

/// An owner of many Locations, all of whose tokens are revoked, and one client for each.
const LOCATIONS: usize = 300;

fn url(location: usize) -> String {
    format!("https://api.example.com/locations/{location}/contacts")
}

fn fleet() -> (TestService, Vec<Session>, UserAccessToken) {
    let service = TestService::new();
    for location in 0..LOCATIONS {
        service.emulator.lock().unwrap().location(&location.to_string(), test_service::EMAIL);
    }
    let user = service.user_token();
    let sessions = (0..LOCATIONS).map(|location| {
        let token = service.token_of(&location.to_string(), &user);
        service.revoke(token.expose_secret());
        Session::for_location(&service.app, token).unwrap()
    });
    let sessions = sessions.collect();
    (service, sessions, user)
}

/// The owner with a User Access Token that is kept, or with a login and one that was revoked, or with a wrong password and the same.
fn owners(service: &TestService, user: UserAccessToken) -> [(Owner, u64, u64, bool); 3] {
    let owner_with = |login: Option<&str>, token: UserAccessToken| {
        let mut owner = Owner::new(&service.app);
        owner.set_user_token(token).unwrap();
        if let Some(password) = login {
            owner.set_login(service.login(password)).unwrap();
        }
        owner
    };
    let revoked = service.user_token();
    service.revoke(revoked.expose_secret());
    [
        (owner_with(None, user), 0, LOCATIONS as u64, true),
        (owner_with(Some(PASSWORD), revoked.clone()), 1, LOCATIONS as u64, true),
        (owner_with(Some("an old password"), revoked), 0, 0, false),
    ]
}

#[test]
fn threads_that_call_300_locations_of_one_owner_cost_one_login_and_an_exchange_for_each() {
    for which in 0..3 {
        let (service, sessions, user) = fleet();
        let (owner, logins, exchanges, well) = owners(&service, user).into_iter().nth(which).unwrap();
        let (before, passwords) = (service.issued(), AtomicUsize::new(0));
        let transport = |request: Request<Bytes>, _: usize| {
            passwords.fetch_add(usize::from(request.uri().path() == "/user_token"), SeqCst);
            Ok::<_, Cut>(service.handle(request))
        };
        let mut sessions = sessions.into_iter();
        let first = Client::with_owner(sessions.next().unwrap(), owner, transport, keep);
        let clients: Vec<_> =
            [first.clone()].into_iter().chain(sessions.map(|session| first.for_session(session))).collect();
        std::thread::scope(|scope| {
            for thread in 0..8 {
                let clients = &clients;
                scope.spawn(move || {
                    for step in 0..LOCATIONS {
                        let location = (thread * 37 + step) % LOCATIONS;
                        let outcome = clients[location].call(Request::get(url(location)).body(()).unwrap());
                        if well { assert_eq!(outcome.unwrap().status(), 200) } else { assert!(is_rejected(&outcome)) }
                    }
                });
            }
        });
        let issued = service.issued();
        assert_eq!((issued.0 - before.0, issued.1 - before.1), (logins, exchanges), "{which}");
        assert_eq!(passwords.into_inner(), usize::from(which > 0), "the password is sent once for the owner, or never");
    }
}

#[test]
fn tasks_that_call_300_locations_of_one_owner_cost_one_login_and_an_exchange_for_each() {
    let cases = [(0, 1), (1, 2), (2, 3), (0, 4), (1, 5), (2, 6)];
    for (over, (which, seed)) in OVER.iter().flat_map(|over| cases.map(|case| (over, case))) {
        let (service, sessions, user) = fleet();
        let (owner, logins, exchanges, well) = owners(&service, user).into_iter().nth(which).unwrap();
        let (before, passwords) = (service.issued(), Cell::new(0));
        let rng = Mutex::new(Rng::new(seed));
        let outcomes = {
            let (service, rng, passwords) = (&service, &rng, &passwords);
            let transport = move |request: Request<Bytes>, _: usize| async move {
                passwords.set(passwords.get() + usize::from(request.uri().path() == "/user_token"));
                dawdle(rng).await;
                Ok::<_, Cut>(service.handle(request))
            };
            let mut sessions = sessions.into_iter();
            let first = AsyncClient::with_owner(sessions.next().unwrap(), owner, transport, keep_later);
            let clients: Vec<_> =
                [first.clone()].into_iter().chain(sessions.map(|session| first.for_session(session))).collect();
            let calls = (0..2 * LOCATIONS).map(|number| {
                let location = number % LOCATIONS;
                let call = Request::get(url(location)).body(Bytes::new()).unwrap();
                over.call(&clients[location], &transport, call)
            });
            let mut executor = Executor::new(seed, calls);
            while executor.step() {}
            assert_eq!(executor.unfinished(), 0);
            executor.into_outputs()
        };
        assert!(outcomes.iter().all(|outcome| if well { outcome.is_ok() } else { is_rejected(outcome) }));
        let issued = service.issued();
        assert_eq!((issued.0 - before.0, issued.1 - before.1), (logins, exchanges), "{which}");
        assert_eq!(passwords.get(), usize::from(which > 0));
    }
}

#[test]
fn two_owners_do_not_wait_for_each_other() {
    for over in OVER {
        let (service, desk) = (TestService::new(), Desk::default());
        let send = |request, _| desk.send(request);
        let client = |session| AsyncClient::with_owner(session, service.owner(PASSWORD), send, NoStore);
        let [one, other] = [client(service.revoked_session()), client(service.revoked_session())];
        let [mut stuck, mut free] =
            [Box::pin(over.call(&one, &send, call(0))), Box::pin(over.call(&other, &send, call(1)))];
        assert!(go_on(&mut stuck).is_none());
        desk.answer(Some(0), no);
        assert!(go_on(&mut stuck).is_none(), "its login is on its way, and nobody answers it");
        let held = desk.0.borrow_mut().pop().unwrap();
        assert!(go_on(&mut free).is_none());
        desk.answer(Some(1), no);
        renews(&mut free, &desk, &service);
        desk.answer(Some(1), |request| service.handle(request));
        assert_eq!(go_on(&mut free).unwrap().unwrap().status(), 200);
        drop(held);
    }
}

// ---- Callers whose requests are answered one by one, in the order that the test wants. ----

/// Where requests lie until they are answered.
#[derive(Default)]
struct Desk(RefCell<Vec<(Request<Bytes>, Slot)>>);

type Slot = Rc<RefCell<Option<Response<Vec<u8>>>>>;

impl Desk {
    async fn send(&self, request: Request<Bytes>) -> Result<Response<Vec<u8>>, Cut> {
        let slot = Slot::default();
        self.0.borrow_mut().push((request, Rc::clone(&slot)));
        poll_fn(|_| slot.borrow_mut().take().map_or(Poll::Pending, |response| Poll::Ready(Ok(response)))).await
    }

    /// Takes up the one request of this caller, `None` for a token request, and answers it.
    fn answer(&self, by: Option<usize>, answer: impl FnOnce(Request<Bytes>) -> Response<Vec<u8>>) {
        let place = self.0.borrow().iter().position(|(request, _)| caller(request) == by);
        let (request, slot) = self.0.borrow_mut().remove(place.unwrap_or_else(|| panic!("{by:?} has sent nothing")));
        *slot.borrow_mut() = Some(answer(request));
    }

    fn is_empty(&self) -> bool {
        self.0.borrow().is_empty()
    }
}

/// Goes on as far as it can: nothing here wakes a task, so each is asked again after every answer.
fn go_on<T>(future: &mut Pin<Box<impl Future<Output = T>>>) -> Option<T> {
    match future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => Some(output),
        Poll::Pending => None,
    }
}

/// Goes on until the call is sent again.
fn renews<T>(future: &mut Pin<Box<impl Future<Output = T>>>, desk: &Desk, service: &TestService) {
    while {
        assert!(go_on(future).is_none());
        desk.0.borrow().iter().any(|(request, _)| is_login(request))
    } {
        desk.answer(None, |request| service.handle(request));
    }
}

fn no(_: Request<Bytes>) -> Response<Vec<u8>> {
    Response::builder().status(401).body(vec![]).unwrap()
}

fn kind(outcome: Option<Outcome>) -> RenewErrorKind {
    match outcome {
        Some(Err(CallError::TokenRejected { error, .. })) => error.kind().clone(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn new_credentials_are_tried_even_if_an_older_renewals_token_meets_a_401_afterwards() {
    for over in OVER {
        let (service, desk) = (TestService::new(), Desk::default());
        let handle = |request: Request<Bytes>| service.handle(request);
        let send = |request, _| desk.send(request);
        let client = AsyncClient::with_owner(service.revoked_session(), service.owner(PASSWORD), send, NoStore);
        let [mut first, mut second, mut third] =
            [0, 1, 2].map(|number| Box::pin(over.call(&client, &send, call(number))));
        assert!(go_on(&mut first).is_none() && go_on(&mut second).is_none());
        desk.answer(Some(0), handle);
        desk.answer(Some(1), handle);
        renews(&mut first, &desk, &service);
        assert!(go_on(&mut second).is_none(), "both calls are sent again");

        desk.answer(Some(0), no);
        assert!(matches!(kind(go_on(&mut first)), RenewErrorKind::InVain));
        client.set_login(service.login(PASSWORD)).unwrap();
        desk.answer(Some(1), no);
        assert!(matches!(kind(go_on(&mut second)), RenewErrorKind::InVain));

        assert!(go_on(&mut third).is_none());
        desk.answer(Some(2), no);
        renews(&mut third, &desk, &service);
        desk.answer(Some(2), handle);
        assert_eq!(go_on(&mut third).unwrap().unwrap().status(), 200);
    }
}

#[test]
fn a_slow_callers_old_401_does_not_count_against_a_token_that_has_worked() {
    for over in OVER {
        let (service, desk) = (TestService::new(), Desk::default());
        let handle = |request: Request<Bytes>| service.handle(request);
        let send = |request, _| desk.send(request);
        let client = AsyncClient::with_owner(service.revoked_session(), service.owner(PASSWORD), send, NoStore);
        let [mut slow, mut fast] = [0, 1].map(|number| Box::pin(over.call(&client, &send, call(number))));
        assert!(go_on(&mut slow).is_none() && go_on(&mut fast).is_none());
        desk.answer(Some(1), no);
        renews(&mut fast, &desk, &service);
        desk.answer(Some(1), handle);
        assert_eq!(go_on(&mut fast).unwrap().unwrap().status(), 200);

        desk.answer(Some(0), no);
        assert!(go_on(&mut slow).is_none(), "the old token's 401: sent again with the new one");
        desk.answer(Some(0), handle);
        assert_eq!(go_on(&mut slow).unwrap().unwrap().status(), 200);
        service.emulator.lock().unwrap().revoke_location("loc-1");
        let mut later = Box::pin(over.call(&client, &send, call(2)));
        assert!(go_on(&mut later).is_none());
        desk.answer(Some(2), handle);
        renews(&mut later, &desk, &service);
        desk.answer(Some(2), handle);
        assert_eq!(go_on(&mut later).unwrap().unwrap().status(), 200, "and it may be renewed");
    }
}

#[test]
fn callers_after_new_credentials_do_not_get_the_refusal_of_an_old_login() {
    for over in OVER {
        let (service, desk) = (TestService::new(), Desk::default());
        let handle = |request: Request<Bytes>| service.handle(request);
        let send = |request, _| desk.send(request);
        let client =
            AsyncClient::with_owner(service.revoked_session(), service.owner("an old password"), send, NoStore);
        let [mut first, mut second, mut third] =
            [0, 1, 2].map(|number| Box::pin(over.call(&client, &send, call(number))));
        for (number, future) in [(0, &mut first), (1, &mut second)] {
            assert!(go_on(future).is_none());
            desk.answer(Some(number), no);
            assert!(go_on(future).is_none());
        }
        client.set_login(service.login(PASSWORD)).unwrap();
        assert!(go_on(&mut third).is_none());
        desk.answer(Some(2), no);
        assert!(go_on(&mut third).is_none(), "it waits for the old login, too");

        desk.answer(None, handle);
        assert!(matches!(kind(go_on(&mut first)), RenewErrorKind::Response(_)));
        assert!(matches!(kind(go_on(&mut second)), RenewErrorKind::Response(_)));
        renews(&mut third, &desk, &service);
        desk.answer(Some(2), handle);
        assert_eq!(go_on(&mut third).unwrap().unwrap().status(), 200);
        assert!(desk.is_empty());
    }
}

/// What twelve tasks send, in order, while tokens are revoked and the service is busy at times.
fn order_of_tasks(seed: u64, slow: bool) -> Vec<String> {
    let service = TestService::new();
    let sent = RefCell::new(vec![]);
    {
        let (service, sent) = (&service, &sent);
        let transport = move |request: Request<Bytes>, _: usize| async move {
            yield_now().await;
            if slow {
                std::thread::sleep(Duration::from_millis(1));
            }
            let number = sent.borrow().len();
            let who = caller(&request).map_or(request.uri().path().to_owned(), |caller| caller.to_string());
            sent.borrow_mut().push(who);
            if number % 9 == 0 {
                service.revoke_all();
            }
            let busy = Response::builder().status(503).body(vec![]).unwrap();
            let response = if number % 5 == 4 { busy } else { service.handle(request) };
            yield_now().await;
            Ok::<_, Cut>(response)
        };
        let client = AsyncClient::with_owner(service.revoked_session(), service.owner(PASSWORD), transport, keep_later)
            .with_clock(|| Duration::ZERO);
        let calls = (0..12).map(|number| {
            let client = &client;
            async move {
                for _ in 0..6 {
                    drop(client.call(call(number)).await);
                }
            }
        });
        let mut executor = Executor::new(seed, calls);
        while executor.step() {}
        assert_eq!(executor.unfinished(), 0, "a caller waits for ever; seed {seed}");
    }
    sent.into_inner()
}

#[test]
fn the_same_seed_gives_the_same_order_however_slow_the_machine_is() {
    for seed in 0..10 {
        assert_eq!(order_of_tasks(seed, false), order_of_tasks(seed, true), "seed {seed}");
    }
}

#[test]
fn a_token_whose_save_was_dropped_is_not_lost_if_the_program_ends() {
    let service = TestService::new();
    let never = |_: SavedToken| pending::<Result<(), Infallible>>();
    let transport = |request: Request<Bytes>, _: usize| ready(Ok::<_, Cut>(service.handle(request)));
    let client = AsyncClient::with_owner(service.revoked_session(), service.owner(PASSWORD), transport, never);
    let mut dropped = Box::pin(client.call(call(1)));
    assert!(client.take_not_saved().is_none());
    assert!(go_on(&mut dropped).is_none(), "the store is slow");
    drop(dropped);
    let not_saved = client.take_not_saved().unwrap();
    let whose: Vec<_> = not_saved.tokens().map(|(token, _)| token.location().is_some()).collect();
    assert_eq!(whose, [false], "the owner's");
}

#[test]
fn clients_of_several_owners_share_a_store_in_an_arc() {
    let saved = Arc::new(AtomicUsize::new(0));
    let count = |saved: &Arc<AtomicUsize>| {
        let saved = Arc::clone(saved);
        move || {
            saved.fetch_add(1, SeqCst);
            Ok::<_, Infallible>(())
        }
    };
    let counting = count(&saved);
    let store: Arc<dyn TokenStore> = Arc::new(move |_: &SavedToken| counting());
    let counting = count(&saved);
    let later = Arc::new(move |_: SavedToken| ready(counting()));
    for _ in 0..2 {
        let service = TestService::new();
        let transport = |request: Request<Bytes>, _: usize| Ok::<_, Cut>(service.handle(request));
        let (session, owner) = (service.revoked_session(), service.owner(PASSWORD));
        let client = Client::with_owner(session, owner, transport, Arc::clone(&store));
        assert_eq!(client.call(call(1)).unwrap().status(), 200);

        let transport = |request: Request<Bytes>, _: usize| ready(Ok::<_, Cut>(service.handle(request)));
        let (session, owner) = (service.revoked_session(), service.owner(PASSWORD));
        let client = AsyncClient::with_owner(session, owner, transport, Arc::clone(&later));
        assert_eq!(block_on(client.call(call(1))).unwrap().status(), 200);
    }
    assert_eq!(saved.load(SeqCst), 8);
}
