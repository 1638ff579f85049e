//! The requests are those of the service's page (P8, P9), header by header and member by member.

mod support;

use std::collections::BTreeMap;

use http::Request;
use location_auth::transports::is_token_request;
use location_auth::{Bytes, Flow, Session, Step};
use support::{EMAIL, PASSWORD, app, next, response, token_response, whole};

/// The headers of a `curl` command: `--header 'Name: value'`.
fn headers_of(curl: &str) -> BTreeMap<String, String> {
    let quoted = curl.split("--header '").skip(1).map(|rest| rest.split('\'').next().unwrap());
    quoted.map(|header| header.split_once(": ").unwrap()).map(|(n, v)| (n.to_lowercase(), v.to_owned())).collect()
}

/// The members of its `-d '{…}'`.
fn members_of(curl: &str) -> BTreeMap<String, String> {
    serde_json::from_str(curl.split("-d '").nth(1).unwrap().split('\'').next().unwrap()).unwrap()
}

fn assert_is_the_pages(request: &http::Request<Bytes>, curl: &str) {
    let headers: BTreeMap<_, _> =
        request.headers().iter().map(|(n, v)| (n.to_string(), v.to_str().unwrap().to_owned())).collect();
    assert_eq!(request.method(), "POST");
    assert_eq!(headers, headers_of(curl));
    assert_eq!(headers.len(), request.headers().len(), "no header twice");
    assert_eq!(serde_json::from_slice::<BTreeMap<String, String>>(request.body()).unwrap(), members_of(curl));
}

#[test]
fn step_1_is_the_request_of_the_services_page() {
    let curl = r#"curl -X POST --header 'Content-Type: application/json' --header 'Accept: application/json' --header 'x-api-key: the-api-key' -d '{
        "email": "owner@example.com", "password": "a password", "client_id": "the-client-id", "client_secret": "the-client-secret" }'"#;

    assert_is_the_pages(&app().user_login(EMAIL, "a password").unwrap().request(), curl);
    assert_is_the_pages(&app().location("loc-1").unwrap().login(EMAIL, "a password").unwrap().request(), curl);
}

#[test]
fn step_2_is_the_request_of_the_services_page() {
    let curl = r#"curl -X POST --header 'Content-Type: application/json' --header 'Accept: application/json' --header 'x-api-key: the-api-key' --header 'Authorization: Bearer user-token' -d '{
        "client_id": "the-client-id", "client_secret": "the-client-secret" }'"#;

    let app = app();
    let location = app.location("loc-1").unwrap();
    let login = next(location.login(EMAIL, PASSWORD).unwrap(), &token_response("user-token"));
    assert_is_the_pages(&login.request(), curl);
    assert_is_the_pages(&location.exchange(&support::user_token(&app)).unwrap().request(), curl);
}

#[test]
fn each_step_goes_to_its_own_url() {
    let login = app().location("loc-1").unwrap().login(EMAIL, PASSWORD).unwrap();
    assert_eq!(
        (login.step(), login.request().uri().to_string()),
        (Step::UserToken, "https://api.example.com/user_token".into())
    );
    let login = next(login, &token_response("user-token"));
    assert_eq!(
        (login.step(), login.request().uri().to_string()),
        (Step::LocationToken, "https://api.example.com/locations/loc-1/token".into())
    );
}

#[test]
fn a_request_built_twice_has_the_same_bytes() {
    let login = app().location("loc-1").unwrap().login(EMAIL, PASSWORD).unwrap();
    assert_eq!(whole(&login.request()), whole(&login.request()));
    let login = next(login, &token_response("user-token"));
    assert_eq!(whole(&login.request()), whole(&login.request()));
}

#[test]
fn a_repeat_of_step_2_does_not_repeat_step_1() {
    let login = next(app().location("loc-1").unwrap().login(EMAIL, PASSWORD).unwrap(), &token_response("user-token"));
    let second = whole(&login.request());
    for status in [302, 400, 401, 429, 500, 503] {
        let again = login.clone().receive(&response(status, "")).unwrap_err().flow;
        assert_eq!(again.step(), Step::LocationToken);
        assert_eq!(whole(&again.request()), second);
    }
}

#[test]
fn any_text_in_a_credential_arrives_unchanged() {
    let all: String = (1..0x250).filter_map(char::from_u32).chain(['\u{2028}', '😀', '\u{10ffff}']).collect();
    let request = app().user_login(&all, &format!("{all}{all}")).unwrap().request();
    let members: BTreeMap<String, String> = serde_json::from_slice(request.body()).unwrap();
    assert_eq!(members["email"], all);
    assert_eq!(members["password"], format!("{all}{all}"));
}

#[test]
fn every_token_request_is_known_as_one_and_a_call_is_not() {
    let (app, location) = (app(), app().location("loc-1").unwrap());
    let at_step_1 = location.login(EMAIL, PASSWORD).unwrap();
    let at_step_2 = next(at_step_1.clone(), &token_response("user-token"));
    let exchange = location.exchange(&support::user_token(&app)).unwrap();
    let user_login = app.user_login(EMAIL, PASSWORD).unwrap();
    for request in [at_step_1.request(), at_step_2.request(), exchange.request(), user_login.request()] {
        assert!(is_token_request(&request));
        // As a transport or a wrapper hands it on.
        assert!(is_token_request(&request.map(drop)));
    }
    let session = Session::for_location(&app, support::location_token(&app)).unwrap();
    let mut call = Request::post("https://api.example.com/contacts").body(()).unwrap();
    session.authorize(&mut call).unwrap();
    assert!(!is_token_request(&call));
    call.headers_mut().insert("content-type", "application/json".parse().unwrap());
    assert!(!is_token_request(&call));
}

#[test]
fn the_headers_that_hold_secrets_are_marked_as_sensitive() {
    let login = next(app().location("loc-1").unwrap().login(EMAIL, PASSWORD).unwrap(), &token_response("user-token"));
    let request = login.request();
    let sensitive = |name: &str| request.headers()[name].is_sensitive();
    assert_eq!(["x-api-key", "authorization", "content-type", "accept"].map(sensitive), [true, true, true, false]);
}

#[test]
fn a_token_names_its_environment_and_its_location() {
    let app = app();
    let (user, location) = (support::user_token(&app), support::location_token(&app));
    assert_eq!((user.environment(), user.expose_secret()), (app.environment(), "user-token"));
    assert_eq!((location.environment(), location.expose_secret()), (app.environment(), "location-token"));
    assert_eq!(location.location().as_str(), "loc-1");
}

#[test]
fn a_user_token_of_the_other_environment_is_refused() {
    use location_auth::{App, Environment::*, Misuse};
    let production = App::new(support::settings_for(Production)).unwrap();
    let misuse = production.location("loc-1").unwrap().exchange(&support::user_token(&app())).unwrap_err();
    assert_eq!(misuse, Misuse::WrongEnvironment { token: Staging, app: Production });
}
