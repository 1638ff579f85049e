//! A client, one caller at a time: what it sends, what it sends again, and what it says when it can't.
#![cfg(all(feature = "client", feature = "emulator"))]

#[path = "support/world.rs"]
mod world;

use std::cell::{Cell, RefCell};
use std::error::Error as _;
use std::future::{Future, ready};
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use http::{Request, Response};
use location_auth::emulator::Condition;
use location_auth::transports::client::{AsyncClient, CallError, Client};
use location_auth::transports::{AsyncTransport, Delivery, Transport};
use location_auth::{
    App, Environment, Fault, Flow, LocationAccessToken, Misuse, Progress, Retry, SavedToken, Session, Step,
};
use world::{CONTACTS, PASSWORD, World, call, is_login};

#[derive(Debug, PartialEq, thiserror::Error)]
#[error("the line was cut")]
struct Cut;

/// Carries requests to the world, notes their paths, and cuts the line where it is told to.
struct Line<'a> {
    world: &'a World,
    paths: RefCell<Vec<String>>,
    cut: RefCell<Vec<&'static str>>,
}

impl<'a> Line<'a> {
    fn new(world: &'a World) -> Self {
        Self { world, paths: RefCell::default(), cut: RefCell::default() }
    }

    fn carry(&self, request: Request<Vec<u8>>) -> Result<Response<Vec<u8>>, Cut> {
        let path = request.uri().path().rsplit('/').next().unwrap().to_owned();
        self.paths.borrow_mut().push(path.clone());
        let mut cut = self.cut.borrow_mut();
        if let Some(index) = cut.iter().position(|wanted| *wanted == path) {
            cut.remove(index);
            return Err(Cut);
        }
        Ok(self.world.handle(request))
    }

    fn take_paths(&self) -> Vec<String> {
        self.paths.take()
    }
}

impl Transport for &Line<'_> {
    type Error = Cut;
    fn send(&self, request: Request<Vec<u8>>, limit: usize) -> Result<Response<Vec<u8>>, Cut> {
        assert_eq!(limit, if is_login(&request) { location_auth::RESPONSE_LIMIT } else { 1000 });
        self.carry(request)
    }
}

impl AsyncTransport for &Line<'_> {
    type Error = Cut;
    fn send(&self, request: Request<Vec<u8>>, limit: usize) -> impl Future<Output = Result<Response<Vec<u8>>, Cut>> {
        ready(Transport::send(self, request, limit))
    }
}

/// Nothing here ever waits, so one poll is enough.
fn now<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("nothing should wait"),
    }
}

/// The two clients, to be asked the same and to do the same.
enum Either<'a> {
    Blocking(Client<&'a Line<'a>>),
    Async(AsyncClient<&'a Line<'a>>),
}

impl Either<'_> {
    fn call(&self, request: Request<Vec<u8>>) -> Result<Response<Vec<u8>>, CallError<Cut>> {
        match self {
            Self::Blocking(client) => client.call(request),
            Self::Async(client) => now(client.call(request)),
        }
    }

    fn log_in_with(&self, login: location_auth::LocationLogin) -> Result<(), Misuse> {
        match self {
            Self::Blocking(client) => client.log_in_with(login),
            Self::Async(client) => client.log_in_with(login),
        }
    }

    fn take_new_token(&self) -> Option<LocationAccessToken> {
        match self {
            Self::Blocking(client) => client.take_new_token(),
            Self::Async(client) => client.take_new_token(),
        }
    }
}

/// Runs the test against both clients, each in a world of its own.
fn with_both(session: fn(&World) -> Session, test: impl Fn(&World, &Line<'_>, Either<'_>)) {
    for blocking in [true, false] {
        let world = World::new();
        let line = Line::new(&world);
        let session = session(&world);
        let client = if blocking {
            Either::Blocking(Client::new(session, &line, 1000))
        } else {
            Either::Async(AsyncClient::new(session, &line, 1000))
        };
        test(&world, &line, client);
    }
}

#[test]
fn a_call_is_authorized_and_sent_once() {
    with_both(World::session, |_, line, client| {
        let response = client.call(call(1)).unwrap();
        assert_eq!(response.status(), 200);
        assert_eq!(line.take_paths(), ["contacts"]);
    });
}

#[test]
fn a_rejected_token_is_told_with_its_location_and_nothing_logs_in_by_itself() {
    with_both(World::revoked_session, |_, line, client| {
        let error = client.call(call(1)).unwrap_err();
        assert!(matches!(&error, CallError::TokenRejected { location: Some(id), response }
            if id.as_str() == "loc-1" && response.status() == 401 && response.headers().contains_key("x-request-id")));
        assert_eq!(
            error.to_string(),
            "the token of Location loc-1 was rejected; the caller is at fault: \
             log in again, with the owner's present password if it was changed"
        );
        assert_eq!((error.fault(), error.source().is_none()), (Fault::Caller, true));
        assert_eq!(line.take_paths(), ["contacts"]);
    });
}

#[test]
fn with_the_owners_login_a_revoked_token_is_renewed_and_the_call_made_once_more() {
    with_both(World::revoked_session, |world, line, client| {
        client.log_in_with(world.login(PASSWORD)).unwrap();
        assert!(client.take_new_token().is_none());
        assert_eq!(client.call(call(1)).unwrap().status(), 200);
        assert_eq!(line.take_paths(), ["contacts", "user_token", "token", "contacts"]);
        let token = client.take_new_token().unwrap();
        assert!(client.take_new_token().is_none(), "it is told once");
        assert_eq!(client.call(call(1)).unwrap().status(), 200);
        assert_eq!(line.take_paths(), ["contacts"]);

        assert!(world.emulator.lock().unwrap().revoke(token.expose_secret()));
        assert_eq!(client.call(call(1)).unwrap().status(), 200, "and again, from the start");
        assert_eq!(line.take_paths(), ["contacts", "user_token", "token", "contacts"]);
    });
}

#[test]
fn a_new_token_is_told_though_the_call_failed_that_it_was_for() {
    let world = World::new();
    let calls = Cell::new(0);
    let cut_the_second = |request: Request<Vec<u8>>, _: usize| {
        if !is_login(&request) {
            calls.set(calls.get() + 1);
            if calls.get() == 2 {
                return Err(Cut);
            }
        }
        Ok(world.handle(request))
    };
    let client = Client::new(world.revoked_session(), cut_the_second, 1000);
    client.log_in_with(world.login(PASSWORD)).unwrap();
    assert!(matches!(client.call(call(1)).unwrap_err(), CallError::Transport { error: Cut, .. }));
    let token = client.take_new_token().unwrap();
    assert!(world.emulator.lock().unwrap().revoke(token.expose_secret()), "it is one that the service takes");
}

#[test]
fn a_second_401_is_not_tried_a_third_time() {
    with_both(World::revoked_session, |world, line, client| {
        // A route that no Location's token opens: the new token meets a 401 as well.
        world.emulator.lock().unwrap().add_route("/me", location_auth::emulator::Access::User);
        client.log_in_with(world.login(PASSWORD)).unwrap();
        let request = Request::get("https://api.example.com/me").body(vec![]).unwrap();
        assert!(matches!(client.call(request.clone()).unwrap_err(), CallError::TokenRejected { .. }));
        assert_eq!(line.take_paths(), ["me", "user_token", "token", "me"]);

        // The login was in vain, so a route that always answers 401 does not buy a token for each call.
        for _ in 0..50 {
            assert_eq!(client.call(call(1)).unwrap().status(), 200);
            assert!(matches!(client.call(request.clone()).unwrap_err(), CallError::TokenRejected { .. }));
        }
        assert_eq!(world.issued(), (2, 2));
        client.log_in_with(world.login(PASSWORD)).unwrap();
        assert!(client.call(request.clone()).is_err());
        assert_eq!(world.issued(), (3, 3), "who hands the login over again allows one again");
    });
}

#[test]
fn a_user_token_that_was_kept_and_then_revoked_does_not_count_against_the_password() {
    with_both(World::revoked_session, |world, line, client| {
        client.log_in_with(world.login(PASSWORD)).unwrap();
        line.cut.borrow_mut().push("token");
        assert!(client.call(call(1)).is_err());
        assert_eq!(world.emulator.lock().unwrap().revoke_owner(world::EMAIL), 2);
        line.take_paths();
        assert_eq!(client.call(call(1)).unwrap().status(), 200);
        assert_eq!(line.take_paths(), ["contacts", "token", "user_token", "token", "contacts"], "from step 1 on");
    });
}

#[test]
fn a_login_that_goes_on_and_is_refused_from_step_1_on_too_is_not_tried_again() {
    with_both(World::revoked_session, |world, line, client| {
        client.log_in_with(world.login(PASSWORD)).unwrap();
        line.cut.borrow_mut().push("token");
        assert!(client.call(call(1)).is_err());
        world.emulator.lock().unwrap().owner(world::EMAIL, "a new password").revoke_owner(world::EMAIL);
        line.take_paths();
        for _ in 0..20 {
            let CallError::LoginFailed(stopped) = client.call(call(1)).unwrap_err() else { panic!("it is refused") };
            assert_eq!(stopped.step(), Step::UserToken);
        }
        assert_eq!(line.take_paths().iter().filter(|path| *path != "contacts").count(), 2, "one of each step");
    });
}

#[test]
fn a_login_that_is_handed_over_at_step_2_and_refused_there_is_not_tried_again() {
    with_both(World::revoked_session, |world, line, client| {
        let login = world.login(PASSWORD);
        let response = world.handle(login.request());
        let Progress::Next(at_step_2) = login.receive(&response).unwrap() else { panic!("there is a step 2") };
        world.emulator.lock().unwrap().revoke_owner(world::EMAIL);
        client.log_in_with(at_step_2).unwrap();
        for _ in 0..20 {
            let error = client.call(call(1)).unwrap_err();
            assert!(error.to_string().ends_with("; this login is not tried again: hand the client new credentials"));
        }
        assert_eq!(line.take_paths().iter().filter(|path| *path == "token").count(), 1);
    });
}

#[test]
fn a_login_of_the_other_environment_is_not_taken() {
    with_both(World::session, |world, line, client| {
        let production = App::new(world::settings_for(Environment::Production)).unwrap();
        let login = production.location("loc-1").unwrap().login(world::EMAIL, PASSWORD).unwrap();
        let misuse = Misuse::WrongEnvironment { token: Environment::Production, app: Environment::Staging };
        assert_eq!(client.log_in_with(login).unwrap_err(), misuse);
        assert_eq!((line.take_paths(), world.issued()), (vec![], (1, 1)));
    });
}

#[test]
fn any_other_status_is_the_callers_to_judge() {
    with_both(World::session, |world, line, client| {
        client.log_in_with(world.login(PASSWORD)).unwrap();
        let elsewhere = http::Request::get("https://api.example.com/elsewhere").body(vec![]).unwrap();
        assert_eq!(client.call(elsewhere).unwrap().status(), 404);
        assert_eq!(line.take_paths(), ["elsewhere"]);
    });
}

#[test]
fn a_call_that_met_503_429_or_a_cut_is_not_sent_again() {
    with_both(World::session, |world, line, client| {
        client.log_in_with(world.login(PASSWORD)).unwrap();
        for (condition, retry) in [
            (Condition::Down(Some(9)), Retry::After(std::time::Duration::from_secs(9))),
            (Condition::Throttling(None), Retry::Unspecified),
        ] {
            world.emulator.lock().unwrap().set_condition(condition);
            let response = client.call(call(1)).unwrap();
            assert_eq!((Retry::from_response(&response), line.take_paths()), (retry, vec!["contacts".to_owned()]));
        }
        line.cut.borrow_mut().push("contacts");
        let error = client.call(call(1)).unwrap_err();
        assert!(matches!(&error, CallError::Transport { error: Cut, delivery: Delivery::Unknown }));
        assert_eq!(line.take_paths(), ["contacts"]);
        assert_eq!(
            error.to_string(),
            "no response to the call came, and it may have arrived; the transport is at fault: \
             check the network, and make it again only if twice does no harm"
        );
        assert_eq!((error.fault(), error.source().unwrap().to_string()), (Fault::Transport, "the line was cut".into()));
    });
}

#[test]
fn a_401_of_a_session_without_a_token_is_a_response_like_any_other() {
    with_both(
        |world| Session::without_token(&world.app),
        |_, line, client| {
            assert_eq!(client.call(call(1)).unwrap().status(), 401);
            let open = Request::get("https://api.example.com/open").body(vec![]).unwrap();
            assert_eq!(client.call(open).unwrap().status(), 200);
            assert_eq!(line.take_paths(), ["contacts", "open"]);
        },
    );
}

#[test]
fn a_call_that_may_not_carry_credentials_is_not_sent() {
    with_both(World::session, |_, line, client| {
        let elsewhere = Request::get("https://evil.example.net/").body(vec![]).unwrap();
        let error = client.call(elsewhere).unwrap_err();
        assert!(matches!(error, CallError::Misuse(Misuse::OriginNotAllowed)));
        assert_eq!((error.fault(), line.take_paths()), (Fault::Caller, vec![]));
    });
}

#[test]
fn the_login_of_another_location_is_not_taken() {
    with_both(World::session, |world, _, client| {
        let login = world.app.location("loc-2").unwrap().login(world::EMAIL, PASSWORD).unwrap();
        assert_eq!(client.log_in_with(login).unwrap_err(), Misuse::WrongLocation);
    });
}

#[test]
fn a_refused_login_is_not_tried_again_until_there_are_new_credentials() {
    with_both(World::revoked_session, |world, line, client| {
        client.log_in_with(world.login("an old password")).unwrap();
        let error = client.call(call(1)).unwrap_err();
        assert!(matches!(&error, CallError::LoginFailed(stopped) if stopped.step() == Step::UserToken));
        assert_eq!(
            error.to_string(),
            "the token was rejected, and logging in again failed: step 1 (User Access Token) of Location loc-1: the service refused \
             (status 401), saying \"invalid_credentials: Wrong email or password\", request id 4; the caller is at fault: \
             check the owner's email and password; this login is not tried again: \
             hand the client new credentials"
        );
        for _ in 0..50 {
            assert!(matches!(client.call(call(1)).unwrap_err(), CallError::LoginFailed(_)));
        }
        assert_eq!(line.take_paths().iter().filter(|path| *path == "user_token").count(), 1);
        client.log_in_with(world.login(PASSWORD)).unwrap();
        assert_eq!(client.call(call(1)).unwrap().status(), 200);
    });
}

#[test]
fn a_login_that_failed_at_step_2_goes_on_there() {
    with_both(World::revoked_session, |world, line, client| {
        client.log_in_with(world.login(PASSWORD)).unwrap();
        line.cut.borrow_mut().push("token");
        let error = client.call(call(1)).unwrap_err();
        assert!(matches!(&error, CallError::LoginFailed(stopped) if stopped.step() == Step::LocationToken));
        assert_eq!(error.source().unwrap().to_string(), "the line was cut");
        assert_eq!(client.call(call(1)).unwrap().status(), 200);
        assert_eq!(line.take_paths(), ["contacts", "user_token", "token", "contacts", "token", "contacts"]);
        assert_eq!(world.issued(), (2, 2), "one of each for the world's own first token, one of each for the client");
    });
}

#[test]
fn a_restart_from_a_saved_token_needs_no_login() {
    let world = World::new();
    let written = serde_json::to_string(&SavedToken::from(&world.token())).unwrap();
    let saved: SavedToken = serde_json::from_str(&written).unwrap();
    let line = Line::new(&world);
    let client = Client::new(Session::for_location(&world.app, saved.try_into().unwrap()).unwrap(), &line, 1000);
    assert_eq!(client.call(Request::get(CONTACTS).body(vec![]).unwrap()).unwrap().status(), 200);
    assert_eq!(line.take_paths(), ["contacts"]);
}

#[test]
fn the_future_of_a_call_is_send_where_the_transport_is_and_need_not_be() {
    fn is_send(_: &impl Send) {}
    let world = World::new();
    let answer = |_: Request<Vec<u8>>, _: usize| ready(Ok::<_, Cut>(Response::new(vec![])));
    is_send(&AsyncClient::new(world.session(), answer, 1000).call(call(1)));

    let line = std::rc::Rc::new(Line::new(&world));
    let answer = |request: Request<Vec<u8>>, _: usize| {
        let line = std::rc::Rc::clone(&line);
        async move { line.carry(request) }
    };
    assert_eq!(now(AsyncClient::new(world.session(), answer, 1000).call(call(1))).unwrap().status(), 200);
}
