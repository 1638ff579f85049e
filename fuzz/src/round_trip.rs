//! The target of both halves: the client, and the emulated service.

use http::Request;
use location_auth::emulator::{Access, Emulator};
use location_auth::{App, Bytes, Flow, LocationId, Progress, Session};

use super::input::{API_KEY, CLIENT_ID, CLIENT_SECRET, Input, settings};

/// The service's half can read what the client's half writes, for any credentials and ids.
pub fn round_trip(data: &[u8]) {
    let mut input = Input(data);
    let (email, password, id, key) = (input.text(), input.text(), input.text(), input.text());
    let key = if key.is_empty() { API_KEY } else { &key };
    let Ok(app) = App::new(settings().api_key(key)) else { return };
    let (Ok(location), Ok(known)) = (app.location(&id), LocationId::new(&id)) else { return };
    let Ok(mut flow) = location.login(&email, &password) else { return };
    let mut emulator = Emulator::new(key, CLIENT_ID, CLIENT_SECRET);
    emulator
        .owner(&email, &password)
        .location(&id, &email)
        .add_route("/locations/{location_id}/contacts", Access::Location);
    let token = loop {
        let response = emulator.handle(flow.request());
        match flow.receive(&response).expect("the credentials are right") {
            Progress::Next(next) => flow = next,
            Progress::Done(token) => break token,
        }
    };
    assert_eq!(token.location(), &known);
    let path = percent_encoding::utf8_percent_encode(&id, percent_encoding::NON_ALPHANUMERIC).to_string();
    let session = || Session::for_location(&app, token.clone()).expect("is of this environment");
    for session in [session(), session().with_query_parameter("access_token").expect("is a name")] {
        let call = Request::get(format!("https://api.example.com/locations/{path}/contacts")).body(Bytes::new());
        let Ok(mut call) = call else { return };
        session.authorize(&mut call).expect("is of an allowed origin");
        assert_eq!(emulator.handle(call).status(), 200);
    }
    let counts = emulator.counts();
    assert_eq!((counts.user_tokens, counts.location_tokens, counts.calls, counts.wrong_location), (1, 1, 2, 0));
}
