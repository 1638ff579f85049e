//! The target of URLs: where a token is sent.

use http::Request;
use location_auth::transports::may_carry_secrets;
use location_auth::{App, Flow, Progress, Session};
use url::Url;

use super::input::{Input, settings, shows_none};
use super::support::{location_token, success};

/// A setting and a call's URL: what the crate calls the same origin, another reading of URLs does too.
pub fn endpoints(data: &[u8]) {
    let mut input = Input(data);
    let (setting, called, id) = (input.text(), input.text(), input.text());
    let app = match App::new(settings().location_token_url(&setting)) {
        Ok(app) => app,
        Err(misuse) => return shows_none(&format!("{misuse} {misuse:?}"), &["m4rk3r"]),
    };
    if let Ok(location) = app.location(&id) {
        let user = match app.user_login("e", "p").expect("is not empty").receive(&success("t")) {
            Ok(Progress::Done(user)) => user,
            _ => unreachable!("the token is good"),
        };
        let filled = location.exchange(&user).expect("is of this environment").request().uri().to_string();
        let (filled, template) = (origin(&filled), origin(&setting.replace("{location_id}", "x")));
        assert_eq!(filled, template, "the id {id:?} leads away from {setting:?}");
    }
    let Ok(mut call) = Request::get(&called).body(()) else { return };
    let session = Session::for_location(&app, location_token("staging", "loc-1", "t")).expect("is of this environment");
    if session.authorize(&mut call).is_err() {
        assert!(call.headers().is_empty());
        return;
    }
    let own = [origin(&setting.replace("{location_id}", "x")), origin("https://api.example.com")];
    assert!(own.contains(&origin(&called)), "{called:?} is not of the origin of {setting:?}");
    assert!(may_carry_secrets(call.uri()));
    // The `url` crate refuses some hosts, such as broken Punycode. They are no origin to it.
    let Ok(url) = Url::parse(&called) else { return };
    let host = url.host_str().unwrap_or_default();
    let loopback = host == "localhost" || host.starts_with("127.") || host == "[::1]";
    assert!(url.scheme() == "https" || loopback && url.scheme() == "http", "{called:?} goes in the clear");
    assert!(url.username().is_empty() && url.password().is_none());
}

fn origin(url: &str) -> Option<String> {
    Some(Url::parse(url).ok()?.origin().ascii_serialization()).filter(|origin| origin != "null")
}
