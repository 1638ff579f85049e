//! A client, one caller at a time: what it sends, what it sends again, and what it says when it can't.
#![cfg(all(feature = "client", feature = "emulator"))]

#[path = "support/now.rs"]
mod now;
#[path = "support/over.rs"]
mod over;
#[path = "support/test_service.rs"]
mod test_service;

use std::cell::{Cell, RefCell};
use std::convert::Infallible;
use std::error::Error as _;
use std::future::{Future, poll_fn, ready};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use http::{Method, Request, Response};
use location_auth::driver::{Attempt, Call, Replay};
use location_auth::emulator::{Access, Condition};
use location_auth::store::{Record, RecordKey, Stored};
use location_auth::transports::client::{
    AsyncClient, AsyncTokenStore, CallError, Client, NoStore, StoreError, TokenStore,
};
use location_auth::transports::{AsyncTransport, SendError, SendErrorKind, Transport};
use location_auth::{
    App, Backoff, Bytes, Delivery, Environment, Fault, LocationAccessToken, Misuse, Owner, Retry, SavedToken, Session,
    Step, TokenError, TokenErrorKind, TokenState, UserAccessToken, UserLogin,
};
use now::now;
use over::OVER;
use test_service::{CONTACTS, EMAIL, PASSWORD, TestService, call, is_login};

#[derive(Debug, PartialEq, thiserror::Error)]
#[error("the line was cut")]
struct Cut;

/// Carries requests to the service and keeps tokens, notes both, and fails where a test says so.
struct Line<'a> {
    service: &'a TestService,
    noted: RefCell<Vec<String>>,
    /// The paths whose next requests are cut before they arrive.
    cut: RefCell<Vec<&'static str>>,
    /// The paths whose next requests arrive, and the answer of which is cut.
    cut_after: RefCell<Vec<&'static str>>,
    /// What is answered to the next requests to a path instead of what the service would answer.
    answers: RefCell<Vec<(&'static str, u16)>>,
    /// Whether such a response asks for a wait of seven seconds.
    retry_after: Cell<bool>,
    store_fails: Cell<bool>,
}

impl<'a> Line<'a> {
    fn new(service: &'a TestService) -> Self {
        Self {
            service,
            noted: RefCell::default(),
            cut: RefCell::default(),
            cut_after: RefCell::default(),
            answers: RefCell::default(),
            retry_after: Cell::new(false),
            store_fails: Cell::new(false),
        }
    }

    fn carry(&self, request: Request<Bytes>) -> Result<Response<Vec<u8>>, Cut> {
        let path = request.uri().path().rsplit('/').next().unwrap().to_owned();
        self.noted.borrow_mut().push(path.clone());
        let take = |paths: &RefCell<Vec<&str>>| {
            let place = paths.borrow().iter().position(|wanted| *wanted == path);
            place.map(|place| paths.borrow_mut().remove(place)).is_some()
        };
        let answer = self.answers.borrow().iter().position(|(wanted, _)| *wanted == path);
        if take(&self.cut) {
            return Err(Cut);
        }
        if let Some(place) = answer {
            let (_, status) = self.answers.borrow_mut().remove(place);
            let mut response = Response::builder().status(status).body(vec![]).unwrap();
            if self.retry_after.get() {
                response.headers_mut().insert("retry-after", "7".parse().unwrap());
            }
            return Ok(response);
        }
        let response = self.service.handle(request);
        if take(&self.cut_after) { Err(Cut) } else { Ok(response) }
    }

    /// What was sent and saved since this was last asked.
    fn take(&self) -> Vec<String> {
        self.noted.take()
    }
}

impl Transport for &Line<'_> {
    type Error = Cut;
    fn send(&self, request: Request<Bytes>, limit: usize) -> Result<Response<Vec<u8>>, Cut> {
        assert_eq!(limit, if is_login(&request) { location_auth::transports::RESPONSE_LIMIT } else { 1000 });
        self.carry(request)
    }
}

impl AsyncTransport for &Line<'_> {
    type Error = Cut;
    fn send(&self, request: Request<Bytes>, limit: usize) -> impl Future<Output = Result<Response<Vec<u8>>, Cut>> {
        ready(Transport::send(self, request, limit))
    }
}

impl Line<'_> {
    fn save(&self, token: &SavedToken) -> Result<(), StoreError> {
        let whose = token.location().map_or("a user's", |location| location.as_str());
        self.noted.borrow_mut().push(format!("save {whose}"));
        if self.store_fails.get() { Err("the disk is full".into()) } else { Ok(()) }
    }
}

impl TokenStore for &Line<'_> {
    type Turn = ();

    fn open(&self, _: &RecordKey) -> Result<((), Stored), StoreError> {
        Ok(((), Stored::SavesOnly))
    }

    fn write(&self, (): &mut (), record: &Record) -> Result<(), StoreError> {
        self.save(record.new_token().expect("nothing else is saved"))
    }
}

impl AsyncTokenStore for &Line<'_> {
    type Turn = ();

    fn open(&self, key: RecordKey) -> impl Future<Output = Result<((), Stored), StoreError>> {
        ready(TokenStore::open(self, &key))
    }

    fn write(&self, turn: &mut (), record: Record) -> impl Future<Output = Result<(), StoreError>> {
        ready(TokenStore::write(self, turn, &record))
    }
}

/// The two clients, to be asked the same and to do the same.
enum Either<'a> {
    Blocking(Client<&'a Line<'a>, &'a Line<'a>>),
    Async(AsyncClient<&'a Line<'a>, &'a Line<'a>>),
}

macro_rules! both {
    ($self:ident, $client:ident => $result:expr) => {
        match $self {
            Self::Blocking($client) => $result,
            Self::Async($client) => $result,
        }
    };
}

impl Either<'_> {
    fn call(&self, request: Request<Bytes>) -> Result<Response<Vec<u8>>, CallError<Cut>> {
        match self {
            Self::Blocking(client) => client.call(request),
            Self::Async(client) => now(client.call(request)),
        }
    }

    fn call_with<B>(
        &self,
        call: Call<B>,
        send: impl Fn(Request<B>) -> Result<Response<Vec<u8>>, Cut>,
    ) -> Result<Response<Vec<u8>>, CallError<Cut>> {
        match self {
            Self::Blocking(client) => client.call_with(call, send),
            Self::Async(client) => now(client.call_with(call, |request| ready(send(request)))),
        }
    }

    fn try_again(&self) {
        both!(self, client => client.try_again());
    }

    fn call_with_retries(
        &self,
        request: Request<Bytes>,
        backoff: Backoff,
        waits: &RefCell<Vec<Duration>>,
    ) -> Result<Response<Vec<u8>>, CallError<Cut>> {
        let sleep = |wait| waits.borrow_mut().push(wait);
        match self {
            Self::Blocking(client) => client.call_with_retries(request, backoff, sleep),
            Self::Async(client) => now(client.call_with_retries(request, backoff, |wait| {
                sleep(wait);
                ready(())
            })),
        }
    }

    fn received(&self, attempt: Attempt, status: u16) -> Result<Option<Replay>, TokenError> {
        let status = status.try_into().unwrap();
        match self {
            Self::Blocking(client) => client.received(attempt, status),
            Self::Async(client) => now(client.received(attempt, status)),
        }
    }

    fn ensure_token(&self) -> Result<(), TokenError> {
        match self {
            Self::Blocking(client) => client.ensure_token(),
            Self::Async(client) => now(client.ensure_token()),
        }
    }

    fn authorize(&self, request: &mut Request<Bytes>) -> Attempt {
        both!(self, client => client.authorize(request)).unwrap()
    }

    fn replay(&self, replay: Replay, request: &mut Request<Bytes>) -> Attempt {
        both!(self, client => client.replay(replay, request)).unwrap()
    }

    fn set_login(&self, login: UserLogin) -> Result<(), Misuse> {
        both!(self, client => client.set_login(login))
    }

    fn set_user_token(&self, token: UserAccessToken) -> Result<(), Misuse> {
        both!(self, client => client.set_user_token(token))
    }

    fn set_location_token(&self, token: LocationAccessToken) -> Result<(), Misuse> {
        both!(self, client => client.set_location_token(token))
    }

    fn forget(&self) -> Result<(), StoreError> {
        match self {
            Self::Blocking(client) => client.forget(),
            Self::Async(client) => now(client.forget()),
        }
    }

    fn take_unsaved(&self) -> Vec<String> {
        both!(self, client => client.take_unsaved()).iter().map(ToString::to_string).collect()
    }

    fn unsaved(&self) -> Vec<String> {
        both!(self, client => client.unsaved()).iter().map(ToString::to_string).collect()
    }

    fn state(&self) -> TokenState {
        both!(self, client => client.state())
    }

    /// The call met a 401 that could not be helped, and this is why.
    fn rejection(&self, request: Request<Bytes>) -> TokenError {
        match self.call(request) {
            Err(CallError::TokenRejected { error, response, .. }) => {
                assert_eq!(response.status(), 401, "the caller gets what the service answered to the call");
                error
            }
            other => panic!("{other:?}"),
        }
    }
}

thread_local! {
    static NOW: Cell<Duration> = const { Cell::new(Duration::ZERO) };
}

/// Runs the test against both clients, each with a service of its own.
fn with_both(
    session: fn(&TestService) -> Session,
    owner: fn(&TestService) -> Owner,
    test: impl Fn(&TestService, &Line<'_>, Either<'_>),
) {
    for blocking in [true, false] {
        NOW.set(Duration::from_secs(1000));
        let service = TestService::new();
        let line = Line::new(&service);
        let (session, owner) = (session(&service), owner(&service));
        let client = if blocking {
            Either::Blocking(Client::with_owner(session, owner, &line, &line).with_limit(1000).with_clock(|| NOW.get()))
        } else {
            Either::Async(
                AsyncClient::with_owner(session, owner, &line, &line).with_limit(1000).with_clock(|| NOW.get()),
            )
        };
        test(&service, &line, client);
    }
}

fn nobody(service: &TestService) -> Owner {
    Owner::new(&service.app)
}

fn with_login(service: &TestService) -> Owner {
    service.owner(PASSWORD)
}

fn with_user_token(service: &TestService) -> Owner {
    let mut owner = Owner::new(&service.app);
    owner.set_user_token(service.user_token()).unwrap();
    owner
}

fn with_old_password(service: &TestService) -> Owner {
    service.owner("an old password")
}

const BOTH_STEPS: [&str; 6] = ["contacts", "user_token", "save a user's", "token", "save loc-1", "contacts"];
const STEP_2_ALONE: [&str; 4] = ["contacts", "token", "save loc-1", "contacts"];

#[test]
fn a_call_is_authorized_and_sent_once() {
    with_both(TestService::session, with_login, |_, line, client| {
        let response = client.call(call(1)).unwrap();
        assert_eq!((response.status().as_u16(), client.unsaved().len()), (200, 0));
        assert_eq!(line.take(), ["contacts"]);
    });
}

#[test]
fn a_rejected_token_is_reported_with_its_location_and_no_login_is_sent() {
    with_both(TestService::revoked_session, nobody, |_, line, client| {
        let error = client.call(call(1)).unwrap_err();
        assert!(
            matches!(&error, CallError::TokenRejected { error, response, .. } if error.location().unwrap().as_str() == "loc-1"
            && matches!(error.kind(), TokenErrorKind::NotEnabled) && response.headers().contains_key("x-request-id"))
        );
        assert_eq!(
            error.to_string(),
            "the access token of Location loc-1 was rejected; the caller is at fault: log in again, or let an Owner renew it"
        );
        assert_eq!((error.fault(), error.retry(), error.source().is_none()), (Fault::Caller, Retry::Never, true));
        assert_eq!(line.take(), ["contacts"]);
        assert!(matches!(client.state(), TokenState::Rejected));
    });
}

#[test]
fn with_the_owners_login_a_rejected_token_is_renewed_and_each_new_token_is_saved_before_it_is_used() {
    with_both(TestService::revoked_session, with_login, |service, line, client| {
        assert_eq!(client.call(call(1)).unwrap().status(), 200);
        assert_eq!(line.take(), BOTH_STEPS);
        assert!(matches!(client.state(), TokenState::Present));

        service.emulator.lock().unwrap().revoke_location("loc-1");
        assert_eq!(client.call(call(1)).unwrap().status(), 200);
        assert_eq!(line.take(), STEP_2_ALONE, "the User Access Token is kept: no second login");

        service.revoke_all();
        NOW.set(NOW.get() + Duration::from_secs(60));
        assert_eq!(client.call(call(1)).unwrap().status(), 200);
        let from_step_1 =
            ["contacts", "token", "user_token", "save a user's", "token", "save loc-1", "contacts"].map(String::from);
        assert_eq!(line.take(), from_step_1, "the User Access Token was revoked, too");
    });
}

#[test]
fn with_a_user_access_token_there_is_no_login_at_all() {
    with_both(TestService::revoked_session, with_user_token, |service, line, client| {
        let logins = service.issued().0;
        assert_eq!(client.call(call(1)).unwrap().status(), 200);
        assert_eq!((line.take(), service.issued().0), (STEP_2_ALONE.map(String::from).to_vec(), logins));

        service.revoke_all();
        let error = client.rejection(call(1));
        assert!(matches!(error.kind(), TokenErrorKind::Response(error) if error.step() == Step::LocationToken));
        for _ in 0..20 {
            client.rejection(call(1));
        }
        assert_eq!(line.take().iter().filter(|noted| *noted != "contacts").count(), 1, "the owner has to log in");
        assert!(matches!(client.state(), TokenState::Paused(_)));
        client.set_user_token(service.user_token()).unwrap();
        assert_eq!(client.call(call(1)).unwrap().status(), 200);
    });
}

#[test]
fn a_token_that_the_store_fails_to_save_is_used_and_listed_until_it_is_saved() {
    with_both(TestService::revoked_session, with_login, |_, line, client| {
        line.store_fails.set(true);
        assert_eq!(
            (client.call(call(1)).unwrap().status().as_u16(), line.take()),
            (200, BOTH_STEPS.map(String::from).to_vec())
        );
        let unsaved = [
            "a Location Access Token of Location loc-1 is not in the store yet: the disk is full",
            "a User Access Token is not in the store yet: the disk is full",
        ];
        assert_eq!((client.unsaved(), client.unsaved()), (unsaved.map(Into::into).to_vec(), client.unsaved()));
        assert_eq!((client.call(call(1)).unwrap().status().as_u16(), line.take()), (200, vec!["contacts".to_owned()]));

        line.store_fails.set(false);
        NOW.set(NOW.get() + Duration::from_secs(60));
        assert_eq!(client.call(call(1)).unwrap().status(), 200);
        assert_eq!(line.take(), ["contacts", "save loc-1", "save a user's"], "once a minute");
        assert!(client.unsaved().is_empty());
    });
}

#[test]
fn a_program_takes_the_tokens_that_are_not_saved_once() {
    with_both(TestService::revoked_session, with_login, |_, line, client| {
        assert!(client.take_unsaved().is_empty());
        line.store_fails.set(true);
        line.answers.borrow_mut().push(("token", 403));
        client.rejection(call(1));
        assert_eq!(client.take_unsaved().len(), 1, "step 2 was refused, and the owner's token is in memory alone");
        assert!(client.take_unsaved().is_empty());
    });
}

#[test]
fn a_new_token_is_saved_even_if_the_call_that_needed_it_fails() {
    with_both(TestService::session, with_login, |_, line, client| {
        line.answers.borrow_mut().push(("contacts", 401));
        assert_eq!(client.call(call(1)).unwrap().status(), 200);
        line.take();
        // The next one is rejected, renewed, and then cut.
        line.answers.borrow_mut().push(("contacts", 401));
        let mut request = call(1);
        let attempt = client.authorize(&mut request);
        let replay = client.received(attempt, 401).unwrap().unwrap();
        assert_eq!(line.take(), ["token", "save loc-1"], "saved before the call is sent again");
        client.replay(replay, &mut call(1));
    });
}

#[test]
fn a_call_is_not_sent_again_after_a_second_401() {
    with_both(TestService::revoked_session, with_login, |service, line, client| {
        // A route that no Location's token opens: the new token meets a 401 as well.
        service.emulator.lock().unwrap().add_route("/me", Access::User);
        let me = || Request::get("https://api.example.com/me").body(Bytes::new()).unwrap();
        assert!(matches!(client.rejection(me()).kind(), TokenErrorKind::RejectedAgain));
        assert_eq!(line.take(), ["me", "user_token", "save a user's", "token", "save loc-1", "me"]);
    });
}

#[test]
fn an_exchange_that_failed_is_sent_again_without_another_login() {
    with_both(TestService::revoked_session, with_login, |service, line, client| {
        line.cut.borrow_mut().push("token");
        let error = client.call(call(1)).unwrap_err();
        assert!(matches!(&error, CallError::TokenRejected { error, .. } if error.step() == Some(Step::LocationToken)));
        assert_eq!(error.source().unwrap().to_string(), "the line was cut");
        assert_eq!(
            error.to_string(),
            "the access token of Location loc-1 was rejected, and renewing it failed at step 2 (Location Access Token): no complete response \
             came, and the request may have arrived; the transport is at fault: check the network and the location token URL"
        );
        line.take();
        assert_eq!(client.call(call(1)).unwrap().status(), 200);
        assert_eq!(line.take(), STEP_2_ALONE);
        assert_eq!(service.issued(), (2, 2), "one of each for the first token, one of each for the client");
    });
}

#[test]
fn a_refused_login_pauses_until_there_are_other_credentials() {
    with_both(TestService::revoked_session, with_old_password, |service, line, client| {
        let error = client.call(call(1)).unwrap_err();
        assert_eq!(
            error.to_string(),
            "the access token of Location loc-1 was rejected, and renewing it failed: step 1 (User Access Token): the service refused \
             (status 401), saying \"invalid_credentials: Wrong email or password\", request id 4; the caller is at fault: \
             check the owner's email and password"
        );
        for _ in 0..50 {
            assert!(matches!(client.rejection(call(1)).kind(), TokenErrorKind::Paused { .. }));
        }
        assert_eq!(line.take().iter().filter(|noted| *noted == "user_token").count(), 1);
        assert!(matches!(client.state(), TokenState::Paused(error) if error.step() == Some(Step::UserToken)));
        client.try_again();
        assert!(matches!(client.rejection(call(1)).kind(), TokenErrorKind::Response(_)));
        client.set_login(service.login(PASSWORD)).unwrap();
        assert_eq!(client.call(call(1)).unwrap().status(), 200);
    });
}

#[test]
fn a_call_whose_body_cannot_be_sent_again_gets_an_error_and_the_token_is_renewed() {
    with_both(TestService::revoked_session, with_login, |_, line, client| {
        /// No `Clone`.
        struct Stream;
        let upload = || call(1).map(|_| Stream);
        let send = |request: Request<Stream>| line.carry(request.map(|Stream| Bytes::new()));
        let error = client.call_with(Call::once(upload()), send).unwrap_err();
        assert!(matches!(&error, CallError::NotRepeated { response, .. } if response.status() == 401));
        assert_eq!((error.fault(), error.retry()), (Fault::Caller, Retry::Now));
        assert_eq!(format!("{error:?}"), "NotRepeated { location: Some(\"loc-1\"), .. }");
        assert_eq!(line.take(), BOTH_STEPS[..5]);
        assert_eq!(client.call_with(Call::once(upload()), send).unwrap().status(), 200);
    });
}

#[test]
fn a_call_whose_body_can_be_rebuilt_is_sent_again_with_the_new_token() {
    with_both(TestService::revoked_session, with_login, |_, line, client| {
        let sent = RefCell::new(Vec::new());
        let upload = |part: &'static str| call(1).map(|_| Cell::new(part));
        let send = |request: Request<Cell<&'static str>>| {
            sent.borrow_mut().push(request.body().get());
            line.carry(request.map(|_| Bytes::new()))
        };
        let response = client.call_with(Call::repeating(upload("first"), Some(upload("made again"))), send);
        assert_eq!((response.unwrap().status().as_u16(), sent.take()), (200, vec!["first", "made again"]));
    });
}

#[test]
fn a_busy_service_is_retried_after_its_wait_only_if_the_caller_asks_for_it() {
    with_both(TestService::session, with_login, |_, line, client| {
        let waits = RefCell::new(Vec::new());
        let seconds = Duration::from_secs;
        let backoff = || Backoff::new(2, seconds(1), seconds(60));
        let busy = |times| line.answers.borrow_mut().extend([("contacts", 429)].repeat(times));
        busy(1);
        assert_eq!(client.call(call(1)).unwrap().status(), 429);
        busy(2);
        assert_eq!(client.call_with_retries(call(1), backoff(), &waits).unwrap().status(), 200);
        assert_eq!(waits.take(), [seconds(1), seconds(2)]);
        line.answers.borrow_mut().push(("contacts", 429));
        line.retry_after.set(true);
        assert_eq!(client.call_with_retries(call(1), backoff(), &waits).unwrap().status(), 200);
        assert_eq!(waits.take(), [seconds(7)], "what the service asks for");
        line.retry_after.set(false);
        busy(3);
        assert_eq!(client.call_with_retries(call(1), backoff(), &waits).unwrap().status(), 429, "the budget is two");
        assert_eq!(waits.take().len(), 2);
        line.answers.borrow_mut().push(("contacts", 500));
        assert_eq!(client.call_with_retries(call(1), backoff(), &waits).unwrap().status(), 500);
        line.cut.borrow_mut().push("contacts");
        client.call_with_retries(call(1), backoff(), &waits).unwrap_err();
        assert!(waits.take().is_empty(), "it may have acted");
    });
}

#[test]
fn a_request_that_the_program_sends_itself_shares_the_clients_state() {
    with_both(TestService::revoked_session, with_login, |service, line, client| {
        let mut request = call(1);
        let attempt = client.authorize(&mut request);
        assert_eq!(line.carry(request).unwrap().status(), 401);
        let replay = client.received(attempt, 401).unwrap().unwrap();
        let mut again = call(1);
        let attempt = client.replay(replay, &mut again);
        assert_eq!(line.carry(again).unwrap().status(), 200);
        assert!(client.received(attempt, 200).unwrap().is_none());
        assert_eq!(client.call(call(1)).unwrap().status(), 200);
        assert_eq!(service.issued(), (2, 2), "one revocation, one login");

        let early = client.authorize(&mut call(1));
        client.set_location_token(service.token()).unwrap();
        let replay = client.received(early, 401).unwrap().unwrap();
        let attempt = client.replay(replay, &mut call(1));
        let error = client.received(attempt, 401).unwrap_err();
        assert!(matches!(error.kind(), TokenErrorKind::RejectedAgain), "and not a third time");
    });
}

#[test]
fn the_first_call_of_a_location_without_a_token_gets_one_and_is_sent_once() {
    with_both(TestService::session_without_a_token, with_login, |_, line, client| {
        assert!(matches!(client.state(), TokenState::NoToken));
        assert_eq!(client.call(call(1)).unwrap().status(), 200);
        assert_eq!(line.take(), &BOTH_STEPS[1..]);
        assert_eq!(client.call(call(1)).unwrap().status(), 200);
        assert_eq!(line.take(), ["contacts"]);
    });
    with_both(TestService::session_without_a_token, with_user_token, |service, line, client| {
        // It was not sent before, so it need not be sent again.
        let response = client.call_with(Call::once(call(1)), |request| line.carry(request)).unwrap();
        assert_eq!(response.status(), 200);
        assert_eq!(line.take(), &STEP_2_ALONE[1..]);
        service.emulator.lock().unwrap().revoke_location("loc-1");
        assert_eq!(client.call(call(1)).unwrap().status(), 200);
        assert_eq!(line.take(), STEP_2_ALONE);
    });
}

#[test]
fn a_call_that_gets_no_first_token_is_not_sent_and_says_why() {
    let no_token = |result| match result {
        Err(CallError::NoToken { error, transport }) => (error, transport),
        other => panic!("{other:?}"),
    };
    with_both(TestService::session_without_a_token, nobody, |_, line, client| {
        let error = client.call(call(1)).unwrap_err();
        assert_eq!((error.fault(), error.retry(), error.source().is_none()), (Fault::Caller, Retry::Never, true));
        let (error, _) = no_token(Err(error));
        assert!(matches!(error.kind(), TokenErrorKind::NotEnabled));
        assert!(line.take().is_empty());
    });
    with_both(TestService::session_without_a_token, with_old_password, |_, line, client| {
        for sent in [1, 0] {
            let (error, _) = no_token(client.call(call(1)));
            assert_eq!(error.location().unwrap().as_str(), "loc-1");
            assert_eq!(line.take().len(), sent, "the password is sent once");
        }
    });
    with_both(TestService::session_without_a_token, with_login, |service, line, client| {
        line.cut.borrow_mut().push("user_token");
        let error = client.call(call(1)).unwrap_err();
        assert!(error.source().unwrap().is::<Cut>());
        assert!(format!("{error:?}").starts_with("NoToken { error: TokenError { "), "{error:?}");
        assert_eq!(no_token(Err(error)).1, Some(Cut));
        line.answers.borrow_mut().push(("token", 429));
        let waits = RefCell::default();
        let response = client.call_with_retries(call(1), Backoff::default(), &waits).unwrap();
        assert_eq!((response.status().as_u16(), waits.take().len(), service.issued()), (200, 1, (1, 1)));
    });
}

#[test]
fn a_call_that_can_never_be_sent_requests_no_first_token() {
    let at = |url: &str| Request::get(url).body(Bytes::new()).unwrap();
    let by_header = TestService::session_without_a_token;
    let by_query =
        |service: &TestService| service.session_without_a_token().with_query_parameter("access_token").unwrap();
    let mut host = call(1);
    host.headers_mut().insert("host", "elsewhere.example.com".parse().unwrap());
    type MakeSession = fn(&TestService) -> Session;
    let rows: [(_, MakeSession, _); 6] = [
        (at("https://elsewhere.example.com/"), by_header, Misuse::OriginNotAllowed),
        (at("/contacts"), by_header, Misuse::RelativeUrl),
        (host, by_header, Misuse::HostMismatch),
        (at(&format!("{CONTACTS}?access_token=t")), by_query, Misuse::DuplicateParameter),
        (at(&format!("{CONTACTS}?page=2&Access_Token=t")), by_query, Misuse::DuplicateParameter),
        (at(&format!("{CONTACTS}?{}", "a".repeat(65_480))), by_query, Misuse::RequestTooLarge),
    ];
    for (request, session, misuse) in rows {
        for owner in [nobody, with_login] {
            with_both(session, owner, |_, line, client| {
                let refused = |result: Result<Response<Vec<u8>>, CallError<Cut>>| {
                    assert!(matches!(&result, Err(CallError::Misuse(found)) if *found == misuse), "{result:?}");
                    assert!(line.take().is_empty(), "nothing is sent");
                };
                refused(client.call(request.clone()));
                let send = |request| line.carry(request);
                refused(client.call_with(Call::once(request.clone()), send));
                refused(client.call_with(Call::repeating(call(1), Some(request.clone())), send));
                if let Either::Async(client) = &client {
                    OVER.iter().for_each(|over| refused(now(over.call(client, client.transport(), request.clone()))));
                }
            });
        }
    }
}

#[test]
fn a_token_request_that_was_cut_is_not_blamed_for_what_came_after_it() {
    let service = TestService::new();
    let revoked = service.token();
    service.revoke(revoked.expose_secret());
    let is_cut = Cell::new(false);
    let transport = |request: Request<Bytes>, _: usize| async {
        if !is_cut.get() {
            poll_fn(|_| if is_cut.get() { Poll::Ready(()) } else { Poll::Pending }).await;
            return Err(Cut);
        }
        Ok(service.handle(request))
    };
    let keep = |_: SavedToken| ready(Ok::<_, Cut>(()));
    let client =
        AsyncClient::with_owner(service.session_without_a_token(), with_old_password(&service), transport, keep);
    let mut called = pin!(client.call(call(1)));
    let context = &mut Context::from_waker(Waker::noop());
    assert!(called.as_mut().poll(context).is_pending(), "the first token is requested");
    client.set_location_token(revoked).unwrap();
    is_cut.set(true);
    let Poll::Ready(Err(error)) = called.as_mut().poll(context) else { panic!("the token is revoked") };
    assert!(
        matches!(&error, CallError::TokenRejected { error, transport: None, .. } if matches!(error.kind(), TokenErrorKind::RejectedAgain)),
        "{error:?}"
    );
}

type Task = Pin<Box<dyn Future<Output = ()> + Send>>;
type Tasks = Arc<Mutex<Vec<Task>>>;

/// A service whose token requests wait until the test lets them through, and a client that spawns into a list.
fn spawning() -> (Arc<TestService>, Arc<AtomicBool>, Tasks, AsyncClient<impl AsyncTransport<Error = Infallible>>) {
    let (service, is_open, tasks) = (Arc::new(TestService::new()), Arc::<AtomicBool>::default(), Tasks::default());
    let (at, open) = (Arc::clone(&service), Arc::clone(&is_open));
    let transport = move |request: Request<Bytes>, _: usize| {
        let (at, open) = (Arc::clone(&at), Arc::clone(&open));
        async move {
            if is_login(&request) {
                poll_fn(|_| if open.load(SeqCst) { Poll::Ready(()) } else { Poll::Pending }).await;
            }
            Ok::<_, Infallible>(at.handle(request))
        }
    };
    let client =
        AsyncClient::with_owner(service.session_without_a_token(), service.owner(PASSWORD), transport, NoStore);
    let spawned = Arc::clone(&tasks);
    let client = client.with_spawn(move |detached| spawned.lock().unwrap().push(Box::pin(detached.run())));
    (service, is_open, tasks, client)
}

fn poll_all(tasks: &Mutex<Vec<Task>>) {
    let context = &mut Context::from_waker(Waker::noop());
    tasks.lock().unwrap().retain_mut(|task| task.as_mut().poll(context).is_pending());
}

#[test]
fn a_token_request_that_is_spawned_outlives_the_calls_that_wait_for_it() {
    let (service, is_open, tasks, client) = spawning();
    let context = &mut Context::from_waker(Waker::noop());
    for _ in 0..2 {
        let mut visitor = Box::pin(client.call(call(1)));
        assert!(visitor.as_mut().poll(context).is_pending());
        poll_all(&tasks);
        drop(visitor);
    }
    let (mut third, mut idle) = (pin!(client.call(call(1))), pin!(client.idle()));
    assert!(third.as_mut().poll(context).is_pending() && idle.as_mut().poll(context).is_pending());
    is_open.store(true, SeqCst);
    for _ in 0..6 {
        poll_all(&tasks);
    }
    let Poll::Ready(answered) = third.as_mut().poll(context) else { panic!("the token is there") };
    assert_eq!((answered.unwrap().status().as_u16(), service.issued()), (200, (1, 1)));
    assert!(tasks.lock().unwrap().is_empty() && idle.as_mut().poll(context).is_ready());
}

#[test]
fn a_call_whose_spawned_token_request_is_dropped_gets_an_error_and_the_next_one_a_token() {
    let (service, is_open, tasks, client) = spawning();
    let context = &mut Context::from_waker(Waker::noop());
    let mut visitor = Box::pin(client.call(call(1)));
    assert!(visitor.as_mut().poll(context).is_pending());
    tasks.lock().unwrap().clear();
    let Poll::Ready(Err(CallError::NoToken { error, .. })) = visitor.as_mut().poll(context) else { panic!("it hangs") };
    assert!(matches!(error.kind(), TokenErrorKind::Abandoned), "{error}");
    is_open.store(true, SeqCst);
    let mut next = pin!(client.call(call(1)));
    assert!(next.as_mut().poll(context).is_pending());
    poll_all(&tasks);
    assert!(matches!(next.as_mut().poll(context), Poll::Ready(Ok(_))));
    assert_eq!(service.issued(), (1, 1));
}

#[test]
fn a_caller_who_waits_for_another_ones_token_request_is_told_why_it_failed() {
    let service = TestService::new();
    let is_out = Cell::new(false);
    let transport = |_: Request<Bytes>, _: usize| async {
        poll_fn(|_| if is_out.get() { Poll::Ready(()) } else { Poll::Pending }).await;
        Err::<Response<Vec<u8>>, _>(SendError::new(SendErrorKind::TimedOut, Delivery::Unknown, None))
    };
    let client =
        AsyncClient::with_owner(service.session_without_a_token(), service.owner(PASSWORD), transport, NoStore);
    let context = &mut Context::from_waker(Waker::noop());
    let (mut first, mut second) = (pin!(client.call(call(1))), pin!(client.call(call(2))));
    assert!(first.as_mut().poll(context).is_pending() && second.as_mut().poll(context).is_pending());
    is_out.set(true);
    assert!(first.as_mut().poll(context).is_ready());
    let Poll::Ready(Err(CallError::NoToken { error, transport: None })) = second.as_mut().poll(context) else {
        panic!("it was not this caller's request")
    };
    let words = "; the transport is at fault: timed out: check the network, or give the client more time";
    assert!(error.to_string().ends_with(words), "{error}");
}

#[test]
fn a_program_that_sends_its_calls_itself_gets_the_first_token_before() {
    with_both(TestService::session_without_a_token, with_login, |service, line, client| {
        client.ensure_token().unwrap();
        client.ensure_token().unwrap();
        assert_eq!((line.take().len(), service.issued()), (4, (1, 1)));
        let mut request = call(1);
        client.authorize(&mut request);
        assert_eq!(line.carry(request).unwrap().status(), 200);
    });
    with_both(TestService::session_without_a_token, nobody, |_, _, client| {
        assert!(matches!(client.ensure_token().unwrap_err().kind(), TokenErrorKind::NotEnabled));
    });
}

#[test]
fn a_token_set_by_the_program_is_used_by_calls_in_flight() {
    with_both(TestService::revoked_session, nobody, |service, _, client| {
        let attempt = client.authorize(&mut call(1));
        client.set_location_token(service.token()).unwrap();
        assert!(client.received(attempt, 401).unwrap().is_some(), "it may be sent again");
        assert_eq!(client.call(call(1)).unwrap().status(), 200);
        let elsewhere = service.token_of("loc-2", &service.user_token());
        assert_eq!(client.set_location_token(elsewhere).unwrap_err(), Misuse::WrongLocation);
    });
}

#[test]
fn a_client_that_forgets_its_owner_no_longer_renews() {
    with_both(TestService::revoked_session, with_login, |_, line, client| {
        client.forget().unwrap();
        assert!(matches!(client.rejection(call(1)).kind(), TokenErrorKind::NotEnabled));
        assert_eq!(line.take(), ["contacts"]);
    });
}

#[test]
fn credentials_of_the_other_environment_are_refused() {
    with_both(TestService::session, nobody, |service, line, client| {
        let production = App::new(test_service::settings::settings_for(Environment::Production)).unwrap();
        let login = production.user_login(EMAIL, PASSWORD).unwrap();
        let misuse = Misuse::WrongEnvironment { token: Environment::Production, app: Environment::Staging };
        assert_eq!(client.set_login(login).unwrap_err(), misuse);
        assert_eq!((line.take(), service.issued()), (vec![], (1, 1)));
    });
}

#[test]
fn an_owner_and_a_session_of_two_hosts_send_nothing() {
    fn app(host: &str) -> App {
        App::new(test_service::settings::settings_at(Environment::Staging, &format!("https://{host}"))).unwrap()
    }
    // The owner is of api.example.com, and its User Access Token would go to the session's host.
    let first: fn(&TestService) -> Session = |_| app("api.example.net").location("loc-1").unwrap().session();
    let revoked: fn(&TestService) -> Session = |service| {
        let saved = serde_json::to_string(&SavedToken::from(&service.token())).unwrap();
        let saved: SavedToken = serde_json::from_str(&saved).unwrap();
        service.revoke_all();
        Session::for_location(&app("api.example.net"), saved.try_into().unwrap()).unwrap()
    };
    for (session, sent) in [(first, 0), (revoked, 1)] {
        for owner in [with_login, with_user_token] {
            with_both(session, owner, |_, line, client| {
                let call = Request::get(CONTACTS.replace("example.com", "example.net")).body(Bytes::new()).unwrap();
                let error = match client.call(call).unwrap_err() {
                    CallError::NoToken { error, .. } | CallError::TokenRejected { error, .. } => error,
                    other => panic!("{other:?}"),
                };
                let TokenErrorKind::Misuse(misuse) = error.kind() else { panic!("{error}") };
                assert!(matches!(misuse, Misuse::WrongOrigin { .. }), "{misuse}");
                assert_eq!(line.take(), vec!["contacts".to_owned(); sent], "no token request");
            });
        }
    }
}

#[test]
fn any_other_status_is_returned_to_the_caller() {
    with_both(TestService::session, with_login, |_, line, client| {
        let elsewhere = Request::get("https://api.example.com/elsewhere").body(Bytes::new()).unwrap();
        assert_eq!(client.call(elsewhere).unwrap().status(), 404);
        assert_eq!(line.take(), ["elsewhere"]);
    });
}

#[test]
fn a_call_that_meets_503_429_or_a_broken_connection_is_not_sent_again() {
    with_both(TestService::session, with_login, |service, line, client| {
        for (condition, retry) in [
            (Condition::Down(Some(9)), Retry::After(Duration::from_secs(9))),
            (Condition::Throttling(None), Retry::Unspecified),
        ] {
            service.emulator.lock().unwrap().set_condition(condition);
            let response = client.call(call(1)).unwrap();
            let told = Retry::after(&Method::GET, response.status(), response.headers());
            assert_eq!((told, line.take()), (retry, vec!["contacts".to_owned()]));
        }
        line.cut.borrow_mut().push("contacts");
        let error = client.call(call(1)).unwrap_err();
        assert!(matches!(&error, CallError::Transport { error: Cut, delivery: Delivery::Unknown, .. }));
        assert_eq!(line.take(), ["contacts"]);
        assert_eq!(
            error.to_string(),
            "no complete response to the call of Location loc-1 came, and it may have arrived; the transport is at fault: \
             check the network, and make it again only if twice does no harm"
        );
        assert_eq!((error.fault(), error.source().unwrap().to_string()), (Fault::Transport, "the line was cut".into()));
        assert_eq!(error.retry(), Retry::Never);
        let not_sent = CallError::<Cut>::Transport { location: None, error: Cut, delivery: Delivery::NotSent };
        assert_eq!(not_sent.retry(), Retry::Unspecified);
    });
}

#[test]
fn a_401_to_a_session_without_a_token_is_an_ordinary_response() {
    with_both(
        |service| Session::without_token(&service.app),
        with_login,
        |_, line, client| {
            assert_eq!(client.call(call(1)).unwrap().status(), 401);
            let open = Request::get("https://api.example.com/open").body(Bytes::new()).unwrap();
            assert_eq!(client.call(open).unwrap().status(), 200);
            assert_eq!(line.take(), ["contacts", "open"]);
            assert!(matches!(client.state(), TokenState::NoToken));
        },
    );
}

#[test]
fn the_token_of_a_user_is_not_renewed() {
    let session = |service: &TestService| Session::for_user(&service.app, service.user_token()).unwrap();
    with_both(session, with_login, |_, line, client| {
        let error = client.rejection(call(1));
        assert!(matches!(error.kind(), TokenErrorKind::NotEnabled) && error.location().is_none());
        assert_eq!(line.take(), ["contacts"]);
    });
}

#[test]
fn a_call_that_may_not_carry_credentials_is_not_sent() {
    with_both(TestService::session, with_login, |_, line, client| {
        let elsewhere = Request::get("https://evil.example.net/").body(Bytes::new()).unwrap();
        let error = client.call(elsewhere).unwrap_err();
        assert!(matches!(error, CallError::Misuse(Misuse::OriginNotAllowed)));
        assert_eq!((error.fault(), error.retry(), line.take()), (Fault::Caller, Retry::Never, vec![]));
    });
}

#[test]
fn clients_of_an_owners_locations_share_the_owner() {
    let service = TestService::new();
    let line = Line::new(&service);
    let user = service.user_token();
    let [first, second] = ["loc-1", "loc-2"]
        .map(|location| Session::for_location(&service.app, service.token_of(location, &user)).unwrap());
    service.revoke_all();
    let first = Client::with_owner(first, service.owner(PASSWORD), &line, &line).with_limit(1000);
    let second = first.for_session(second);
    for (client, location) in [(&first, "loc-1"), (&second, "loc-2"), (&first.clone(), "loc-1")] {
        let url = format!("https://api.example.com/locations/{location}/contacts");
        assert_eq!(client.call(Request::get(url).body(Bytes::new()).unwrap()).unwrap().status(), 200);
        assert_eq!(client.location().unwrap().as_str(), location);
    }
    assert_eq!(service.issued(), (2, 4), "one login for both");
}

#[test]
fn the_response_limit_is_set_by_the_client_and_one_call_can_override_it() {
    let service = TestService::new();
    let limits = RefCell::new(vec![]);
    let transport = |request: Request<Bytes>, limit: usize| {
        limits.borrow_mut().push(limit);
        Ok::<_, Cut>(service.handle(request))
    };
    let client = Client::new(service.session(), transport);
    client.call(call(1)).unwrap();
    client.with_limit(5).call(call(1)).unwrap();
    client.call(call(1)).unwrap();
    assert_eq!(limits.take(), [1024 * 1024, 5, 1024 * 1024]);
}

#[test]
fn a_transport_or_a_store_that_calls_its_own_client_gets_an_error_instead_of_a_deadlock() {
    type Send = Box<dyn Fn(Request<Bytes>, usize) -> Result<Response<Vec<u8>>, Cut>>;
    type Save = Box<dyn Fn(&SavedToken) -> Result<(), StoreError>>;
    for store_calls in [false, true] {
        let (service, errors) = (Rc::new(TestService::new()), Rc::new(RefCell::new(vec![])));
        let client = Rc::new(RefCell::new(None::<Client<Send, Save>>));
        let call_from_within = {
            let (client, errors) = (Rc::clone(&client), Rc::clone(&errors));
            Rc::new(move || {
                let own = client.borrow().clone().unwrap();
                errors.borrow_mut().push(own.call(call(2)).unwrap_err().to_string());
            })
        };
        let (shared, within) = (Rc::clone(&service), Rc::clone(&call_from_within));
        let send = move |request: Request<Bytes>, _: usize| {
            if is_login(&request) && !store_calls {
                within();
            }
            Ok(shared.handle(request))
        };
        let save = move |_: &SavedToken| {
            if store_calls {
                call_from_within();
            }
            Ok(())
        };
        let (send, save) = (Box::new(send) as Send, Box::new(save) as Save);
        let own = Client::with_owner(service.revoked_session(), service.owner(PASSWORD), send, save);
        *client.borrow_mut() = Some(own.clone());
        assert_eq!(own.call(call(1)).unwrap().status(), 200);
        assert_eq!(errors.borrow().len(), 2, "once for each step");
        assert!(errors.borrow().iter().all(|error| error.contains("give it a client of its own")), "{errors:?}");
        client.borrow_mut().take();
    }
}

/// Where an async transport or store calls its own client: each place is code of theirs that the client runs while it has the turn.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Within {
    SendBeforeItsFuture,
    SendsFuture,
    SendsFutureDropped,
    /// With the call of its caller, before it was ready.
    SendsFutureCut,
    Delivery,
    Kind,
    SaveBeforeItsFuture,
    SavesFuture,
    SavesFutureDropped,
    Nowhere,
}

thread_local! {
    static WITHIN: Cell<Option<Within>> = const { Cell::new(None) };
    static CLIENT: RefCell<Option<AsyncClient<Intruder, Intruder>>> = const { RefCell::new(None) };
    static ERRORS: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

/// Calls its own client from that place, once, and waits for the response as a program with one thread does.
#[derive(Clone)]
struct Intruder(Rc<TestService>);

fn at(place: Within) {
    let is_due = WITHIN.get() == Some(place);
    if let Some(client) = CLIENT.with_borrow(Clone::clone).filter(|_| is_due) {
        WITHIN.set(None);
        let mut called = pin!(client.call(call(2)));
        let error = match called.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(result) => result.unwrap_err().to_string(),
            Poll::Pending => "it waits for itself for ever".into(),
        };
        ERRORS.with_borrow_mut(|errors| errors.push(error));
    }
}

/// A future that is ready at once, and says where it is.
struct Placed<T>(Option<T>, Within, Within);

impl<T: Unpin> Future for Placed<T> {
    type Output = T;
    fn poll(mut self: std::pin::Pin<&mut Self>, _: &mut Context<'_>) -> Poll<T> {
        at(self.1);
        self.0.take().map_or(Poll::Pending, Poll::Ready)
    }
}

impl<T> Drop for Placed<T> {
    fn drop(&mut self) {
        at(self.2);
    }
}

impl AsyncTransport for Intruder {
    type Error = Cut;
    fn send(&self, request: Request<Bytes>, _: usize) -> impl Future<Output = Result<Response<Vec<u8>>, Cut>> {
        if !is_login(&request) {
            return Placed(Some(Ok(self.0.handle(request))), Within::Nowhere, Within::Nowhere);
        }
        at(Within::SendBeforeItsFuture);
        let fails = matches!(WITHIN.get(), Some(Within::Delivery | Within::Kind));
        let answer = if fails { Err(Cut) } else { Ok(self.0.handle(request)) };
        match WITHIN.get() {
            Some(Within::SendsFutureCut) => Placed(None, Within::SendsFuture, Within::SendsFutureCut),
            _ => Placed(Some(answer), Within::SendsFuture, Within::SendsFutureDropped),
        }
    }
    fn delivery(&self, _: &Cut) -> Delivery {
        at(Within::Delivery);
        Delivery::NotSent
    }
    fn kind(&self, _: &Cut) -> location_auth::transports::SendErrorKind {
        at(Within::Kind);
        location_auth::transports::SendErrorKind::Other
    }
}

impl AsyncTokenStore for Intruder {
    type Turn = ();

    fn open(&self, _: RecordKey) -> impl Future<Output = Result<((), Stored), StoreError>> {
        ready(Ok(((), Stored::SavesOnly)))
    }

    fn write(&self, (): &mut (), _: Record) -> impl Future<Output = Result<(), StoreError>> {
        at(Within::SaveBeforeItsFuture);
        Placed(Some(Ok(())), Within::SavesFuture, Within::SavesFutureDropped)
    }
}

#[test]
fn an_async_transport_or_store_that_calls_its_own_client_gets_an_error_wherever_it_does() {
    use Within::*;
    for place in [
        SendBeforeItsFuture,
        SendsFuture,
        SendsFutureDropped,
        SendsFutureCut,
        Delivery,
        Kind,
        SaveBeforeItsFuture,
        SavesFuture,
        SavesFutureDropped,
    ] {
        let service = Rc::new(TestService::new());
        let (session, owner) = (service.revoked_session(), service.owner(PASSWORD));
        let own = AsyncClient::with_owner(session, owner, Intruder(Rc::clone(&service)), Intruder(service));
        CLIENT.set(Some(own.clone()));
        WITHIN.set(Some(place));
        let mut called = Box::pin(own.call(call(1)));
        let outcome = called.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        drop(called);
        CLIENT.set(None);
        let is_as_expected = match place {
            SendsFutureCut => outcome.is_pending(),
            Delivery | Kind => matches!(outcome, Poll::Ready(Err(_))),
            _ => matches!(outcome, Poll::Ready(Ok(_))),
        };
        assert!(is_as_expected, "{place:?}: {outcome:?}");
        let errors = ERRORS.take();
        assert!(
            matches!(&errors[..], [error] if error.contains("give it a client of its own")),
            "{place:?}: {errors:?}"
        );
    }
}

#[test]
fn a_restart_from_a_saved_token_needs_no_login() {
    let service = TestService::new();
    let written = serde_json::to_string(&SavedToken::from(&service.token())).unwrap();
    let saved: SavedToken = serde_json::from_str(&written).unwrap();
    let line = Line::new(&service);
    let client = Client::new(Session::for_location(&service.app, saved.try_into().unwrap()).unwrap(), &line);
    assert_eq!(client.with_limit(1000).call(Request::get(CONTACTS).body(Bytes::new()).unwrap()).unwrap().status(), 200);
    assert_eq!(line.take(), ["contacts"]);
}

#[test]
fn a_calls_future_is_send_if_the_transport_is() {
    fn is_send(_: &impl Send) {}
    let service = TestService::new();
    let answer = |_: Request<Bytes>, _: usize| ready(Ok::<_, Cut>(Response::new(vec![])));
    let save = |_: SavedToken| ready(Ok::<(), Cut>(()));
    is_send(&AsyncClient::with_owner(service.session(), service.owner(PASSWORD), answer, save).call(call(1)));

    let line = Rc::new(Line::new(&service));
    let answer = |request: Request<Bytes>, _: usize| {
        let line = Rc::clone(&line);
        async move { line.carry(request) }
    };
    assert_eq!(now(AsyncClient::new(service.session(), answer).call(call(1))).unwrap().status(), 200);
}
