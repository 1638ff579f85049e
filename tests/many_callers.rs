//! Many callers at once meet a revoked token: on threads and on tasks, in thousands of orders, with no clock.
#![cfg(all(feature = "client", feature = "testing"))]

#[path = "support/over.rs"]
mod over;
#[path = "support/test_service.rs"]
mod test_service;

use std::convert::Infallible;
use std::future::{Future, pending, poll_fn, ready};
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Barrier, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use http::{Request, Response};
use location_auth::testing::{Executor, Rng};
use location_auth::transports::client::{AsyncClient, CallError, Client, NoStore, TokenStore};
use location_auth::{Bytes, SavedToken, TokenErrorKind};
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
fn on_threads(over: Over, callers: usize, seed: u64) -> (TestService, Sends, Vec<Outcome>) {
    let service = TestService::new();
    let (sends, all_met_401) = (Sends::new(callers), Barrier::new(callers));
    let send = |request: Request<Bytes>, _: usize| {
        let first = sends.note(&request);
        let response = service.handle(request);
        if first {
            assert_eq!(response.status(), 401);
            all_met_401.wait();
        }
        Ok(response)
    };
    let (session, owner) = (service.revoked_session(), service.owner(PASSWORD));
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
        let (service, sends, outcomes) = on_threads(over, callers, seed);
        assert!(outcomes.iter().all(|outcome| outcome.as_ref().is_ok_and(|response| response.status() == 200)));
        assert_eq!((sends.logins(), sends.most_sends()), (2, 2), "one login of two steps, each call replayed once");
        assert_eq!((service.issued(), service.calls_answered()), ((2, 2), callers as u64));
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

/// Runs the callers as tasks, and drops half of them in mid-flight.
fn on_tasks(over: Over, callers: usize, seed: u64) -> (TestService, Sends, Vec<Outcome>) {
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
        let client = AsyncClient::with_owner(service.revoked_session(), service.owner(PASSWORD), transport, keep_later)
            .with_clock(|| Duration::ZERO);
        let (client, transport) = (&client, &transport);
        let calls = (0..callers).map(|number| over.call(client, transport, call(number)));
        let mut executor = Executor::new(seed, calls);
        let (mut dropped, mut drops_rng) = (0, Rng::new(seed));
        while executor.step() {
            if dropped < callers / 2 && drops_rng.below(3) == 0 {
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
fn tasks_go_on_when_half_of_them_are_dropped_in_flight() {
    let (mut taken_over, mut paused) = (0, 0);
    for (over, callers, seed) in crowds() {
        let (service, sends, outcomes) = on_tasks(over, callers, seed);
        for outcome in &outcomes {
            match outcome {
                Ok(response) => assert_eq!(response.status(), 200),
                // A token request whose sender was dropped may have arrived: after two such nobody sends a third before a pause has ended.
                Err(CallError::TokenRejected { error, .. }) => {
                    assert!(matches!(error.kind(), TokenErrorKind::Paused { .. }), "seed {seed}: {error}");
                    paused += 1;
                }
                Err(error) => panic!("seed {seed}: {error:?}"),
            }
        }
        assert!(outcomes.len() >= callers - callers / 2 && sends.most_sends() <= 2, "seed {seed}");
        let (users, locations) = service.issued();
        assert!(users <= 1 + 2 && locations <= 1 + 2, "two of each at once: {users}, {locations}");
        taken_over += usize::from(sends.logins() > 2);
    }
    assert!(taken_over > 100 && paused > 0, "{taken_over} {paused}");
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
    let client = client.with_clock(|| Duration::ZERO);
    let outcomes: Vec<_> = std::thread::scope(|scope| {
        let client = &client;
        let threads: Vec<_> = (0..20).map(|number| scope.spawn(move || client.call(call(number)))).collect();
        threads.into_iter().map(|thread| thread.join()).collect()
    });
    assert_eq!((passwords.load(SeqCst), outcomes.iter().filter(|outcome| outcome.is_err()).count()), (2, 2));
    assert!(outcomes.into_iter().flatten().all(|outcome| is_rejected(&outcome)));
    panics.store(20, SeqCst);
    client.try_again();
    assert_eq!(client.call(call(1)).unwrap().status(), 200);
}

/// Polls once. Nothing wakes the task.
fn go_on<T>(future: &mut Pin<Box<impl Future<Output = T>>>) -> Option<T> {
    match future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => Some(output),
        Poll::Pending => None,
    }
}

#[test]
fn two_owners_do_not_wait_for_each_other() {
    for over in OVER {
        let service = TestService::new();
        let handle = |request, _: usize| ready(Ok::<_, Cut>(service.handle(request)));
        let hang = |request: Request<Bytes>, limit: usize| async move {
            if is_login(&request) {
                pending::<()>().await;
            }
            handle(request, limit).await
        };
        let one = AsyncClient::with_owner(service.revoked_session(), service.owner(PASSWORD), hang, NoStore);
        let other = AsyncClient::with_owner(service.revoked_session(), service.owner(PASSWORD), handle, NoStore);
        let mut stuck = Box::pin(over.call(&one, &hang, call(0)));
        assert!(go_on(&mut stuck).is_none(), "its login is on its way, and nobody answers it");
        assert_eq!(block_on(over.call(&other, &handle, call(1))).unwrap().status(), 200);
        assert!(go_on(&mut stuck).is_none());
    }
}

#[test]
fn a_token_whose_save_was_dropped_is_not_lost_if_the_program_ends() {
    let service = TestService::new();
    let never = |_: SavedToken| pending::<Result<(), Infallible>>();
    let transport = |request: Request<Bytes>, _: usize| ready(Ok::<_, Cut>(service.handle(request)));
    let client = AsyncClient::with_owner(service.revoked_session(), service.owner(PASSWORD), transport, never);
    let mut dropped = Box::pin(client.call(call(1)));
    assert!(client.unsaved().is_empty());
    assert!(go_on(&mut dropped).is_none(), "the store is slow");
    drop(dropped);
    let whose: Vec<_> = client.unsaved().iter().map(|unsaved| unsaved.token().location().is_some()).collect();
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
    let store: Arc<dyn TokenStore<Turn = ()>> = Arc::new(move |_: &SavedToken| counting());
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
