//! The target that records, and replays the recording.

use std::cell::RefCell;
use std::sync::LazyLock;

use http::{Request, Response, StatusCode};
use location_auth::transports::cassette::{Cassette, CassetteError, Credentials, Player, Recorder};
use location_auth::transports::{Cause, Transport, run};
use location_auth::{App, Bytes, Environment, ErrorKind, RESPONSE_LIMIT, Session, Settings, Step, is_token_request};
use serde_json::Value;

use super::input::{API_KEY, CLIENT_ID, CLIENT_SECRET, EMAIL, Input, PASSWORD, app, settings_for, shows_none};
use super::support::success;

const MADE_UP_EMAIL: &str = "made-up@example.com";
const MADE_UP_PASSWORD: &str = "made up";

/// How a program ends that logs in and makes a call.
#[derive(Debug, PartialEq)]
enum Outcome {
    Refused(Step, ErrorKind, StatusCode),
    Called(StatusCode),
}

/// The responses to a login and to a call, with the token in the call's header or query. The recording shows no credential, and a program with
/// other credentials replays it to the same outcome.
pub fn cassette(data: &[u8]) {
    let mut input = Input(data);
    let (in_query, path) = (input.byte() % 2 == 1, input.text());
    let answers = RefCell::new(vec![]);
    for _ in 0..3 {
        answers.borrow_mut().insert(0, input.response());
    }
    let url = format!("https://api.example.com/{path}");
    let issued = RefCell::new(vec![]);
    let service = |request: Request<Bytes>, _: usize| {
        let response = answers.borrow_mut().pop().expect("no more is sent");
        let body: Option<Value> = serde_json::from_slice(response.body()).ok();
        let token = body.as_ref().and_then(|body| body["access_token"].as_str()).filter(|_| is_token_request(&request));
        issued.borrow_mut().push(token.map(str::to_owned));
        Ok::<_, CassetteError>(response)
    };
    let recorder = Recorder::new(service, Credentials::new(&app()).login(EMAIL, PASSWORD))
        .keep_bodies(|_, body| Some(body.to_owned()));
    let recorded = program(&app(), EMAIL, PASSWORD, in_query, &url, &recorder).expect("the transport does not fail");

    let text = recorder.cassette().to_string();
    let interactions: Value = serde_json::from_str(&text).expect("a cassette is JSON");
    let texts = texts_of(&interactions).join("\n");
    shows_none(&texts, &[EMAIL, PASSWORD, API_KEY, CLIENT_ID, CLIENT_SECRET]);
    for (number, token) in issued.into_inner().iter().enumerate() {
        // A token that the cassette's own words contain cannot be distinguished from them.
        let Some(token) = token.as_ref().filter(|token| token.len() > 7 && !OWN_WORDS.contains(&token.to_lowercase()))
        else {
            continue;
        };
        for interaction in &interactions["interactions"].as_array().expect("is a list")[number..] {
            shows_none(&texts_of(interaction).join("\n"), &[token]);
        }
    }

    let cassette: Cassette = text.parse().expect("what is written can be read");
    assert_eq!(cassette.to_string(), text);
    let made_up = made_up();
    let player = Player::new(cassette, Credentials::new(&made_up).login(MADE_UP_EMAIL, MADE_UP_PASSWORD));
    match program(&made_up, MADE_UP_EMAIL, MADE_UP_PASSWORD, in_query, &url, &player) {
        Ok(replayed) => {
            assert_eq!(replayed, recorded);
            player.finish().expect("all of it was sent");
        }
        Err(CassetteError::Withheld { .. }) => {}
        // The path already contains a token of the recording's.
        Err(CassetteError::Differs { number: 3, recorded, .. }) if recorded.contains('<') => {}
        Err(error) => panic!("{error}"),
    }
}

fn program<T: Transport>(
    app: &App,
    email: &str,
    password: &str,
    in_query: bool,
    url: &str,
    transport: &T,
) -> Result<Outcome, T::Error> {
    let login = app.location("loc-1").and_then(|location| location.login(email, password)).expect("is right");
    let token = match run(login, transport) {
        Ok(token) => token,
        Err(stopped) => match stopped.cause {
            Cause::Response(error) => return Ok(Outcome::Refused(error.step(), error.kind(), error.status())),
            Cause::Transport { error, .. } => return Err(error),
            _ => unreachable!("there is no other cause"),
        },
    };
    let encoded = percent_encoding::utf8_percent_encode(token.expose_secret(), percent_encoding::NON_ALPHANUMERIC);
    let url = url.replace("TOKEN", &encoded.to_string());
    let session = Session::for_location(app, token).expect("is of this environment");
    let session = if in_query { session.with_query_parameter("t").expect("is a name") } else { session };
    let call = Request::get(url).body(Bytes::new());
    let mut call = call.unwrap_or_else(|_| Request::new(Bytes::new()));
    // A call that the session refuses is sent without a token.
    let _ = session.authorize(&mut call);
    transport.send(call, RESPONSE_LIMIT).map(|response| Outcome::Called(response.status()))
}

fn made_up() -> App {
    let settings: Settings = settings_for(Environment::Staging);
    App::new(settings.api_key("made-up-key").client_id("made-up-client").client_secret("made-up-secret"))
        .expect("the settings are right")
}

/// The names and words in every cassette, and the reasons why a text is withheld.
static OWN_WORDS: LazyLock<String> = LazyLock::new(|| {
    let answers = RefCell::new(vec![
        Response::new(vec![]),
        success("l").map(String::into_bytes),
        success("u").map(String::into_bytes),
    ]);
    let service =
        |_: Request<Bytes>, _: usize| Ok::<_, CassetteError>(answers.borrow_mut().pop().expect("no more is sent"));
    let recorder = Recorder::new(service, Credentials::new(&app()).login(EMAIL, PASSWORD));
    program(&app(), EMAIL, PASSWORD, true, "https://api.example.com/", &recorder).expect("the transport does not fail");
    let reasons = "<withheld> encoded not UTF-8 too long not kept not JSON that can be looked through repeats a credential \
                   holds a token that cannot be used content-type retry-after date x-request-id authorization";
    (recorder.cassette().to_string() + reasons).to_lowercase()
});

fn texts_of(value: &Value) -> Vec<String> {
    match value {
        Value::String(text) => vec![text.clone()],
        Value::Array(values) => values.iter().flat_map(texts_of).collect(),
        Value::Object(members) => {
            members.iter().flat_map(|(name, value)| [vec![name.clone()], texts_of(value)].concat()).collect()
        }
        Value::Number(number) => vec![number.to_string()],
        _ => vec![],
    }
}
