//! Ordinary calls: where credentials go, where they never go, and what follows a 401 (P3 to P7, Q3, Q4, Q11, Q15).

mod support;

use std::time::Duration;

use http::{Request, StatusCode};
use location_auth::driver::{Acquiring, Attempt, Call, Next, Verdict};
use location_auth::store::Stored;
use location_auth::transports::may_carry_secrets;
use location_auth::{App, Bytes, Environment, LocationAccessToken, Misuse, Owner, Session};
use support::{app, done, renew, settings, settings_for, token_response, user_token, whole};

fn token(app: &App, id: &str, token: &str) -> LocationAccessToken {
    done(app.location(id).unwrap().exchange(&user_token(app)).unwrap(), &token_response(token))
}

fn session() -> Session {
    Session::for_location(&app(), token(&app(), "loc-1", "t-1")).unwrap()
}

fn get(url: &str) -> Request<Bytes> {
    Request::get(url).header("accept", "text/csv").body(Bytes::from_static(b"the body")).unwrap()
}

const CALL: &str = "https://api.example.com/contacts?b=%41&&a=";

#[test]
fn a_call_carries_the_api_key_and_the_token_that_the_session_is_for() {
    let app = app();
    let sessions = [
        (Session::for_location(&app, token(&app, "loc-1", "t-1")).unwrap(), Some("Bearer t-1"), Some("loc-1")),
        (Session::for_user(&app, user_token(&app)).unwrap(), Some("Bearer user-token"), None),
        (Session::without_token(&app), None, None),
    ];
    for (session, authorization, location) in sessions {
        let mut call = get(CALL);
        session.authorize(&mut call).unwrap();
        assert_eq!(call.headers()["x-api-key"], "the-api-key");
        assert_eq!(call.headers().get("authorization").map(|value| value.to_str().unwrap()), authorization);
        assert!(call.headers()["x-api-key"].is_sensitive());
        assert_eq!(session.location().map(|id| id.as_str()), location);
        assert_eq!(session.has_token(), authorization.is_some());

        let (mut parts, body) = get(CALL).into_parts();
        session.authorize(&mut parts).unwrap();
        assert_eq!(whole(&Request::from_parts(parts, body)), whole(&call), "parts and whole requests alike");
    }
}

#[test]
fn existing_headers_are_replaced_and_the_rest_of_the_call_is_unchanged() {
    let mut call = get(CALL);
    for name in ["x-api-key", "authorization", "x-other"] {
        call.headers_mut().append(name, "old-1".parse().unwrap());
        call.headers_mut().append(name, "old-2".parse().unwrap());
    }
    session().authorize(&mut call).unwrap();
    let values = |name| call.headers().get_all(name).iter().map(|value| value.to_str().unwrap()).collect::<Vec<_>>();
    assert_eq!(values("x-api-key"), ["the-api-key"]);
    assert_eq!(values("authorization"), ["Bearer t-1"]);
    assert_eq!(values("x-other"), ["old-1", "old-2"]);
    let mut by_query = call.clone();
    session().with_query_parameter("access_token").unwrap().authorize(&mut by_query).unwrap();
    assert!(!by_query.headers().contains_key("authorization"), "a call carries one token");
    assert_eq!((call.uri().to_string(), &call.body()[..]), (CALL.into(), &b"the body"[..]));
}

#[test]
fn a_token_in_the_query_is_appended_and_the_rest_is_left_byte_for_byte() {
    let session = |parameter| {
        let token = token(&app(), "loc-1", "t+1/=&%?#");
        Session::for_location(&app(), token).unwrap().with_query_parameter(parameter).unwrap()
    };
    for (url, parameter, authorized) in [
        ("https://api.example.com", "access_token", "https://api.example.com/?access_token=t%2B1%2F%3D%26%25%3F%23"),
        ("https://api.example.com/x", "t", "https://api.example.com/x?t=t%2B1%2F%3D%26%25%3F%23"),
        ("https://api.example.com/x?", "t", "https://api.example.com/x?t=t%2B1%2F%3D%26%25%3F%23"),
        ("https://api.example.com/x?a=%41&&b", "t", "https://api.example.com/x?a=%41&&b&t=t%2B1%2F%3D%26%25%3F%23"),
        ("https://api.example.com/x?a=1&", "t", "https://api.example.com/x?a=1&t=t%2B1%2F%3D%26%25%3F%23"),
        ("https://api.example.com/x?tt=1&xt", "t", "https://api.example.com/x?tt=1&xt&t=t%2B1%2F%3D%26%25%3F%23"),
        ("https://api.example.com/x", "a b&c", "https://api.example.com/x?a%20b%26c=t%2B1%2F%3D%26%25%3F%23"),
    ] {
        let mut call = get(url);
        session(parameter).authorize(&mut call).unwrap();
        assert_eq!(call.uri().to_string(), authorized);
        assert!(!call.headers().contains_key("authorization"));
        assert_eq!(call.headers()["x-api-key"], "the-api-key");
    }
    let (mut parts, ()) = Request::get("https://api.example.com/x").body(()).unwrap().into_parts();
    session("t").authorize(&mut parts).unwrap();
    assert_eq!(parts.uri, "https://api.example.com/x?t=t%2B1%2F%3D%26%25%3F%23", "parts and whole requests alike");
    for name in ["", " "] {
        let misuse = session("x").with_query_parameter(name).unwrap_err();
        assert_eq!(misuse, Misuse::Empty(location_auth::Field::QueryParameter));
    }
}

#[test]
fn a_missing_port_is_the_schemes_default() {
    let app = App::new(settings().api_origin("http://localhost").api_origin("https://data.example.com")).unwrap();
    let session = Session::without_token(&app);
    for (url, is_own) in [
        ("http://localhost:80/x", true),
        ("http://localhost:443/x", false),
        ("https://data.example.com:443/x", true),
        ("https://data.example.com:80/x", false),
    ] {
        assert_eq!(session.authorize(&mut get(url)).is_ok(), is_own, "{url}");
    }
}

#[test]
fn secrets_travel_over_tls_or_to_a_loopback_host() {
    for (url, may) in [
        ("https://api.example.com/", true),
        ("http://127.0.0.1:8080/", true),
        ("http://[::1]/", true),
        ("http://localhost/", true),
        ("http://api.example.com/", false),
        ("http://localhost.example.com/", false),
        ("https://user@api.example.com/", false),
        ("ftp://localhost/", false),
        ("/x", false),
    ] {
        assert_eq!(may_carry_secrets(&url.parse().unwrap()), may, "{url}");
    }
}

#[test]
fn a_parameter_of_the_tokens_name_is_an_error_however_it_is_written() {
    for query in [
        "access_token=x",
        "a&access_token",
        "access%5Ftoken=",
        "%61ccess_token=1&b",
        "access_token=&",
        // One name for ASP.NET and ColdFusion.
        "Access_Token=x",
        "a=1;ACCESS%5FTOKEN=x",
        // For PHP.
        "access.token=x",
        "access+token=x",
        "access[token=x",
        "%20+access_token=x",
        // For PHP, Rack and others, which read a list or a map of this name.
        "access_token[]=x",
        "Access_Token%5Bx%5D=x",
    ] {
        let session = session().with_query_parameter("access_token").unwrap();
        refuses(&session, get(&format!("https://api.example.com/x?{query}")), Misuse::DuplicateParameter);
    }
    for query in
        ["access_tokens=x", "my_access_token=x", "accesstoken=x", "access-token", "x[access_token]=1", "a=access_token"]
    {
        let session = session().with_query_parameter("access_token").unwrap();
        session.authorize(&mut get(&format!("https://api.example.com/x?{query}"))).expect(query);
    }
    for (parameter, query) in [("a b", "a+b=1"), ("token", "a=1;token=x"), ("a;b", "a;b=1"), ("a;b", "a%3Bb")] {
        let session = session().with_query_parameter(parameter).unwrap();
        refuses(&session, get(&format!("https://api.example.com/x?{query}")), Misuse::DuplicateParameter);
    }
}

/// Refused, and the request byte for byte as it was.
fn refuses(session: &Session, mut call: Request<Bytes>, misuse: Misuse) {
    let before = whole(&call);
    assert_eq!(session.authorize(&mut call).unwrap_err(), misuse, "{before}");
    assert_eq!(whole(&call), before);
}

#[test]
fn a_call_that_names_another_host_than_its_urls_is_refused() {
    let call = |url: &str, hosts: &[&str]| {
        let mut call = get(url);
        for host in hosts {
            call.headers_mut().append("host", host.parse().unwrap());
        }
        call
    };
    for (url, host) in [
        ("https://api.example.com/x", "api.example.com"),
        ("https://api.example.com/x", "API.example.com"),
        ("https://api.example.com/x", "api.example.com:443"),
        ("https://api.example.com:443/x", "api.example.com"),
    ] {
        assert!(session().authorize(&mut call(url, &[host])).is_ok(), "{url}, {host}");
    }
    let url = "https://api.example.com/x";
    for hosts in [
        &["evil.example.net"][..],
        &["api.example.com:8443"],
        &["api.example.com:80"],
        &["api.example.com:+443"],
        &["api.example.com."],
        &["api.example.com@evil.example.net"],
        &["user@api.example.com"],
        &["api.example.com", "evil.example.net"],
        &[""],
        &["é"],
    ] {
        refuses(&session(), call(url, hosts), Misuse::HostMismatch);
    }
}

#[test]
fn a_credential_goes_only_to_the_origins_that_the_settings_name() {
    let local = App::new(settings().api_origin("http://localhost:8080").api_origin("https://[2001:db8::1]")).unwrap();
    let local = Session::for_location(&local, token(&local, "loc-1", "t-1")).unwrap();
    for url in [
        "https://api.example.com/",
        "https://API.EXAMPLE.com/x",
        "HTTPS://api.example.com:443/x",
        "https://api.example.com:0443/x",
        "http://localhost:8080/x",
        "http://LOCALHOST:8080",
        "https://[2001:db8::1]:443/",
    ] {
        let mut call = get(url);
        assert!(local.authorize(&mut call).is_ok(), "{url}");
    }
    for url in [
        "http://api.example.com/",
        "http://api.example.com:443/",
        "https://api.example.com:8443/",
        "https://api.example.com:80/",
        "https://api.example.com./",
        "https://api.example.com.evil.example.net/",
        "https://evil-api.example.com/",
        "https://xapi.example.com/",
        "https://api.example.co/",
        "https://example.com/",
        "https://api-example.com/",
        "https://api.examp1e.com/",
        "https://user@api.example.com/",
        "https://api.example.com@evil.example.net/",
        "https://api.example.com:443@evil.example.net/",
        "https://evil.example.net/?https://api.example.com/",
        "https://192.0.2.1/",
        "ws://api.example.com/",
        "https://[2001:db8::2]/",
        "https://[2001:0db8::1]/",
        "https://[2001:db8::1]:8080/",
        "http://[2001:db8::1]/",
        "http://localhost/",
        "http://localhost:8081/",
        "https://localhost:8080/",
        "http://127.0.0.1:8080/",
        "http://2130706433:8080/",
        "http://0x7f000001:8080/",
        "http://127.1:8080/",
        "http://[::1]:8080/",
        "http://localhost.:8080/",
    ] {
        refuses(&local, get(url), Misuse::OriginNotAllowed);
    }
    for url in ["/contacts", "/", "/contacts?since=monday", "*", "api.example.com", "localhost:8080"] {
        refuses(&local, get(url), Misuse::RelativeUrl);
    }
    // What does not start with a slash would run on from the authority: `https://api.example.com*`.
    let mut parts = get("https://api.example.com/").into_parts().0.uri.into_parts();
    parts.path_and_query = Some(http::uri::PathAndQuery::from_static("*"));
    let mut star = get("https://api.example.com/");
    *star.uri_mut() = http::Uri::from_parts(parts).unwrap();
    refuses(&local, star, Misuse::OriginNotAllowed);
    let mut connect = Request::builder().method("CONNECT").uri("api.example.com:443").body(()).unwrap();
    assert_eq!(local.authorize(&mut connect).unwrap_err(), Misuse::RelativeUrl);
    assert!(connect.headers().is_empty());
}

#[test]
fn a_call_that_is_too_large_for_its_credentials_is_refused() {
    let mut call = get(CALL);
    for number in 0..1100 {
        call.headers_mut().append("x-many", number.into());
    }
    refuses(&session(), call, Misuse::RequestTooLarge);
    let long = format!("https://api.example.com/{}", "a".repeat(65_480));
    refuses(&session().with_query_parameter(&"parameter".repeat(10)).unwrap(), get(&long), Misuse::RequestTooLarge);
    // The longest that passes, and one byte more: 65,534 for the whole URL with `?t=t-1`.
    let in_query = session().with_query_parameter("t").unwrap();
    let path = |length| format!("https://api.example.com/{}", "a".repeat(length));
    let passes = 65_534 - "https://api.example.com/?t=t-1".len();
    in_query.authorize(&mut get(&path(passes))).unwrap();
    refuses(&in_query, get(&path(passes + 1)), Misuse::RequestTooLarge);
}

/// A request, and a session without a token yet, that no token makes a call of: each for another reason.
fn never_sent() -> [(Request<Bytes>, Session, Misuse); 9] {
    let header = || app().location("loc-1").unwrap().session();
    let query = || header().with_query_parameter("access_token").unwrap();
    let with = |change: fn(&mut Request<Bytes>)| {
        let mut call = get(CALL);
        change(&mut call);
        call
    };
    let host =
        with(|call| assert!(call.headers_mut().insert("host", "elsewhere.example.com".parse().unwrap()).is_none()));
    let headers = with(|call| (0..1100).for_each(|number| _ = call.headers_mut().append("x-many", number.into())));
    let long = get(&format!("https://api.example.com/{}", "a".repeat(65_497)));
    [
        (get("https://elsewhere.example.com/"), header(), Misuse::OriginNotAllowed),
        (get("/contacts"), header(), Misuse::RelativeUrl),
        (host, header(), Misuse::HostMismatch),
        (headers, header(), Misuse::RequestTooLarge),
        (get("https://api.example.com/?access_token=t"), query(), Misuse::DuplicateParameter),
        (get("https://api.example.com/?Access_Token=t"), query(), Misuse::DuplicateParameter),
        (get("https://api.example.com/?a=1;access%5Ftoken"), query(), Misuse::DuplicateParameter),
        // Not even a token of one character has room.
        (long, query(), Misuse::RequestTooLarge),
        (get("https://elsewhere.example.com/"), query(), Misuse::OriginNotAllowed),
    ]
}

#[test]
fn what_is_refused_is_refused_before_a_token_is_requested() {
    for (request, session, misuse) in never_sent() {
        refuses(&session, request.clone(), misuse.clone());
        let calls = [
            Call::new(request.clone()),
            Call::once(request.clone()),
            // What would be refused after a 401 and a renewal.
            Call::repeating(get(CALL), Some(request.clone())),
        ];
        for call in calls {
            let Next::Send(call) = call.start::<()>(&session) else { panic!("{misuse} costs a token") };
            assert_eq!(call.authorize(&session).unwrap_err(), misuse);
        }
    }
}

#[test]
fn a_token_is_refused_by_an_app_of_the_other_environment() {
    use Environment::{Production, Staging};
    let staging = app();
    let production = App::new(settings_for(Production)).unwrap();
    let misuse = Misuse::WrongEnvironment { token: Staging, app: Production };
    assert_eq!(Session::for_location(&production, token(&staging, "loc-1", "t-1")).unwrap_err(), misuse);
    assert_eq!(Session::for_user(&production, user_token(&staging)).unwrap_err(), misuse);
}

/// A session whose token the owner has renewed, and the call that led to it, sent again: the token has not worked yet.
fn renewed_by_owner(app: &App) -> (Session, Attempt) {
    let mut session = session();
    let mut owner = Owner::new(app);
    owner.set_user_token(user_token(app)).unwrap();
    let attempt = session.authorize(&mut get(CALL)).unwrap();
    let Ok(Verdict::Acquire(renewal)) = session.received(attempt, StatusCode::UNAUTHORIZED) else {
        panic!("no newer one")
    };
    let replay = renew(renewal, &mut session, &mut owner, |_| token_response("t-2")).unwrap();
    let again = session.replay(replay, &mut get(CALL)).unwrap();
    (session, again)
}

/// The sessions of the table's columns, each with an attempt to be judged.
fn columns() -> [(&'static str, Session, Attempt); 8] {
    let app = app();
    let authorize = |name, session: Session| {
        let attempt = session.authorize(&mut get(CALL)).unwrap();
        (name, session, attempt)
    };
    let mut older = authorize("an older token", session());
    older.1.set_location_token(token(&app, "loc-1", "t-2")).unwrap();
    let mut replayed = session();
    let first = replayed.authorize(&mut get(CALL)).unwrap();
    replayed.set_location_token(token(&app, "loc-1", "t-2")).unwrap();
    let Ok(Verdict::Replay(replay)) = replayed.received(first, StatusCode::UNAUTHORIZED) else { panic!("a newer one") };
    let again = replayed.replay(replay, &mut get(CALL)).unwrap();
    let renewed = renewed_by_owner(&app);
    [
        authorize("the newest token", session()),
        authorize("a new token that has not worked yet", renewed_by_owner(&app).0),
        ("…for the call that was sent again with it", renewed.0, renewed.1),
        older,
        ("a call that was sent again", replayed, again),
        authorize("a user's session", Session::for_user(&app, user_token(&app)).unwrap()),
        authorize("without a token", Session::without_token(&app)),
        ("another session's attempt", session(), authorize("", session()).2),
    ]
}

fn code(text: String) -> String {
    format!("`{}`", text.split([' ', '(', '{']).next().unwrap())
}

/// What the session says of these statuses, one call after the other, and how its token fares then.
fn received(session: &mut Session, attempt: Attempt, statuses: &[u16]) -> Result<String, Misuse> {
    let mut attempt = Some(attempt);
    let mut text = String::new();
    for status in statuses {
        let attempt = attempt.take().unwrap_or_else(|| session.authorize(&mut get(CALL)).unwrap());
        let verdict = session.received(attempt, StatusCode::from_u16(*status).unwrap())?;
        text = match &verdict {
            Verdict::Rejected(error) => format!("`Rejected`: {}", code(format!("{:?}", error.kind()))),
            verdict => code(format!("{verdict:?}")),
        };
        if let Verdict::Replay(replay) = verdict {
            let mut again = get(CALL);
            session.replay(replay, &mut again)?;
            assert_eq!(again.headers()["authorization"], "Bearer t-2", "the newest");
        }
    }
    Ok(format!("{text}; {}", state(session)))
}

fn renewed(session: &mut Session, environment: Environment, location: &str) -> Result<String, Misuse> {
    let app = App::new(settings_for(environment)).unwrap();
    session.set_location_token(token(&app, location, "t-3"))?;
    let mut call = get(CALL);
    session.authorize(&mut call)?;
    assert_eq!(call.headers()["authorization"], "Bearer t-3");
    Ok(format!("renewed; {}", state(session)))
}

fn state(session: &Session) -> String {
    let mut owner = Owner::new(session.app());
    owner.set_user_token(user_token(session.app())).unwrap();
    code(format!("{:?}", session.state(&owner, Duration::ZERO)))
}

fn table() -> String {
    use Environment::{Production, Staging};
    type Event = (&'static str, fn(&mut Session, Attempt) -> Result<String, Misuse>);
    let events: [Event; 12] = [
        ("`received` 200", |session, attempt| received(session, attempt, &[200])),
        ("`received` 401", |session, attempt| received(session, attempt, &[401])),
        ("`received` 503", |session, attempt| received(session, attempt, &[503])),
        ("200, then 401", |session, attempt| received(session, attempt, &[200, 401])),
        ("404, then 401", |session, attempt| received(session, attempt, &[404, 401])),
        ("403, then 401", |session, attempt| received(session, attempt, &[403, 401])),
        ("429, then 401", |session, attempt| received(session, attempt, &[429, 401])),
        ("500, then 401", |session, attempt| received(session, attempt, &[500, 401])),
        ("401, then 401", |session, attempt| received(session, attempt, &[401, 401])),
        ("`set_location_token` with a token of its Location", |session, _| renewed(session, Staging, "loc-1")),
        ("`set_location_token` with a token of another Location", |session, _| renewed(session, Staging, "loc-2")),
        ("`set_location_token` with a token of the other environment", |session, _| {
            renewed(session, Production, "loc-1")
        }),
    ];
    let mut table = format!("| event | {} |\n", columns().map(|(name, ..)| name).join(" | "));
    table += &format!("| --- | {} |\n", ["---"; 8].join(" | "));
    for (name, event) in events {
        let cells = columns().map(|(_, mut session, attempt)| {
            event(&mut session, attempt)
                .unwrap_or_else(|misuse| format!("`Misuse::{}", &code(format!("{misuse:?}"))[1..]))
        });
        table += &format!("| {name} | {} |\n", cells.join(" | "));
    }
    table
}

#[test]
fn every_state_handles_every_event_as_documented() {
    support::documented::is_documented("src/session.md", "| event", &table());
}

#[test]
fn a_renewal_that_ends_late_does_not_replace_a_newer_token_and_its_own_is_saved() {
    let app = app();
    let (mut session, mut owner) = (session(), Owner::new(&app));
    owner.set_user_token(user_token(&app)).unwrap();
    let attempts = [(); 3].map(|()| session.authorize(&mut get(CALL)).unwrap());
    let [first, rest @ ..] = attempts;
    let Ok(Verdict::Acquire(renewal)) = session.received(first, StatusCode::UNAUTHORIZED) else {
        panic!("no newer one")
    };
    let Acquiring::AwaitTurn(waiting) = renewal.start(&mut session, &mut owner, Duration::ZERO) else { panic!() };
    let Acquiring::OpenRecord(open) = waiting.granted(&mut session, &mut owner, Duration::ZERO) else { panic!() };
    let next = open.opened(Stored::SavesOnly, &mut session, &mut owner, Duration::ZERO);
    let Acquiring::SendToken(step) = next else { panic!() };
    session.set_location_token(token(&app, "loc-1", "t-2")).unwrap();
    let next = step.received(&token_response("t-late"), &mut session, &mut owner, Duration::ZERO);
    let Acquiring::WriteRecord(write) = next else { panic!("{next:?}") };
    assert!(write.record().expose_secret().contains("t-late"), "it lives for ever, so it is saved");
    let Acquiring::Done(Ok(replay)) = write.written(&mut session, &mut owner, Duration::ZERO) else { panic!() };
    let mut again = get(CALL);
    session.replay(replay, &mut again).unwrap();
    assert_eq!(again.headers()["authorization"], "Bearer t-2");
    for attempt in rest {
        let verdict = session.received(attempt, StatusCode::UNAUTHORIZED).unwrap();
        let Verdict::Replay(replay) = verdict else { panic!("there is a newer token") };
        let mut again = get(CALL);
        session.replay(replay, &mut again).unwrap();
        assert_eq!(again.headers()["authorization"], "Bearer t-2");
    }
}

#[test]
fn a_replay_is_bound_to_its_session_and_leaves_a_refused_request_unchanged() {
    let replay = || {
        let [_, _, _, (_, mut session, attempt), ..] = columns();
        let verdict = session.received(attempt, StatusCode::UNAUTHORIZED).unwrap();
        let Verdict::Replay(replay) = verdict else { panic!("there is a newer token") };
        (session, replay)
    };
    let mut again = get(CALL);
    let before = whole(&again);
    assert_eq!(session().replay(replay().1, &mut again).unwrap_err(), Misuse::ForeignAttempt);
    assert_eq!(whole(&again), before);

    let mut elsewhere = get("https://evil.example.net/");
    let before = whole(&elsewhere);
    let (session, replay) = replay();
    assert_eq!(session.replay(replay, &mut elsewhere).unwrap_err(), Misuse::OriginNotAllowed);
    assert_eq!(whole(&elsewhere), before);
}
