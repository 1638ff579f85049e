//! What several tests share: an App, and responses to feed it. Only the public API.
#![allow(dead_code)]

pub mod documented;
pub mod settings;

use std::time::Duration;

use http::{Request, Response};
use location_auth::driver::{Acquiring, Acquisition, Replay};
use location_auth::store::Stored;
use location_auth::{
    App, Bytes, Environment, Flow, LocationAccessToken, Owner, Progress, Session, Settings, Step, TokenError,
    UserAccessToken,
};

pub use settings::{EMAIL, PASSWORD};

pub fn settings() -> Settings {
    settings_for(Environment::Staging)
}

pub fn settings_for(environment: Environment) -> Settings {
    settings::settings_for(environment).api_origin("https://data.example.com:8443").data_source_name("the data source")
}

pub fn app() -> App {
    App::new(settings()).expect("the settings are right")
}

pub fn token_response(token: &str) -> Response<String> {
    response(200, &format!(r#"{{"access_token": "{token}"}}"#))
}

pub fn response(status: u16, body: &str) -> Response<String> {
    Response::builder().status(status).body(body.to_owned()).expect("a valid response")
}

/// The token that a flow returns for this response.
pub fn done<F: Flow>(flow: F, response: &Response<String>) -> F::Output {
    match flow.receive(response) {
        Ok(Progress::Done(output)) => output,
        Ok(Progress::Next(_)) => panic!("the flow goes on"),
        Err(failed) => panic!("{failed}"),
    }
}

/// The flow that goes on after this response.
pub fn next<F: Flow>(flow: F, response: &Response<String>) -> F {
    match flow.receive(response) {
        Ok(Progress::Next(next)) => next,
        Ok(Progress::Done(_)) => panic!("the flow is done"),
        Err(failed) => panic!("{failed}"),
    }
}

pub fn user_token(app: &App) -> UserAccessToken {
    done(app.user_login(EMAIL, PASSWORD).expect("an email and a password"), &token_response("user-token"))
}

pub fn location_token(app: &App) -> LocationAccessToken {
    let location = app.location("loc-1").expect("a good id");
    done(location.exchange(&user_token(app)).expect("the same environment"), &token_response("location-token"))
}

/// A request as one text: method, URI, headers in order, body.
pub fn whole(request: &Request<Bytes>) -> String {
    let mut text = format!("{} {}\n", request.method(), request.uri());
    for (name, value) in request.headers() {
        text += &format!("{name}: {}\n", String::from_utf8_lossy(value.as_bytes()));
    }
    text + "\n" + &String::from_utf8_lossy(request.body())
}

/// Runs a renewal to its end for a caller who is alone: each step's request meets this answer, and the store keeps all.
pub fn renew<B: AsRef<[u8]>>(
    renewal: Acquisition,
    session: &mut Session,
    owner: &mut Owner,
    answer: impl Fn(Step) -> Response<B>,
) -> Result<Replay, TokenError> {
    let now = Duration::ZERO;
    let mut next = renewal.start(session, owner, now);
    loop {
        next = match next {
            Acquiring::AwaitTurn(waiting) => waiting.granted(session, owner, now),
            Acquiring::SendToken(step) => {
                let response = answer(step.step());
                step.received(&response, session, owner, now)
            }
            Acquiring::OpenRecord(open) => open.opened(Stored::SavesOnly, session, owner, now),
            Acquiring::WriteRecord(write) => write.written(session, owner, now),
            Acquiring::Done(result) => return result,
        };
    }
}
