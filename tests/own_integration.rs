//! How a user tests a program of his own: over a script, over the emulated service, over a network of faults. No socket, clock or thread.

use std::cell::RefCell;
use std::convert::Infallible;
use std::error::Error;

use http::{Request, StatusCode};
use location_auth::emulator::{Access, Condition, Emulator};
use location_auth::testing::{self, Failing, Interaction, Network, Scripted};
use location_auth::transports::client::Client;
use location_auth::transports::{Cause, RESPONSE_LIMIT, RunError, SendError, Transport, run};
use location_auth::{
    App, Bytes, Delivery, Environment, ErrorKind, Fault, LocationLogin, Owner, Retry, SavedToken, Session, Settings,
    Step,
};
use serde_json::Value;

/// The user's own code: logs in and reads the contacts. It takes whatever transport it is given.
fn contacts<T: Transport<Error: Error + 'static>>(
    login: LocationLogin,
    transport: &T,
) -> Result<Value, Box<dyn Error>> {
    let app = login.app().clone();
    let session = Session::for_location(&app, run(login, transport)?)?;
    let mut call = Request::get("https://api.example.com/locations/loc-1/contacts").body(Bytes::new())?;
    session.authorize(&mut call)?;
    let response = transport.send(call, RESPONSE_LIMIT)?;
    match response.status() {
        StatusCode::OK => Ok(serde_json::from_slice(response.body())?),
        status => Err(format!("no contacts: {status}").into()),
    }
}

fn login(password: &str) -> LocationLogin {
    let settings = Settings::new(Environment::Staging)
        .user_token_url("https://api.example.com/user_token")
        .location_token_url("https://api.example.com/locations/{location_id}/token")
        .api_key("k-12")
        .client_id("c-34")
        .client_secret("s-56");
    App::new(settings).unwrap().location("loc-1").unwrap().login("owner@example.com", password).unwrap()
}

#[test]
fn the_contacts_are_requested_with_the_token_of_the_login() {
    let service = Scripted::new([
        Interaction::post("/user_token").member("password", "hunter2").respond(200, r#"{"access_token": "u-1"}"#),
        Interaction::post("/locations/loc-1/token").respond(200, r#"{"access_token": "l-1"}"#),
        Interaction::get("/locations/loc-1/contacts").header("authorization", "Bearer l-1").respond(200, "[]"),
    ]);
    assert_eq!(contacts(login("hunter2"), &service).unwrap(), serde_json::json!([]));
}

#[test]
fn a_login_that_may_have_arrived_is_not_repeated() {
    let error = contacts(login("hunter2"), &Failing(Delivery::Unknown)).unwrap_err();
    let stopped: &RunError<LocationLogin, SendError> = error.downcast_ref().unwrap();
    assert_eq!(stopped.retry(), Retry::Never);
}

fn emulator() -> RefCell<Emulator> {
    let mut emulator = Emulator::new("k-12", "c-34", "s-56");
    emulator.owner("owner@example.com", "hunter2").location("loc-1", "owner@example.com");
    emulator.add_route("/locations/{location_id}/contacts", Access::Location);
    RefCell::new(emulator)
}

#[test]
fn the_contacts_are_read_with_one_login() {
    let service = emulator();
    let transport = |request, _limit| Ok::<_, Infallible>(service.borrow_mut().handle(request));
    let contacts = contacts(login("hunter2"), &transport).unwrap();
    assert_eq!(contacts["location"], "loc-1");
    let counts = service.borrow().counts();
    assert_eq!((counts.user_tokens, counts.location_tokens, counts.calls), (1, 1, 1));
}

#[test]
fn a_service_that_is_down_is_reported_as_down() {
    let service = emulator();
    service.borrow_mut().set_condition(Condition::Down(Some(30)));
    let transport = |request, _limit| Ok::<_, Infallible>(service.borrow_mut().handle(request));
    let error = contacts(login("hunter2"), &transport).unwrap_err();
    assert!(error.to_string().contains("status 503"), "{error}");
    assert_eq!(service.borrow().counts().requests, 1);

    service.borrow_mut().set_condition(Condition::Up);
    assert!(contacts(login("hunter2"), &transport).is_ok());
}

#[test]
fn a_wrong_password_is_the_callers_fault_at_step_1() {
    let service = emulator();
    let transport = |request, _limit| Ok::<_, Infallible>(service.borrow_mut().handle(request));
    let error = contacts(login("hunter3"), &transport).unwrap_err();
    let stopped: &RunError<LocationLogin, Infallible> = error.downcast_ref().unwrap();
    let Cause::Response(answer) = &stopped.cause else { panic!("there was a response") };
    assert_eq!((answer.kind(), answer.step(), answer.fault()), (ErrorKind::Refused, Step::UserToken, Fault::Caller));
}

#[test]
fn a_token_that_is_revoked_between_two_calls_is_replaced_and_saved() {
    let service = emulator();
    let transport = |request: Request<Bytes>, _limit: usize| {
        let is_call = request.uri().path().ends_with("/contacts");
        let mut response = service.borrow_mut().handle(request);
        if is_call && response.status() == StatusCode::OK {
            *response.body_mut() = br#"[{"name": "Ada"}]"#.to_vec(); // the test's own data
        }
        Ok::<_, Infallible>(response)
    };
    let app = login("hunter2").app().clone();
    let mut owner = Owner::new(&app);
    owner.set_login(app.user_login("owner@example.com", "hunter2").unwrap()).unwrap();
    let session = app.location("loc-1").unwrap().session();
    let saved = RefCell::new(vec![]);
    let store = |token: &SavedToken| {
        saved.borrow_mut().push(token.clone());
        Ok::<_, Infallible>(())
    };
    let client = Client::with_owner(session, owner, &transport, store);
    let contacts = || client.call(Request::get("https://api.example.com/locations/loc-1/contacts").body(()).unwrap());

    assert_eq!(contacts().unwrap().body(), br#"[{"name": "Ada"}]"#);
    service.borrow_mut().revoke_location("loc-1");
    assert_eq!(contacts().unwrap().status(), StatusCode::OK);
    let whose: Vec<_> = saved.borrow().iter().map(|token| token.location().map(ToString::to_string)).collect();
    let location = Some("loc-1".to_owned());
    assert_eq!(
        whose,
        [None, location.clone(), location],
        "the owner's token, the Location's first one, and its new one"
    );
}

#[test]
fn one_login_costs_at_most_two_tokens_of_each_kind_whatever_the_network_does_and_the_next_one_works() {
    for seed in 0..2000 {
        let service = emulator();
        let network = Network::new(seed, |request, _limit| Ok::<_, Infallible>(service.borrow_mut().handle(request)));
        network.enable_faults(testing::NetworkFault::ALL, 5);
        let outcome = contacts(login("hunter2"), &network);
        assert!(service.borrow().counts().location_tokens <= 2, "twice where the network doubles it, never by us");
        network.disable_faults();
        assert!(outcome.is_ok() || contacts(login("hunter2"), &network).is_ok());
    }
}

#[test]
fn the_same_run_twice_sends_the_same_bytes() {
    let record = || {
        let (service, sent) = (emulator(), RefCell::new(vec![]));
        let transport = |request: Request<Bytes>, _limit| {
            sent.borrow_mut().push((request.uri().clone(), request.headers().clone(), request.body().clone()));
            Ok::<_, Infallible>(service.borrow_mut().handle(request))
        };
        contacts(login("hunter2"), &transport).unwrap();
        sent.into_inner()
    };
    assert_eq!(record(), record());
}
