//! The emulated service: what it accepts, and what it refuses as the real one would (P3 to P9).
#![cfg(feature = "emulator")]

mod support;

use http::{Request, Response};
use location_auth::emulator::{Access, Condition, Emulator};
use location_auth::{Bytes, Flow, LocationAccessToken, Session, UserAccessToken};
use support::settings::{API_KEY, CLIENT_ID, CLIENT_SECRET};
use support::{EMAIL, PASSWORD, app, done};

fn emulator() -> Emulator {
    let mut emulator = Emulator::new(API_KEY, CLIENT_ID, CLIENT_SECRET);
    emulator.owner(EMAIL, PASSWORD).owner("other@example.com", "another password");
    emulator.location("loc-1", EMAIL).location("a/b é", EMAIL).location("loc-9", "other@example.com");
    emulator.add_route("/locations/{location_id}/contacts", Access::Location);
    emulator
        .add_route("/me", Access::User)
        .add_route("/status", Access::ApiKeyOnly)
        .add_route("/any", Access::Location);
    emulator
}

fn text(response: Response<Vec<u8>>) -> Response<String> {
    response.map(|body| String::from_utf8(body).unwrap())
}

fn user_token(emulator: &mut Emulator) -> UserAccessToken {
    let login = app().user_login(EMAIL, PASSWORD).unwrap();
    let response = emulator.handle(login.request());
    done(login, &text(response))
}

fn location_token(emulator: &mut Emulator, id: &str) -> LocationAccessToken {
    let request = app().location(id).unwrap().exchange(&user_token(emulator)).unwrap();
    let response = emulator.handle(request.request());
    done(request, &text(response))
}

fn call(emulator: &mut Emulator, session: &Session, path: &str) -> Response<String> {
    let mut call = Request::get(format!("https://api.example.com{path}")).body(Bytes::new()).unwrap();
    session.authorize(&mut call).unwrap();
    text(emulator.handle(call))
}

#[test]
fn both_steps_yield_a_token_that_opens_the_locations_own_route() {
    let mut emulator = emulator();
    for (id, path) in [("loc-1", "/locations/loc-1/contacts"), ("a/b é", "/locations/a%2Fb%20%C3%A9/contacts")] {
        let token = location_token(&mut emulator, id);
        let session = || Session::for_location(&app(), token.clone()).unwrap();
        for session in [session(), session().with_query_parameter("access_token").unwrap()] {
            let response = call(&mut emulator, &session, path);
            assert_eq!(response.body(), &format!(r#"{{"location":"{id}","owner":"{EMAIL}"}}"#));
            assert_eq!(call(&mut emulator, &session, "/any").status(), 200);
        }
    }
    let counts = emulator.counts();
    assert_eq!((counts.requests, counts.user_tokens, counts.location_tokens), (12, 2, 2));
    assert_eq!((counts.calls, counts.wrong_location), (8, 0));
}

#[test]
fn a_token_opens_only_what_it_is_for() {
    let mut emulator = emulator();
    let user = Session::for_user(&app(), user_token(&mut emulator)).unwrap();
    let location = Session::for_location(&app(), location_token(&mut emulator, "loc-1")).unwrap();
    let keyed = Session::without_token(&app());
    let mut status = |session: &Session, path| call(&mut emulator, session, path).status().as_u16();
    let routes = ["/status", "/me", "/any", "/locations/loc-1/contacts", "/locations/loc-9/contacts", "/nowhere"];
    assert_eq!(routes.map(|path| status(&keyed, path)), [200, 401, 401, 401, 401, 404]);
    assert_eq!(routes.map(|path| status(&user, path)), [200, 200, 401, 401, 401, 404]);
    assert_eq!(routes.map(|path| status(&location, path)), [200, 401, 200, 200, 403, 404]);
    assert_eq!(["/locations//contacts", "/locations/a/b/contacts"].map(|path| status(&location, path)), [404, 404]);
    assert_eq!(emulator.counts().wrong_location, 1);
}

#[test]
fn a_call_with_two_tokens_is_refused() {
    let mut emulator = emulator();
    let session = Session::for_location(&app(), location_token(&mut emulator, "loc-1")).unwrap();
    let other = location_token(&mut emulator, "loc-1");
    let other = other.expose_secret();
    for (query, headers) in [
        (format!("?access_token={other}"), vec![]),
        (String::new(), vec![format!("Bearer {other}")]),
        (String::new(), vec!["Basic eDp5".to_owned()]),
        (format!("?access_token={other}&access_token={other}"), vec![]),
    ] {
        let mut call = Request::get(format!("https://api.example.com/any{query}")).body(Bytes::new()).unwrap();
        session.authorize(&mut call).unwrap();
        for header in headers {
            call.headers_mut().append("authorization", header.parse().unwrap());
        }
        assert_eq!(emulator.handle(call).status(), 400, "{query}");
    }
}

#[test]
fn a_revoked_token_is_counted_and_no_longer_opens_a_route() {
    let mut emulator = emulator();
    let user = Session::for_user(&app(), user_token(&mut emulator)).unwrap();
    let location = Session::for_location(&app(), location_token(&mut emulator, "loc-1")).unwrap();
    let status = |emulator: &mut Emulator, session: &Session, path| call(emulator, session, path).status().as_u16();
    assert_eq!((emulator.revoke_owner("nobody"), emulator.revoke_location("loc-9")), (0, 0));
    assert_eq!(emulator.revoke_owner(EMAIL), 2, "each login issued one");
    assert_eq!((status(&mut emulator, &user, "/me"), status(&mut emulator, &location, "/any")), (401, 200));
    assert_eq!(emulator.revoke_location("loc-1"), 1);
    assert_eq!(status(&mut emulator, &location, "/any"), 401);
    assert_eq!((emulator.revoke_owner(EMAIL), emulator.revoke_location("loc-1")), (0, 0));
    assert!(!emulator.revoke("no token"));
    let shown = format!("{emulator:?}");
    assert!(shown.starts_with("Emulator { condition: ") && shown.contains("counts"), "{shown}");
}

#[test]
fn a_token_request_that_differs_from_the_documentation_is_refused() {
    type Change = fn(&mut Request<Bytes>);
    let changes: [(u16, Change); 14] = [
        (200, |_| {}),
        (403, |request| drop(request.headers_mut().remove("x-api-key"))),
        (403, |request| drop(request.headers_mut().insert("x-api-key", "another".parse().unwrap()))),
        (403, |request| assert!(request.headers_mut().append("x-api-key", "the-api-key".parse().unwrap()))),
        (405, |request| *request.method_mut() = http::Method::GET),
        (415, |request| drop(request.headers_mut().remove("content-type"))),
        (415, |request| drop(request.headers_mut().insert("content-type", "text/plain".parse().unwrap()))),
        (406, |request| drop(request.headers_mut().remove("accept"))),
        (400, |request| *request.body_mut() = Bytes::new()),
        (400, |request| *request.body_mut() = "[]".into()),
        (400, |request| *request.body_mut() = [request.body(), &b"x"[..]].concat().into()),
        (400, |request| {
            let body = String::from_utf8(request.body().to_vec()).unwrap();
            *request.body_mut() = body.replace("client_id", "clientId").into();
        }),
        (401, |request| {
            let body = String::from_utf8(request.body().to_vec()).unwrap();
            *request.body_mut() = body.replace("the-client-secret", "another secret").into();
        }),
        (404, |request| *request.uri_mut() = "https://api.example.com/elsewhere".parse().unwrap()),
    ];
    for (index, (status, change)) in changes.into_iter().enumerate() {
        let mut emulator = emulator();
        let user = user_token(&mut emulator);
        let steps = [
            app().user_login(EMAIL, PASSWORD).unwrap().request(),
            app().location("loc-1").unwrap().exchange(&user).unwrap().request(),
        ];
        for mut request in steps {
            change(&mut request);
            assert_eq!(emulator.handle(request).status(), status, "change {index}");
        }
    }
}

#[test]
fn wrong_owners_and_wrong_tokens_are_refused() {
    let mut emulator = emulator();
    for (email, password) in [(EMAIL, "wrong"), ("nobody@example.com", PASSWORD), (EMAIL, "another password")] {
        let request = app().user_login(email, password).unwrap().request();
        assert_eq!(emulator.handle(request).status(), 401);
    }
    let user = user_token(&mut emulator);
    let mut exchange =
        |id: &str| emulator.handle(app().location(id).unwrap().exchange(&user).unwrap().request()).status().as_u16();
    assert_eq!(["loc-1", "loc-9", "loc-2"].map(&mut exchange), [200, 403, 404]);

    let location = location_token(&mut emulator, "loc-1");
    let mut request = app().location("loc-1").unwrap().exchange(&user).unwrap().request();
    let bearer = format!("Bearer {}", location.expose_secret());
    request.headers_mut().insert("authorization", bearer.parse().unwrap());
    assert_eq!(emulator.handle(request.clone()).status(), 401, "a Location's token is no user's (P5)");
    request.headers_mut().remove("authorization");
    assert_eq!(emulator.handle(request).status(), 401);
}

#[test]
fn the_emulator_can_throttle_be_down_and_recover() {
    let mut emulator = emulator();
    let keyed = Session::without_token(&app());
    for (condition, status, wait) in [
        (Condition::Throttling(None), 429, None),
        (Condition::Throttling(Some(7)), 429, Some("7")),
        (Condition::Down(None), 503, None),
        (Condition::Down(Some(9)), 503, Some("9")),
        (Condition::Up, 200, None),
    ] {
        emulator.set_condition(condition);
        let response = call(&mut emulator, &keyed, "/status");
        let seen = response.headers().get("retry-after").map(|value| value.to_str().unwrap());
        assert_eq!((response.status().as_u16(), seen), (status, wait));
        assert!(response.headers().contains_key("x-request-id"));
    }
}

/// RFC 9110, section 9.3.2.
#[test]
fn a_response_to_head_has_no_body_and_the_head_of_the_response_to_get() {
    let mut emulator = emulator();
    let token = location_token(&mut emulator, "loc-1");
    let session = Session::for_location(&app(), token).unwrap();
    for (path, condition, status) in [
        ("/any", Condition::Up, 200),
        ("/status", Condition::Up, 200),
        ("/me", Condition::Up, 401),
        ("/locations/loc-9/contacts", Condition::Up, 403),
        ("/nowhere", Condition::Up, 404),
        (Emulator::USER_TOKEN_PATH, Condition::Up, 405),
        ("/any", Condition::Throttling(Some(7)), 429),
        ("/any", Condition::Down(Some(9)), 503),
    ] {
        emulator.set_condition(condition);
        let mut ask = |method: &str| {
            let mut call = Request::builder()
                .method(method)
                .uri(format!("https://api.example.com{path}"))
                .body(Bytes::new())
                .unwrap();
            session.authorize(&mut call).unwrap();
            let mut response = text(emulator.handle(call));
            response.headers_mut().remove("x-request-id");
            response
        };
        let (head, get) = (ask("HEAD"), ask("GET"));
        assert_eq!(
            (head.status().as_u16(), head.headers(), head.body().as_str()),
            (status, get.headers(), ""),
            "{path}"
        );
        assert!(!get.body().is_empty(), "{path}");
    }
}
