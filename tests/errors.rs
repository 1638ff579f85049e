//! What every error says, read whole: the file `data/errors.txt` has each text, and each says what to do.
#![cfg(all(feature = "cassette", feature = "tower"))]

#[path = "support/cases.rs"]
mod cases;
#[path = "support/now.rs"]
mod now;
mod support;
#[path = "support/token_errors.rs"]
mod token_errors;

use std::collections::BTreeMap;
use std::error::Error as StdError;
use std::fmt::Display;
use std::fs;
use std::future::{Ready, ready};
use std::path::Path;
use std::task::{Context, Poll};

use http::{Request, Response, StatusCode};
use location_auth::driver::CallFailure;
use location_auth::store::RecordKey;
use location_auth::transports::cassette::CassetteError;
use location_auth::transports::client::{AsyncClient, CallError, tower::ServiceError};
use location_auth::transports::{Cause, Delivery, RunError, SendError, SendErrorKind};
use location_auth::{
    App, Bytes, Environment, Flow, LocationAccessToken, LocationId, LocationLogin, Misuse, SavedToken, Session,
    Settings, UserAccessToken,
};
use now::now;
use serde_core::de::{Deserialize, value::Error as ValueError, value::MapDeserializer};
use support::{EMAIL, PASSWORD, app, location_token, next, settings, settings_for, token_response, user_token};
use tower_layer::Layer;
use tower_service::Service;

/// The texts in the making: a title, then under it each text below what it is said of.
#[derive(Default)]
struct Texts {
    file: String,
    said: Vec<String>,
}

impl Texts {
    fn title(&mut self, title: &str) {
        self.file += &format!("\n# {title}\n");
    }

    fn say(&mut self, of: impl Display, error: impl Display) {
        let text = error.to_string();
        self.file += &format!("\n{of}\n    {text}\n");
        self.said.push(text);
    }
}

fn response(status: u16, headers: &[(&str, &str)], body: impl AsRef<[u8]>) -> Response<Vec<u8>> {
    let mut response = Response::builder().status(status);
    for (name, value) in headers {
        response = response.header(*name, *value);
    }
    response.body(body.as_ref().to_vec()).unwrap()
}

/// One response for each text that an [`location_auth::Error`] can have beside the service's own words.
fn responses() -> Vec<(&'static str, Response<Vec<u8>>)> {
    let cases: BTreeMap<_, _> = cases::cases().into_iter().collect();
    let case = |name: &str| cases[name].clone().map(String::into_bytes);
    let same = |name| (name, case(name));
    let page = |status| response(status, &[("content-type", "text/html")], "<html>");
    vec![
        same("101"),
        ("200, an error object", response(200, &[], br#"{"error": true}"#)),
        same("302"),
        same("400"),
        same("401"),
        same("403"),
        same("404"),
        ("405", response(405, &[], "")),
        ("407", response(407, &[], "")),
        ("408", response(408, &[], "")),
        ("425", response(425, &[], "")),
        same("422"),
        same("429"),
        ("429, Retry-After: 0", case("429, wait 0 s")),
        ("429, Retry-After: 30", case("429, wait 30 s")),
        same("500"),
        ("500, Retry-After: 30", case("500, wait 30 s")),
        same("503"),
        ("503, Retry-After: 0", response(503, &[("retry-after", "0")], "")),
        ("503, Retry-After: 30", case("503, wait 30 s")),
        same("600"),
        same("200, over the bound"),
        ("200, a page", page(200)),
        same("200, coded"),
        ("200, a message alone", response(200, &[], br#"{"message": "The account is locked"}"#)),
        ("401, invalid_grant", response(401, &[], r#"{"error": "invalid_grant"}"#)),
        ("401, invalid_client", response(401, &[], r#"{"error": "invalid_client"}"#)),
        ("400, unauthorized_client", response(400, &[], r#"{"error": "unauthorized_client"}"#)),
        ("401, coded", response(401, &[("content-encoding", "br")], b"\x8b")),
        ("401, Basic", response(401, &[("www-authenticate", "Basic realm=\"staff\"")], "")),
        (
            "400, a page with a title",
            response(400, &[], "<html><title>400 No required SSL certificate was sent</title>"),
        ),
        ("403, a page", page(403)),
        same("200, no body"),
        ("200, not UTF-8", response(200, &[], b"{\"\xff\"}")),
        same("200, cut short"),
        same("200, not JSON"),
        ("200, an array", case("200, not an object")),
        same("200, two objects"),
        same("200, no token"),
        same("200, two tokens"),
        same("200, a number"),
        same("200, an empty token"),
        same("200, a token with a space"),
        same("200, step 1's token"),
    ]
}

/// What a response may bring beside its status.
fn dressings() -> Vec<(&'static str, Response<Vec<u8>>)> {
    let id = ("x-request-id", "7f3a-1");
    let words = br#"{"error": "slow_down", "error_description": "Too \"many\" requests"}"#;
    let repeated = r#"{"error": "the-client-secret"}"#;
    vec![
        ("429, a message", response(429, &[], words)),
        ("429, a message that repeats a credential", response(429, &[], repeated)),
        (
            "429, a code and a message that repeats a credential",
            response(429, &[], r#"{"code": "E17", "message": "the-client-secret"}"#),
        ),
        ("429, the email", response(429, &[], r#"{"message": "Too many logins of owner@example.com"}"#)),
        ("429, a request id", response(429, &[id], "")),
        ("429, a message, a request id, Retry-After", response(429, &[id, ("retry-after", "30")], words)),
        (
            "429, a repeated credential, a request id, Retry-After",
            response(429, &[id, ("retry-after", "30")], repeated),
        ),
    ]
}

fn login() -> LocationLogin {
    app().location("loc-1").unwrap().login(EMAIL, PASSWORD).unwrap()
}

fn login_at_step_2() -> LocationLogin {
    next(login(), &token_response("user-token"))
}

fn of_responses(texts: &mut Texts) {
    fn each<F: Flow + Clone>(texts: &mut Texts, flow: &F, responses: Vec<(&'static str, Response<Vec<u8>>)>) {
        for (name, response) in responses {
            if let Err(failed) = flow.clone().receive(&response) {
                assert_eq!(failed.error.to_string(), failed.to_string());
                texts.say(name, failed);
            }
        }
    }
    texts.title("Error, ReceiveError, and RunError by a response: LocationLogin at step 1");
    each(texts, &login(), responses());
    texts.title("Error, ReceiveError, and RunError by a response: LocationLogin at step 2, and TokenExchange");
    each(texts, &login_at_step_2(), responses());
    texts.title("Error: UserLogin, which has no Location, and what a response may bring beside its status");
    each(texts, &app().user_login(EMAIL, PASSWORD).unwrap(), dressings());
}

fn refused_settings() -> Vec<(&'static str, Settings)> {
    let long: &'static str = Box::leak(format!("https://api.example.com/{}", "x".repeat(70_000)).into_boxed_str());
    let mut all = vec![
        ("no user token URL", settings().user_token_url("")),
        ("an empty API Key", settings().api_key("")),
        ("an API Key with a line end", settings().api_key("k\n")),
        ("an API Key with an umlaut", settings().api_key("ü")),
        ("an API Key between quotes", settings().api_key("'k'")),
        ("an empty Client ID", settings().client_id("")),
        ("a Client ID with a control character", settings().client_id("c\0d")),
        ("an empty Client Secret", settings().client_secret("")),
        ("a Client Secret with a line end", settings().client_secret("s\n")),
        ("an empty Data Source Name", settings().data_source_name("")),
        ("a Data Source Name with a line end", settings().data_source_name("d\n")),
        ("a location token URL without a scheme", settings().location_token_url("api.example.com")),
        ("an API origin with a path", settings().api_origin("https://api.example.com/v1")),
        (
            "{location_id} in the location token URL's host",
            settings().location_token_url("https://{location_id}.example.com/"),
        ),
    ];
    for (name, url) in [
        ("a user token URL without a scheme", "api.example.com/user_token"),
        ("a user token URL that is too long", long),
        ("a user token URL with a line end", "https://api.example.com/user_token\n"),
        ("a user token URL with an umlaut in its path", "https://api.example.com/benützer"),
        ("a user token URL with an umlaut in its host", "https://api.exämple.com/user_token"),
        ("a user token URL of ftp", "ftp://api.example.com/user_token"),
        ("a user token URL of http", "http://api.example.com/user_token"),
        ("a user token URL whose host is half an address", "https://127.1/user_token"),
        ("a user token URL with port 0", "https://api.example.com:0/user_token"),
        ("a user token URL with a user", "https://me@api.example.com/user_token"),
        ("a user token URL with a fragment", "https://api.example.com/user_token#top"),
        ("a user token URL with {location_id}", "https://api.example.com/{location_id}/user_token"),
    ] {
        all.push((name, settings().user_token_url(url)));
    }
    all
}

fn of_misuse(texts: &mut Texts) {
    texts.title("Misuse");
    for (name, settings) in refused_settings() {
        texts.say(name, App::new(settings).unwrap_err());
    }
    let app = app();
    let production = App::new(settings_for(Environment::Production)).unwrap();
    texts.say("an unknown environment", "test".parse::<Environment>().unwrap_err());
    texts.say("an empty email", app.user_login("", PASSWORD).unwrap_err());
    texts.say("a password with a line end", app.user_login(EMAIL, "word\n").unwrap_err());
    texts.say("an empty password", app.user_login(EMAIL, "").unwrap_err());
    texts.say("an empty Location id", LocationId::new("").unwrap_err());
    texts.say("a Location id with a line end", LocationId::new("loc\n").unwrap_err());
    texts.say("a Location id of two dots", LocationId::new("..").unwrap_err());
    texts.say("a Location id of 70,000 characters", app.location(&"x".repeat(70_000)).unwrap_err());
    let (user, location) = (user_token(&app), location_token(&app));
    let other_user = user_token(&production);
    texts.say("a staging token, a production App", Session::for_user(&production, user.clone()).unwrap_err());
    texts.say("a production token, a staging App", Session::for_user(&app, other_user).unwrap_err());
    let moved = settings().user_token_url("https://api.example.net/u").location_token_url("https://api.example.net/l");
    texts.say("a token of another App", Session::for_user(&App::new(moved).unwrap(), user.clone()).unwrap_err());
    texts.say("a user's saved token", LocationAccessToken::try_from(SavedToken::from(&user)).unwrap_err());
    texts.say("a Location's saved token", UserAccessToken::try_from(SavedToken::from(&location)).unwrap_err());

    let call = |url: &str| Request::get(url).body(()).unwrap();
    let contacts = || call("https://api.example.com/contacts");
    let mut session = Session::for_location(&app, location.clone()).unwrap();
    let with_query_parameter =
        Session::for_location(&app, location.clone()).unwrap().with_query_parameter("access_token").unwrap();
    let empty = Session::without_token(&app).with_query_parameter("").unwrap_err();
    texts.say("an empty name for the query parameter", empty);
    let foreign = session.authorize(&mut call("https://elsewhere.example.com/")).unwrap_err();
    texts.say("a call of another origin", foreign);
    texts.say("a call of a path alone", session.authorize(&mut call("/contacts")).unwrap_err());
    let mut astray = contacts();
    astray.headers_mut().insert("host", "elsewhere.example.com".parse().unwrap());
    texts.say("a call whose Host is another one", session.authorize(&mut astray).unwrap_err());
    let present = with_query_parameter.authorize(&mut call("https://api.example.com/?access_token=t")).unwrap_err();
    texts.say("a call with the token's parameter", present);
    let long = format!("https://api.example.com/?{}", "x".repeat(65_508));
    texts.say("a call with a long URL", with_query_parameter.authorize(&mut call(&long)).unwrap_err());
    let foreign = with_query_parameter.authorize(&mut contacts()).unwrap();
    let foreign = session.received(foreign, StatusCode::UNAUTHORIZED).unwrap_err();
    texts.say("another session's attempt", foreign);
    let mut users = Session::for_user(&app, user).unwrap();
    texts.say("a Location's token for a user's session", users.set_location_token(location).unwrap_err());
    let without_a_token = app.location("loc-1").unwrap().session();
    texts.say("a call of a Location without a token", without_a_token.authorize(&mut contacts()).unwrap_err());
    texts.say("a transport that calls its own client", Misuse::Reentrant);
    texts.say("a text that is no key of a record", "staging/nobody".parse::<RecordKey>().unwrap_err());
}

const KINDS: [SendErrorKind; 13] = [
    SendErrorKind::Insecure,
    SendErrorKind::NoTls,
    SendErrorKind::Header("content-length"),
    SendErrorKind::Proxy(None),
    SendErrorKind::Proxy(Some(http::StatusCode::PROXY_AUTHENTICATION_REQUIRED)),
    SendErrorKind::ProxyUnreachable,
    SendErrorKind::Connect,
    SendErrorKind::Tls,
    SendErrorKind::TimedOut,
    SendErrorKind::TooLarge,
    SendErrorKind::Broken,
    SendErrorKind::Configuration,
    SendErrorKind::Other,
];

fn stopped<F: Flow>(flow: F, delivery: Delivery) -> RunError<F, SendError> {
    RunError {
        flow,
        cause: Cause::Transport { error: SendError::new(SendErrorKind::Connect, delivery, None), delivery },
    }
}

fn of_transports(texts: &mut Texts) {
    texts.title("SendError, which is the source of what stopped a driver");
    for kind in KINDS {
        let error = SendError::new(kind, Delivery::Unknown, None);
        assert_eq!(error.to_string(), kind.to_string());
        texts.say(format!("{kind:?}"), error);
    }
    let cut = SendError::new(SendErrorKind::Broken, Delivery::Unknown, None);
    texts.say("Broken, after a response's head", cut.with_status(http::StatusCode::UNAUTHORIZED));
    texts.title("RunError by a transport");
    for delivery in [Delivery::NotSent, Delivery::Unsendable, Delivery::Unknown] {
        let user_login = app().user_login(EMAIL, PASSWORD).unwrap();
        texts.say(format!("UserLogin, {delivery:?}"), stopped(user_login, delivery));
        texts.say(format!("LocationLogin at step 1, {delivery:?}"), stopped(login(), delivery));
        let last = stopped(login_at_step_2(), delivery);
        assert_eq!(last.source().unwrap().to_string(), SendErrorKind::Connect.to_string());
        texts.say(format!("LocationLogin at step 2, {delivery:?}"), last);
    }
}

fn of_clients(texts: &mut Texts) {
    texts.title("CallError");
    texts.say("Misuse", CallError::<SendError>::Misuse(Misuse::OriginNotAllowed));
    for (of, location) in [("", None), (" of a Location", Some(LocationId::new("loc-1").unwrap()))] {
        for delivery in [Delivery::NotSent, Delivery::Unsendable, Delivery::Unknown] {
            let (error, location) = (SendError::new(SendErrorKind::Connect, delivery, None), location.clone());
            let error = CallError::<SendError>::Transport { location, error, delivery };
            texts.say(format!("Transport{of}, {delivery:?}"), error);
        }
        let response = Box::new(response(401, &[], "no"));
        texts.say(format!("NotRepeated{of}"), CallError::<SendError>::NotRepeated { location, response });
    }
    texts.title("ServiceError");
    let error = service_error();
    assert!(error.source().unwrap().is::<SendError>());
    texts.say("of the layer", error);
    texts.title("TokenError, and CallError::TokenRejected and NoToken, which say the same");
    for (name, error) in token_errors::token_errors() {
        let rejected = CallError::<SendError>::TokenRejected {
            response: Box::new(response(401, &[], "no")),
            error: error.clone(),
            transport: None,
        };
        assert_eq!(rejected.to_string(), error.to_string());
        let none = CallError::<SendError>::NoToken { error: error.clone(), transport: None };
        assert_eq!(none.to_string(), error.to_string());
        texts.say(name, error);
    }
    let (_, error) = token_errors::token_errors().into_iter().next().unwrap();
    for failure in [
        CallFailure::NoToken { error: error.clone() },
        CallFailure::TokenRejected { response: http::Response::new(()), error: error.clone() },
    ] {
        assert_eq!(failure.to_string(), error.to_string());
    }
    texts.say("CallFailure::NotRepeated", CallFailure::NotRepeated { response: http::Response::new(()) });
    let response = Box::new(response(401, &[("www-authenticate", "Basic realm=\"staff\"")], "no"));
    let rejected = CallError::<SendError>::TokenRejected { response, error, transport: None };
    texts.say("TokenRejected, by a gateway with a login of its own", rejected);
}

/// What the layer tells of a service that fails.
fn service_error() -> ServiceError {
    #[derive(Clone)]
    struct Dead;

    impl Service<Request<Bytes>> for Dead {
        type Response = Response<Vec<u8>>;
        type Error = SendError;
        type Future = Ready<Result<Response<Vec<u8>>, SendError>>;

        fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), SendError>> {
            Poll::Ready(Ok(()))
        }

        fn call(&mut self, _: Request<Bytes>) -> Self::Future {
            ready(Err(SendError::new(SendErrorKind::Connect, Delivery::NotSent, None)))
        }
    }

    let session = Session::for_location(&app(), location_token(&app())).unwrap();
    let transport = |_: Request<Bytes>, _: usize| ready(Ok::<_, SendError>(Response::default()));
    let mut service = AsyncClient::new(session, transport).layer().layer(Dead);
    let request = Request::get("https://api.example.com/x").body(Bytes::new()).unwrap();
    match now(service.call(request)) {
        Err(CallError::Transport { error, delivery: Delivery::NotSent, .. }) => error,
        other => panic!("{other:?}"),
    }
}

fn of_saved_tokens(texts: &mut Texts) {
    texts.title("A saved token that cannot be read, by serde_json where nothing else is said");
    let good =
        r#"{"version": 1, "environment": "staging", "kind": "location", "location": "loc-1", "access_token": "t"}"#;
    for (name, file) in [
        ("null", "null".to_owned()),
        ("an array", "[]".to_owned()),
        ("a bare token", r#""t""#.to_owned()),
        ("version 2", good.replace('1', "2")),
        ("an unknown environment", good.replace("staging", "stage")),
        ("a user's with a location", good.replacen("location", "user", 1)),
        ("a location that is no id", good.replace("loc-1", "..")),
        ("a token with a space", good.replace(r#""t""#, r#""a b""#)),
        ("a member twice", good.replace(r#""kind""#, r#""version": 1, "kind""#)),
    ] {
        texts.say(name, serde_json::from_str::<SavedToken>(&file).unwrap_err());
    }
    let numbered = SavedToken::deserialize(MapDeserializer::<_, ValueError>::new([(1, 1)].into_iter()));
    texts.say("of another format: a number for a member's name", numbered.unwrap_err());
}

fn of_cassettes(texts: &mut Texts) {
    texts.title("A cassette, read and replayed: the transport's own error");
    let line = || "GET /locations/loc-1/contacts".to_owned();
    for error in [
        CassetteError::Damaged("line 7".into()),
        CassetteError::UnknownVersion,
        CassetteError::Differs {
            number: 2,
            part: "authorization".into(),
            sent: "<withheld>".into(),
            recorded: "Bearer <user-token-1>".into(),
        },
        CassetteError::Surplus { number: 4, line: line() },
        CassetteError::Missing { number: 3, line: line() },
        CassetteError::Withheld { number: 1, part: "response's body".into(), reason: "encoded".into() },
        CassetteError::TooLarge(3),
        CassetteError::Refused(2, SendErrorKind::Header("connection")),
    ] {
        let debug = format!("{error:?}");
        texts.say(debug.split([' ', '{', '(']).next().unwrap_or_default(), error);
    }
}

fn texts() -> Texts {
    let mut texts = Texts {
        file: "What every error says. Made by `UPDATE_TABLES=1 cargo test --all-features --test errors`.\n".into(),
        said: vec![],
    };
    of_misuse(&mut texts);
    of_responses(&mut texts);
    of_transports(&mut texts);
    of_clients(&mut texts);
    of_saved_tokens(&mut texts);
    of_cassettes(&mut texts);
    texts
}

#[test]
fn every_error_has_the_text_in_the_file() {
    support::documented::is_documented("tests/data/errors.txt", "What every error says", &texts().file);
}

#[test]
fn every_error_ends_in_what_to_do() {
    let imperatives = "add ask authorize check copy fill fix give log look make read \
                       record remove send set turn use wait write";
    let imperatives: Vec<_> = imperatives.split_whitespace().collect();
    for text in texts().said {
        let (_, last) = text.rsplit_once(": ").unwrap_or_else(|| panic!("says nothing of what to do: {text}"));
        let verb = last.split(' ').next().unwrap();
        assert!(imperatives.contains(&verb), "ends in no imperative: {text}");
        assert!(!text.contains('\n'), "is more than a line: {text}");
    }
}

/// The literals of a piece of Rust, without those of comments and attributes other than `#[error]`.
fn literals(code: &str) -> Vec<String> {
    let mut found = Vec::new();
    let lines = code.lines().map(str::trim_start);
    let left_out = ["//", "#[doc", "#[must_use", "#![", "#[cfg", "#[path"];
    let code: Vec<_> = lines.filter(|line| !left_out.iter().any(|start| line.starts_with(start))).collect();
    // A literal goes on behind a backslash at a line's end.
    let code = code.join("\n").replace("\\\n", "").replace("'\"'", "");
    let mut rest = code.as_str();
    while let Some((_, after)) = rest.split_once('"') {
        let end = (0..after.len()).find(|&at| after[at..].starts_with('"') && !after[..at].ends_with('\\')).unwrap();
        found.push(after[..end].to_owned());
        rest = &after[end + 1..];
    }
    found
}

/// What a format string has around its places.
fn pieces(format: &str) -> Vec<String> {
    let plain = format.replace("{{", "\u{1}").replace("}}", "\u{2}");
    let pieces = plain.split('{').enumerate().map(|(index, piece)| match piece.split_once('}') {
        Some((_, after)) if index > 0 => after.to_owned(),
        _ => piece.to_owned(),
    });
    pieces.map(|piece| piece.replace('\u{1}', "{").replace('\u{2}', "}")).collect()
}

#[test]
fn no_text_of_the_sources_is_missing_from_the_file() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let said = texts().said.join("\n");
    let mut seen = 0;
    let files = "src/error.rs src/error_kind.rs src/misuse.rs src/saved.rs src/token_error.rs \
                 transports/cassette/error.rs transports/client/error.rs transports/client/service_error.rs transports/run_error.rs transports/send_error.rs";
    for file in files.split_whitespace() {
        let text = fs::read_to_string(root.join(file)).unwrap();
        // One-word literals are names of members and types.
        for literal in literals(&text).iter().filter(|literal| literal.contains(' ')) {
            for piece in pieces(literal) {
                seen += 1;
                assert!(said.contains(&piece), "{file} says what no error here does: {piece:?}");
            }
        }
    }
    assert!(seen > 100, "{seen}");
}
