//! Targets that decide where credentials go.

use http::{Request, Uri};
use location_auth::emulator::{Access, Emulator};
use location_auth::{
    App, Attempt, Environment, Flow, LocationAccessToken, LocationId, Misuse, Progress, SavedToken, Session, Verdict,
    may_carry_secrets,
};
use url::Url;

use super::input::{
    API_KEY, CLIENT_ID, CLIENT_SECRET, Input, app, settings, settings_for, shows_none, token_response, whole,
};

/// A token of any Location, without a login.
fn token(environment: &str, location: &str, token: &str) -> LocationAccessToken {
    let form = serde_json::json!({
        "version": 1, "environment": environment, "kind": "location", "location": location, "access_token": token,
    });
    let saved: SavedToken = serde_json::from_value(form).expect("is a saved token");
    saved.try_into().expect("is a Location's")
}

/// A setting and a call's URL: what we call the same origin, another reading of URLs does too.
pub fn endpoints(data: &[u8]) {
    let mut input = Input(data);
    let (setting, called, id) = (input.text(), input.text(), input.text());
    let app = match App::new(settings().location_token_url(&setting)) {
        Ok(app) => app,
        Err(misuse) => return shows_none(&format!("{misuse} {misuse:?}"), &["m4rk3r"]),
    };
    if let Ok(location) = app.location(&id) {
        let user = match app.user_login("e", "p").expect("is not empty").receive(&token_response("t")) {
            Ok(Progress::Done(user)) => user,
            _ => unreachable!("the token is good"),
        };
        let filled = location.exchange(&user).expect("is of this environment").request().uri().to_string();
        let (filled, template) = (origin(&filled), origin(&setting.replace("{location_id}", "x")));
        assert_eq!(filled, template, "the id {id:?} led elsewhere from {setting:?}");
    }
    let Ok(mut call) = Request::get(&called).body(()) else { return };
    let session = Session::for_location(&app, token("staging", "loc-1", "t")).expect("is of this environment");
    if session.authorize(&mut call).is_err() {
        assert!(call.headers().is_empty());
        return;
    }
    let own = [origin(&setting.replace("{location_id}", "x")), origin("https://api.example.com")];
    assert!(own.contains(&origin(&called)), "{called:?} is not of the origin of {setting:?}");
    assert!(may_carry_secrets(call.uri()));
    // A host that is no URL's to others, like one of broken Punycode, is nobody's origin.
    let Ok(url) = Url::parse(&called) else { return };
    let host = url.host_str().unwrap_or_default();
    let loopback = host == "localhost" || host.starts_with("127.") || host == "[::1]";
    assert!(url.scheme() == "https" || loopback && url.scheme() == "http", "{called:?} goes in the clear");
    assert!(url.username().is_empty() && url.password().is_none());
}

fn origin(url: &str) -> Option<String> {
    Some(Url::parse(url).ok()?.origin().ascii_serialization()).filter(|origin| origin != "null")
}

/// A query that is appended to, byte for byte, or left as it was.
pub fn query(data: &[u8]) {
    let mut input = Input(data);
    let (parameter, secret, path) = (input.text(), input.text(), input.text());
    if secret.is_empty() || !secret.bytes().all(|byte| byte.is_ascii_graphic()) {
        return;
    }
    let session = Session::for_location(&app(), token("staging", "loc-1", &secret)).expect("is of this environment");
    // What others read bytes that are no text as would make two names of one.
    if parameter.contains(char::REPLACEMENT_CHARACTER) {
        return;
    }
    let Ok(session) = session.with_query_parameter(&parameter) else { return };
    let Ok(mut call) = Request::post(format!("https://api.example.com{path}")).body(b"body") else { return };
    let before = (call.uri().clone(), whole(&call));
    match session.authorize(&mut call) {
        Err(_) => assert_eq!(whole(&call), before.1, "a call that is refused is left as it was"),
        Ok(_) => {
            let (old, new) = (of(&before.0), of(call.uri()));
            assert!(new.starts_with(&old), "{new} does not start with {old}");
            let url = Url::parse(&call.uri().to_string()).expect("is a URL");
            let pairs: Vec<_> = url.query_pairs().collect();
            let own: Vec<_> = pairs.iter().filter(|(name, _)| *name == parameter).collect();
            assert_eq!(own.len(), 1, "{new} has the parameter {} times", own.len());
            assert_eq!(pairs.last().map(|(_, value)| value.as_ref()), Some(secret.as_str()));
            // As servers read it for which a semicolon is an ampersand.
            let url = Url::parse(&call.uri().to_string().replace(';', "&")).expect("is a URL");
            assert_eq!(url.query_pairs().filter(|(name, _)| *name == parameter).count(), 1, "{new} read otherwise");
            assert_eq!(call.headers().len(), 1);
            assert!(session.authorize(&mut call).is_err(), "a second token is refused");
        }
    }
}

fn of(uri: &Uri) -> String {
    uri.path_and_query().map_or("/".into(), ToString::to_string)
}

/// Events in any order against a plain model: which token stands, and which attempt is older than it.
pub fn session(data: &[u8]) {
    let mut input = Input(data);
    let app = app();
    let production = App::new(settings_for(Environment::Production)).expect("is right");
    let mut session =
        Session::for_location(&app, token("staging", "loc-1", "token-0")).expect("is of this environment");
    let mut stranger =
        Session::for_location(&app, token("staging", "loc-1", "stranger")).expect("is of this environment");
    // The model: how often the token was renewed, and which stands.
    let (mut renewals, mut standing) = (0, 0);
    let mut attempts: Vec<(Attempt, usize)> = vec![];
    let mut bought = 0;
    let call = || Request::get("https://api.example.com/x").body(()).expect("is a request");
    while !input.0.is_empty() {
        let (event, which) = (input.byte() % 6, usize::from(input.byte()));
        if event == 0 || attempts.is_empty() {
            let mut call = call();
            let attempt = session.authorize(&mut call).expect("is of an allowed origin");
            assert_eq!(call.headers()["authorization"], format!("Bearer token-{standing}"));
            attempts.push((attempt, renewals));
            continue;
        }
        let which = which % attempts.len();
        bought += 1;
        if event == 1 {
            let (attempt, generation) = attempts.swap_remove(which);
            match session.rejected(attempt).expect("is this session's") {
                Verdict::LogIn(attempt) => {
                    assert_eq!(generation, renewals);
                    attempts.push((attempt, generation));
                }
                Verdict::Replay(replay) => {
                    assert!(generation < renewals);
                    session.replay(replay, &mut call()).expect("is this session's");
                }
            }
            continue;
        }
        let (attempt, generation) = &attempts[which];
        match event {
            2 => {
                let new = token("staging", "loc-1", &format!("token-{bought}"));
                let renewed = session.renew(attempt, new).expect("is this session's");
                assert_eq!(renewed, *generation == renewals, "an older login never undoes a newer token");
                if renewed {
                    (renewals, standing) = (renewals + 1, bought);
                }
                let mut call = call();
                session.authorize(&mut call).expect("is of an allowed origin");
                assert_eq!(call.headers()["authorization"], format!("Bearer token-{standing}"));
            }
            3 => {
                let other = token("staging", "loc-2", "other");
                assert_eq!(session.renew(attempt, other), Err(Misuse::WrongLocation));
            }
            4 => {
                let other = token("production", "loc-1", "other");
                assert!(matches!(session.renew(attempt, other), Err(Misuse::WrongEnvironment { .. })));
                assert!(Session::for_location(&production, token("staging", "loc-1", "t")).is_err());
            }
            _ => {
                let new = token("staging", "loc-1", "other");
                assert_eq!(stranger.renew(attempt, new), Err(Misuse::ForeignAttempt));
                let (attempt, _) = attempts.swap_remove(which);
                assert_eq!(stranger.rejected(attempt).map(|_| ()), Err(Misuse::ForeignAttempt));
            }
        }
    }
}

/// What our half writes, the service's half can read, whatever the credentials and ids are.
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
        let call = Request::get(format!("https://api.example.com/locations/{path}/contacts")).body(vec![]);
        let Ok(mut call) = call else { return };
        session.authorize(&mut call).expect("is of an allowed origin");
        assert_eq!(emulator.handle(call).status(), 200);
    }
    let counts = emulator.counts();
    assert_eq!((counts.user_tokens, counts.location_tokens, counts.calls, counts.wrong_location), (1, 1, 2, 0));
}
