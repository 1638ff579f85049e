//! What values say of themselves: each `Debug` names its type, and the same question has the same answer at every layer.

mod support;

use std::fmt::Debug;
use std::time::Duration;

use http::{Request, Response, StatusCode};
use location_auth::driver::{Acquiring, Call, CallFailure, Next, Verdict};
use location_auth::store::Stored;
use location_auth::transports::RESPONSE_LIMIT;
use location_auth::{
    App, Bytes, Environment, Error, ErrorKind, Fault, Flow, Misuse, Owner, Redacted, Retry, SavedToken, Session,
    Settings, Step, TokenError,
};
use support::{
    EMAIL, PASSWORD, app, location_token, next, response, settings, settings_for, token_response, user_token,
};

#[test]
fn every_debug_output_begins_with_its_type_and_shows_what_is_not_secret() {
    let app = app();
    let location = app.location("loc-1").unwrap();
    let login = location.login(EMAIL, PASSWORD).unwrap();
    let failed = login.clone().receive(&response(500, "")).unwrap_err();
    let mut session = Session::for_location(&app, location_token(&app)).unwrap();
    let mut call = Request::get("https://api.example.com/x").body("").unwrap();
    let late = session.authorize(&mut call).unwrap();
    let attempt = session.authorize(&mut call).unwrap();
    session.set_location_token(location_token(&app)).unwrap();
    let Verdict::Replay(replay) = session.received(late, StatusCode::UNAUTHORIZED).unwrap() else {
        panic!("there is a newer token")
    };
    let with_query_parameter =
        Session::for_user(&app, user_token(&app)).unwrap().with_query_parameter("token").unwrap();

    let begins = |value: &dyn Debug, with: &str| {
        let shown = format!("{value:?}");
        assert!(shown.starts_with(with), "{shown} does not start with {with}");
    };
    begins(&settings(), "Settings { environment: Staging, ");
    begins(&app, "App { environment: Staging, ");
    begins(&location, "Location { ");
    begins(location.id(), "\"loc-1\"");
    begins(&app.user_login(EMAIL, PASSWORD).unwrap(), "UserLogin { ");
    begins(&login, "LocationLogin { ");
    begins(&next(login.clone(), &token_response("t")), "LocationLogin { ");
    begins(&location.exchange(&user_token(&app)).unwrap(), "TokenExchange { ");
    begins(&failed, "ReceiveError { ");
    begins(&failed.error, "Error(");
    begins(&user_token(&app), "UserAccessToken { ");
    begins(&location_token(&app), "LocationAccessToken { ");
    begins(&SavedToken::from(&location_token(&app)), "SavedToken { ");
    begins(
        &session,
        "Session { environment: Staging, location: Some(\"loc-1\"), query_parameter: None, slot: Slot { held: Some(",
    );
    begins(
        &with_query_parameter,
        "Session { environment: Staging, location: None, query_parameter: Some(\"token\"), slot: Slot { held: Some(",
    );
    begins(&attempt, "Attempt { session: Identity, generation: 1");
    begins(&replay, "Replay { ");
    begins(&Redacted(&Request::new("")), "GET /");

    let mut owner = Owner::new(&app);
    owner.set_user_token(user_token(&app)).unwrap();
    begins(&owner, "Owner { environment: Staging, has_login: false, slot: Slot { held: Some(");
    let request = Request::get("https://api.example.com/x").body(PASSWORD).unwrap();
    let rejected = Call::new(request.clone());
    begins(&rejected, "Call { is_replay: false");
    let (_, sent) = rejected.authorize(&session).unwrap();
    begins(&sent, "SentCall { attempt: Attempt { ");
    let next = sent.received(response(401, ""), &mut session).unwrap();
    let Next::Acquire(renewal, call) = next else { panic!("it is the newest") };
    begins(&renewal, "Acquisition { ");
    begins(&call, "WaitingCall(Rejected)");
    let now = Duration::ZERO;
    let Acquiring::AwaitTurn(waiting) = renewal.start(&mut session, &mut owner, now) else { panic!("it has an owner") };
    begins(&waiting, "AwaitTurn { ");
    let Acquiring::OpenRecord(open) = waiting.granted(&mut session, &mut owner, now) else { panic!("it is free") };
    begins(&open, "OpenRecord { ");
    let Acquiring::SendToken(step) = open.opened(Stored::SavesOnly, &mut session, &mut owner, now) else { panic!() };
    begins(&step, "SendToken { ");
    let Acquiring::WriteRecord(write) = step.received(&token_response("t"), &mut session, &mut owner, now) else {
        panic!("it is saved")
    };
    begins(&write, "WriteRecord { ");
    let Acquiring::Done(Ok(replay)) = write.written(&mut session, &mut owner, now) else { panic!("it is saved") };
    let next = Next::from(call.acquired(Ok(replay)));
    assert_eq!(format!("{next:?}"), "Send(Call { is_replay: true, .. })");
    let Next::Send(again) = next else { panic!("it can be sent again") };
    begins(&again, "Call { is_replay: true");
    let failure = CallFailure::NotRepeated { response: Response::new(PASSWORD) };
    assert_eq!(format!("{failure:?}"), "NotRepeated");
    let ends = [Ok(Response::new(PASSWORD)), Err(failure)].map(|end| format!("{:?}", Next::<(), _>::Done(end)));
    assert_eq!(ends, ["Done(200)", "Done(NotRepeated)"]);

    let fresh = app.location("loc-1").unwrap().session();
    begins(
        &fresh,
        "Session { environment: Staging, location: Some(\"loc-1\"), query_parameter: None, slot: Slot { held: None",
    );
    let Next::Acquire(renewal, call) = Call::new(request).start::<()>(&fresh) else { panic!("it has no token") };
    begins(&renewal, "Acquisition { ");
    begins(&call, "WaitingCall(First)");
    let Next::Done(Err(failure)) = Next::from(call.acquired(Err(Misuse::ForeignAttempt.into()))) else { panic!() };
    begins(&failure, "NoToken(TokenError { ");
}

#[test]
fn a_failed_flow_reports_the_same_as_its_error() {
    let login = app().location("loc-1").unwrap().login(EMAIL, PASSWORD).unwrap();
    let busy = Response::builder().status(503).header("retry-after", "0").body("").unwrap();
    let failed = login.receive(&busy).unwrap_err();
    assert_eq!((failed.fault(), failed.retry()), (Fault::Service, Retry::Now));
    let error = Error::from(failed);
    assert_eq!(
        (error.kind(), error.step(), error.fault(), error.retry()),
        (ErrorKind::Unavailable, Step::UserToken, Fault::Service, Retry::Now)
    );
    assert_eq!(error.location().map(|id| id.as_str()), Some("loc-1"));
    let alone = app().user_login(EMAIL, PASSWORD).unwrap().receive(&busy).unwrap_err();
    assert_eq!(alone.error.location(), None, "no Location is asked for");
}

#[test]
fn a_locations_id_is_one_segment_of_a_path_and_one_name_of_a_file() {
    for (id, encoded) in
        [("loc-1", "loc-1"), ("salon 12/b?c#d%2F", "salon%2012%2Fb%3Fc%23d%252F"), ("..\\Zoë", "..%5CZo%C3%AB")]
    {
        let location = app().location(id).unwrap();
        assert_eq!(location.id().percent_encoded().to_string(), encoded);
        let url = location.exchange(&user_token(&app())).unwrap().request().uri().to_string();
        assert!(url.contains(&format!("/{encoded}/")), "as the token request's URL has it: {url}");
    }
}

#[test]
fn a_misuse_is_the_callers_fault() {
    let misuse = App::new(settings().api_key("")).unwrap_err();
    assert_eq!(misuse.fault(), Fault::Caller);
    let wrong = Misuse::WrongEnvironment { token: Environment::Staging, app: Environment::Production };
    assert_eq!(wrong.fault(), Fault::Caller);
}

#[test]
fn a_login_knows_its_app_at_both_steps() {
    let login = app().location("loc-1").unwrap().login(EMAIL, PASSWORD).unwrap();
    assert_eq!(login.app().environment(), Environment::Staging);
    let production = App::new(settings_for(Environment::Production)).unwrap();
    let login = production.location("loc-1").unwrap().login(EMAIL, PASSWORD).unwrap();
    assert_eq!(next(login, &token_response("t")).app().environment(), Environment::Production);
}

#[test]
fn a_redacted_request_is_one_line_without_a_value_that_could_be_secret() {
    let request = Request::post("https://user:word@api.example.com/x?flag&a=1&&b")
        .header("accept", "application/json")
        .header("content-type", "text/csv")
        .header("x-other", "value")
        .header("accept", http::HeaderValue::from_bytes(b"\xff").unwrap());
    let head = "POST https://api.example.com/x?…&a=…&…&… accept: application/json, accept: …, content-type: text/csv, x-other: …";
    // No body is shown, of whatever type: not even the names of its members, which may be data.
    struct Stream;
    let request = request.body(Stream).unwrap();
    assert_eq!((Redacted(&request).to_string(), format!("{:?}", Redacted(&request))), (head.into(), head.into()));
    let (parts, Stream) = request.into_parts();
    assert_eq!(Redacted(&Request::from_parts(parts.clone(), ())).to_string(), head);
    for body in ["", "12345", r#"{"owner@example.com": "S3CR3T"}"#] {
        assert_eq!(Redacted(&Request::from_parts(parts.clone(), body)).to_string(), head);
        assert_eq!(Redacted(&Request::from_parts(parts.clone(), body.to_owned())).to_string(), head);
        assert_eq!(Redacted(&Request::from_parts(parts.clone(), Bytes::from(body))).to_string(), head);
        let boxed: Box<dyn Iterator<Item = &str>> = Box::new(body.split(','));
        assert_eq!(Redacted(&Request::from_parts(parts.clone(), boxed)).to_string(), head);
    }
    assert_eq!(Redacted(&Request::new("")).to_string(), "GET /");
    let turned = Request::get("https://api.example.com/\u{202e}/\u{2028}?\u{85}=1").body("").unwrap();
    assert_eq!(Redacted(&turned).to_string(), "GET https://api.example.com/\u{fffd}/\u{fffd}?\u{fffd}=…");
}

#[test]
fn a_response_to_a_token_request_has_at_most_64_kib() {
    assert_eq!(RESPONSE_LIMIT, 65_536);
}

/// What a panic interrupts is left whole, since no function of the crate changes a value in two steps with foreign code between them: so a service
/// may catch the panic of a request, and go on with what it shares. A client is so if its transport and store are. Not meant to be:
/// `StoreError` and `ServiceError`, which hold any error.
#[test]
fn what_a_program_shares_survives_a_caught_panic() {
    use location_auth::driver::{Acquisition, Attempt, Replay};
    use location_auth::{
        Backoff, Location, LocationAccessToken, LocationId, LocationLogin, ReceiveError, TokenExchange, TokenState,
        UserAccessToken, UserLogin,
    };
    use std::panic::{RefUnwindSafe, UnwindSafe};

    fn safe<T: UnwindSafe + RefUnwindSafe>() {}
    safe::<(App, Settings, Environment, Location, LocationId, Session, Owner, TokenState)>();
    safe::<(UserAccessToken, LocationAccessToken, SavedToken, UserLogin, LocationLogin, TokenExchange)>();
    safe::<(Attempt, Verdict, Replay, Acquisition, Acquiring, Retry, Backoff)>();
    safe::<(Error, Misuse, TokenError, ReceiveError<UserLogin>)>();
    #[cfg(feature = "emulator")]
    safe::<location_auth::emulator::Emulator>();
    #[cfg(feature = "client")]
    {
        use location_auth::transports::client::{AsyncClient, Client};
        type Send = fn(Request<Bytes>, usize) -> std::io::Result<Response<Vec<u8>>>;
        type SendAsync = fn(Request<Bytes>, usize) -> std::future::Ready<std::io::Result<Response<Vec<u8>>>>;
        safe::<(Client<Send>, AsyncClient<SendAsync>)>();
    }
}
