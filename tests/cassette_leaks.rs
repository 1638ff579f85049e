//! No cassette holds a credential: whatever the service answers, however it spells what it repeats, wherever a program puts a token.
#![cfg(feature = "cassette")]

#[path = "support/awkward.rs"]
mod awkward;
#[path = "support/settings.rs"]
mod settings;
#[path = "support/spellings.rs"]
mod spellings;

use std::cell::Cell;
use std::convert::Infallible;

use awkward::*;
use http::header::{HeaderName, HeaderValue};
use http::{Request, Response};
use location_auth::transports::cassette::{Credentials, Recorder};
use location_auth::transports::{RESPONSE_LIMIT, Transport};
use location_auth::{App, Bytes, Flow, Progress, Session};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use spellings::spellings;

fn app() -> App {
    App::new(settings::settings().api_key(API_KEY).client_id(CLIENT_ID).client_secret(CLIENT_SECRET)).unwrap()
}

fn token(token: &str) -> Response<Vec<u8>> {
    Response::new(serde_json::json!({ "access_token": token }).to_string().into_bytes())
}

/// The cassette of a login and two calls, one with the token in its header and one with it in its query, to this path. The service answers
/// the request of this number so, and then goes on as it should.
fn cassette(number: usize, answer: &Response<Vec<u8>>, path: &str) -> String {
    let sends = Cell::new(0);
    let transport = |request: Request<Bytes>, _: usize| {
        sends.set(sends.get() + 1);
        Ok::<_, Infallible>(match request.uri().path() {
            _ if sends.get() == number => answer.clone(),
            "/user_token" => token(USER_TOKEN),
            "/locations/loc-1/token" => token(LOCATION_TOKEN),
            _ => answer.clone(),
        })
    };
    let credentials = Credentials::new(&app()).login(EMAIL, PASSWORD);
    let recorder = Recorder::new(transport, credentials).keep_bodies(|_, body| Some(body.to_owned()));
    let mut flow = app().location("loc-1").unwrap().login(EMAIL, PASSWORD).unwrap();
    let token = loop {
        let response = recorder.send(flow.request(), RESPONSE_LIMIT).unwrap();
        flow = match flow.receive(&response) {
            Ok(Progress::Next(next)) => next,
            Ok(Progress::Done(token)) => break token,
            // A stranger's token was refused: it is asked for again.
            Err(failed) => failed.flow,
        };
    };
    let header = Session::for_location(&app(), token.clone()).unwrap();
    let query = Session::for_location(&app(), token).unwrap().with_query_parameter("access_token").unwrap();
    for session in [header, query] {
        let Ok(mut call) = Request::get(format!("https://api.example.com/{path}")).body(Bytes::new()) else { continue };
        session.authorize(&mut call).unwrap();
        recorder.send(call, RESPONSE_LIMIT).unwrap();
    }
    recorder.cassette().to_string()
}

/// Fails if a text in the cassette spells one of the secrets, as it stands or decoded up to three times.
fn is_clean(cassette: &str, of: &str) {
    let mut texts = vec![cassette.to_owned()];
    texts_of(&serde_json::from_str(cassette).unwrap(), &mut texts);
    for _ in 0..4 {
        for text in &texts {
            assert!(!text.to_lowercase().contains("xq9"), "{of}: {text}");
        }
        let mut decoded = Vec::new();
        for text in texts.iter().filter(|text| text.contains(['%', '\\'])) {
            decoded.push(percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned());
            decoded.extend(serde_json::from_str::<String>(&format!("\"{text}\"")));
        }
        texts = decoded;
    }
}

fn texts_of(value: &serde_json::Value, texts: &mut Vec<String>) {
    match value {
        serde_json::Value::String(text) => texts.push(text.clone()),
        serde_json::Value::Array(values) => values.iter().for_each(|value| texts_of(value, texts)),
        serde_json::Value::Object(members) => members.iter().for_each(|(name, value)| {
            texts.push(name.clone());
            texts_of(value, texts);
        }),
        _ => {}
    }
}

/// Every answer that repeats the secret in this spelling somewhere.
fn answers(secret: &str, text: &str) -> Vec<Response<Vec<u8>>> {
    let json = |value: serde_json::Value| value.to_string();
    let written = serde_json::from_str::<String>(&format!("\"{text}\"")).map_err(drop);
    let bodies = [
        json(serde_json::json!({ "error": text })),
        json(serde_json::json!({ "error": "invalid_grant", "error_description": format!("no '{text}' here") })),
        json(serde_json::json!({ "errors": [{ "detail": [text, { "title": text }] }] })),
        json(serde_json::json!({ "errors": { text: ["is unknown"] } })),
        json(serde_json::json!({ "access_token": text })),
        json(serde_json::json!({ "data": { "Access_Token": text } })),
        json(serde_json::json!({ "access_token": "another", "refresh_token": text, "old": [text] })),
        // Spelled in the JSON itself, where that does not make another text of it.
        if written == Ok(secret.to_owned()) { format!("{{\"error\": \"{text}\"}}") } else { String::new() },
        format!("<html><a href=\"/x?access_token={text}\">{text}</a></html>"),
        format!("wrong: {text}"),
        text.to_owned(),
    ];
    let mut answers = Vec::new();
    for body in bodies {
        for status in [200, 401] {
            answers.push(Response::builder().status(status).body(body.clone().into_bytes()).unwrap());
        }
    }
    let Ok(value) = HeaderValue::from_str(text) else { return answers };
    let names =
        ["set-cookie", "location", "x-request-id", "content-type", "retry-after", "date", "authorization", "x-api-key"];
    let mut response = Response::builder().status(401).body(b"{}".to_vec()).unwrap();
    for name in names {
        response.headers_mut().append(HeaderName::from_static(name), value.clone());
    }
    answers.push(response);
    answers
}

#[test]
fn no_response_puts_a_credential_into_a_cassette_however_it_is_spelled() {
    let mut recorded = 0;
    for (index, secret) in SECRETS.iter().enumerate() {
        for spelling in spellings(secret) {
            for answer in answers(secret, &spelling) {
                // A token is known from the answer on that issued it.
                let first = if index < 5 { 1 } else { index - 3 };
                for number in [first, 3] {
                    let cassette = cassette(number, &answer, "contacts");
                    let body = String::from_utf8_lossy(answer.body());
                    is_clean(&cassette, &format!("{spelling:?} in answer {number}, {} {body}", answer.status()));
                    recorded += 1;
                }
            }
        }
    }
    assert!(recorded > 3000, "{recorded}");
}

#[test]
fn no_call_puts_a_credential_into_a_cassette_by_its_path_or_query() {
    let answer = Response::new(vec![]);
    let mut recorded = 0;
    for secret in SECRETS {
        for spelling in spellings(secret) {
            // What no URL can hold is encoded, and then all that stands for itself.
            const NO_URL: &AsciiSet = &CONTROLS.add(b' ').add(b'"').add(b'<').add(b'>').add(b'\\');
            const ALL: &AsciiSet = &NO_URL.add(b'%');
            let fits = utf8_percent_encode(&spelling, NO_URL).to_string() == spelling;
            let raw = utf8_percent_encode(&spelling, if fits { NO_URL } else { ALL }).to_string();
            for path in [
                format!("{raw}/x"),
                format!("x/{raw}"),
                format!("x/before-{raw}-after/y"),
                format!("x?{raw}=1"),
                format!("x?q={raw}"),
                format!("x?{raw}"),
                format!("x?a=1;access={raw}&b"),
            ] {
                is_clean(&cassette(0, &answer, &path), &path);
                recorded += 1;
            }
        }
    }
    assert!(recorded > 500, "{recorded}");
}
