//! The target that records, and replays the recording.

use std::cell::RefCell;
use std::sync::LazyLock;

use http::{Request, Response, StatusCode};
use location_auth::transports::cassette::{Cassette, CassetteError, Credentials, Player, Recorder};
use location_auth::transports::{Cause, Transport, run};
use location_auth::transports::{RESPONSE_LIMIT, is_token_request};
use location_auth::{App, Bytes, Environment, ErrorKind, Flow, Session, Settings, Step};
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

/// By the first byte: a token that the service issues or the program sends in a wrapping of the fuzzer's, or whole responses of its own.
pub fn cassette(data: &[u8]) {
    match data.split_first() {
        Some((128.., rest)) => wrapped(&mut Input(rest)),
        _ => responses(data),
    }
}

/// What no cassette may hold: it is only ever written as the value of an `access_token`.
const ISSUED: [&str; 2] = ["m4rk3r.issued_9", "900719925474099312345"];

/// One token as the value of an `access_token`, in wrappings that the bytes choose, in a body or a `Link` that is kept; then a call that
/// repeats it. The recording does not hold it.
fn wrapped(input: &mut Input<'_>) {
    let issued = input.choose(&ISSUED);
    let value = match issued.starts_with('m') {
        true => format!("\"{issued}\""),
        false => issued.to_owned(),
    };
    let shape = input.byte() % 6;
    let value = match shape {
        0 => format!("{{\"value\": {value}, \"expires_in\": 60}}"),
        1 => format!("[{value}]"),
        2 => format!("[[], {{\"of\": [{{\"it\": {value}}}]}}]"),
        _ => value,
    };
    let name = input.choose(&[
        "access_token",
        "Access_Token",
        "accessToken",
        "access-token",
        "access\\u005ftoken",
        "oauth_access_token",
    ]);
    // What is withheld for its place alone is not known in a later path: a pair of a name and a value, what is in broken JSON in an object.
    let (mut text, is_found) = match input.byte() % 5 {
        0 => (format!("{{\"name\": \"{name}\", \"value\": {value}}}"), false),
        1 => (format!("grant=x&{}={}&scope=y", name.replace("\\u005f", "%5F"), issued), true),
        _ => (format!("{{\"id\": 7, \"{name}\": {value}}}"), true),
    };
    let layers = input.byte() % 6;
    for _ in 0..layers {
        text = match input.byte() % 16 {
            0 => format!("{{\"data\": {text}}}"),
            1 => format!("[1, {text}]"),
            2 => serde_json::to_string(&text).expect("a text"),
            3 => serde_json::to_string(&format!("got {text} today")).expect("a text"),
            4 => percent_encoding::utf8_percent_encode(&text, percent_encoding::NON_ALPHANUMERIC).to_string(),
            5 => format!("{{\"a\": 1, \"a\": 2, \"b\": {text}}}"),
            6 => format!("{}{text}{}", "[".repeat(9), "]".repeat(9)),
            7 => format!("\u{feff}{text}"),
            8 => format!("{{}}\n{text}\n{{}}"),
            9 => format!("{{\"n\": 1e999, \"b\": {text}}}"),
            10 => format!("{{\"s\": \"\\ud800\", \"b\": {text}}}"),
            11 => format!("{{\"$serde_json::private::Number\": {text}}}"),
            12 => format!("{{\"$serde_json::private::RawValue\": {text}}}"),
            13 => format!("/contacts?page=2&next={text}"),
            14 => format!("{{\"note\": \"a&amp;b\", \"b\": {text},}}"),
            _ => format!(")]}}',\n{text}"),
        };
    }
    let (place, status) = (input.byte() % 4, input.choose(&[200, 201, 401, 500]));
    let answer = RefCell::new(Some(match place {
        0 => Response::builder()
            .status(status)
            .header("link", text.replace(['\n', '\u{feff}'], " "))
            .body(vec![])
            .expect("a response"),
        _ => Response::builder().status(status).body(text.clone().into_bytes()).expect("a response"),
    }));
    let service = |_: Request<Bytes>, _: usize| Ok::<_, CassetteError>(answer.borrow_mut().take().unwrap_or_default());
    let is_plain = matches!(shape, 1 | 3..) && !name.contains('\\');
    let is_learnt = is_found && place != 0 && (is_plain || layers == 0);
    let keeps = input.byte() % 4 != 0;
    let recorder = Recorder::new(service, Credentials::new(&app()).login(EMAIL, PASSWORD))
        .keep_bodies(move |_, body| keeps.then(|| body.to_owned()));
    let call = |path: &str, body: &str| {
        let request = Request::post(format!("https://api.example.com/{path}")).body(Bytes::from(body.to_owned()));
        recorder.send(request.expect("a request"), RESPONSE_LIMIT).expect("the transport does not fail");
    };
    match place {
        1 => {
            let login = app().user_login(EMAIL, PASSWORD).expect("is right");
            recorder.send(login.request(), RESPONSE_LIMIT).expect("the transport does not fail");
        }
        2 => call("x", &text),
        _ => call("x", ""),
    }
    if is_learnt {
        let path = percent_encoding::utf8_percent_encode(issued, percent_encoding::NON_ALPHANUMERIC);
        call(&format!("of/{path}"), "");
        call(&format!("of?{path}"), "");
    }
    let recorded = recorder.cassette().to_string();
    let interactions = parsed(&recorded);
    let mut texts = texts_of(&interactions);
    for _ in 0..8 {
        shows_none(&texts.join("\n"), &[issued, EMAIL, PASSWORD, API_KEY, CLIENT_ID, CLIENT_SECRET]);
        texts.retain(|text| text.contains(['%', '\\']));
        for text in &mut texts {
            *text = percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned();
            *text = serde_json::from_str(&format!("\"{text}\"")).unwrap_or(text.clone());
        }
    }
}

/// The responses to a login and to a call, with the token in the call's header or query. The recording shows no credential, and a program with
/// other credentials replays it to the same outcome.
fn responses(data: &[u8]) {
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
    let interactions = parsed(&text);
    let texts = texts_of(&interactions).join("\n");
    shows_none(&texts, &[EMAIL, PASSWORD, API_KEY, CLIENT_ID, CLIENT_SECRET]);
    for (number, token) in issued.into_inner().iter().enumerate() {
        // A token that the cassette's own words contain cannot be distinguished from them.
        let Some(token) = token.as_ref().filter(|token| token.len() > 7 && !OWN_WORDS.contains(&token.to_lowercase()))
        else {
            continue;
        };
        for interaction in interactions["interactions"].as_array().map_or(&[][..], |list| &list[number..]) {
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
        // A part of a request is, or has, what the service issued as a token.
        Err(CassetteError::Differs { recorded, .. }) if recorded.contains('<') => {}
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
    let call = |url: &str| Request::get(url).body(Bytes::new());
    let mut call = call(&url).unwrap_or_else(|_| call("https://api.example.com/").expect("a request"));
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
    let reasons = "<withheld> not UTF-8 not kept not JSON that can be looked through \
                   its token cannot be used content-type content-encoding link retry-after date x-request-id authorization";
    (recorder.cassette().to_string() + reasons).to_lowercase()
});

/// A cassette as JSON, or as one text where a `Value` can't have it: for a number, or a member that is called as a marker of serde_json's own is.
fn parsed(cassette: &str) -> Value {
    serde_json::from_str(cassette).unwrap_or_else(|error| {
        let is_excused =
            error.to_string().starts_with("number out of range") || cassette.contains("$serde_json::private::");
        assert!(is_excused, "a cassette is JSON: {error}");
        Value::String(cassette.to_owned())
    })
}

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
