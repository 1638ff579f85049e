//! Where a token belongs: in one program, to the token URLs' origins of the App that it was requested with (Q22).

mod support;

use http::{Request, StatusCode};
use location_auth::driver::Verdict;
use location_auth::{
    App, Environment, Flow, LocationAccessToken, Misuse, Owner, SavedToken, Session, Settings, TokenError,
    TokenErrorKind, UserAccessToken, UserLogin,
};
use support::{EMAIL, PASSWORD, location_token, renew, token_response, user_token};

fn app_at(user_token_url: &str, location_token_url: &str, change: fn(Settings) -> Settings) -> App {
    let settings = support::settings().user_token_url(user_token_url).location_token_url(location_token_url);
    App::new(change(settings)).unwrap()
}

fn home() -> App {
    app_at("https://api.example.com/user_token", "https://api.example.com/{location_id}", |settings| settings)
}

/// Apps of the same environment whose token URLs are elsewhere, and where the first of them is that is.
fn elsewhere() -> [(App, &'static str); 7] {
    let same = |settings| settings;
    let at = |user: &str, location: &str| app_at(&format!("{user}/user_token"), &format!("{location}/token"), same);
    let (own, other) = ("https://api.example.com", "https://api.example.net");
    [
        (at(other, other), other),
        // The User Access Token alone would go there, or the password alone.
        (at(own, other), other),
        (at(other, own), other),
        (at("https://api.example.com:8443", "https://api.example.com:8443"), "https://api.example.com:8443"),
        (at("http://localhost", "http://localhost"), "http://localhost"),
        (at("https://api.example.com.", own), "https://api.example.com."),
        // An API origin is no home of credentials.
        (
            app_at("https://api.example.net/u", "https://api.example.net/l", |s| {
                s.api_origin("https://api.example.com")
            }),
            other,
        ),
    ]
}

/// Apps at home: the same origins, however they are spelled, and whatever else differs.
fn at_home() -> [App; 4] {
    let (user, location) = ("https://api.example.com/user_token", "https://api.example.com/{location_id}");
    [
        home(),
        app_at("https://API.example.com:443/v2/login", "HTTPS://api.example.com/v2/exchange?id={location_id}", |s| s),
        app_at(user, location, |settings| settings.api_key("another").client_id("other").client_secret("also")),
        app_at(user, location, |settings| settings.api_origin("https://sync.example.net")),
    ]
}

fn login(app: &App) -> UserLogin {
    app.user_login(EMAIL, PASSWORD).unwrap()
}

fn owner_of(app: &App) -> Owner {
    let mut owner = Owner::new(app);
    owner.set_user_token(user_token(app)).unwrap();
    owner.set_login(login(app)).unwrap();
    owner
}

/// What an owner of one App makes of the session of another: nothing may be sent.
fn met(mut session: Session, mut owner: Owner, has_token: bool) -> Result<(), Misuse> {
    let renewal = if has_token {
        // Its App may have another origin: the test is of what follows the 401.
        let url = "https://data.example.com:8443/contacts";
        let attempt = session.authorize(&mut Request::get(url).body(()).unwrap()).unwrap();
        let Ok(Verdict::Acquire(renewal)) = session.received(attempt, StatusCode::UNAUTHORIZED) else { panic!() };
        renewal
    } else {
        session.first_token().unwrap()
    };
    let sent = std::cell::Cell::new(false);
    let result: Result<_, TokenError> = renew(renewal, &mut session, &mut owner, |step| {
        sent.set(true);
        token_response(&format!("new-{step:?}"))
    });
    let Err(error) = result else { return Ok(()) };
    let TokenErrorKind::Misuse(misuse) = error.kind() else { panic!("{error}") };
    assert!(!sent.get(), "{misuse}");
    Err(misuse.clone())
}

/// Each place where something that belongs to the first App meets the second.
fn meetings(own: &App, other: &App) -> Vec<(&'static str, Result<(), Misuse>)> {
    let location = other.location("loc-1").unwrap();
    let mut owner = Owner::new(other);
    let mut session = Session::for_location(other, location_token(other)).unwrap();
    vec![
        ("a Location's token and a session", Session::for_location(other, location_token(own)).map(drop)),
        ("a user's token and a session", Session::for_user(other, user_token(own)).map(drop)),
        ("a token that is set", session.set_location_token(location_token(own))),
        ("a login and an owner", owner.set_login(login(own))),
        ("a user's token and an owner", owner.set_user_token(user_token(own))),
        ("a user's token and an exchange", location.exchange(&user_token(own)).map(drop)),
        ("an owner and a session without a token", met(location.session(), owner_of(own), false)),
        ("an owner and a session with one", met(session, owner_of(own), true)),
        ("a token that was saved, and not loaded", {
            let saved = SavedToken::from(&location_token(own));
            Session::for_location(other, LocationAccessToken::try_from(saved).unwrap()).map(drop)
        }),
    ]
}

#[test]
fn what_belongs_to_one_app_is_refused_by_an_app_of_another_origin_before_anything_is_sent() {
    for (other, origin) in elsewhere() {
        for (place, result) in meetings(&home(), &other) {
            let misuse = result.expect_err(place);
            assert_eq!(
                misuse.to_string(),
                format!(
                    "credentials for https://api.example.com were used with an App of {origin}: use the App that they are for, or, \
                     if the service has moved, read the saved token again"
                ),
                "{place}"
            );
        }
        for (place, result) in meetings(&other, &home()) {
            assert!(result.expect_err(place).to_string().contains(&format!("for {origin} were")), "{place}");
        }
    }
}

#[test]
fn what_belongs_to_one_app_is_taken_by_an_app_of_the_same_origins() {
    for other in at_home() {
        for (place, result) in meetings(&home(), &other) {
            assert_eq!(result, Ok(()), "{place}");
        }
    }
}

#[test]
fn a_token_that_is_loaded_takes_the_app_that_it_is_given_to() {
    let load =
        |saved: SavedToken| -> SavedToken { serde_json::from_str(&serde_json::to_string(&saved).unwrap()).unwrap() };
    for (other, _) in elsewhere() {
        let user = UserAccessToken::try_from(load((&user_token(&home())).into())).unwrap();
        let token = LocationAccessToken::try_from(load((&location_token(&home())).into())).unwrap();
        let mut owner = Owner::new(&other);
        owner.set_user_token(user.clone()).unwrap();
        Session::for_user(&other, user.clone()).unwrap();
        let session = Session::for_location(&other, token).unwrap();
        assert_eq!(met(session, owner, true), Ok(()));
        // From then on what it was exchanged for belongs there.
        let exchange = other.location("loc-1").unwrap().exchange(&user).unwrap();
        let new = support::done(exchange, &token_response("l-2"));
        assert!(matches!(Session::for_location(&home(), new), Err(Misuse::WrongOrigin { .. })));
    }
    let production = App::new(support::settings_for(Environment::Production)).unwrap();
    let token = LocationAccessToken::try_from(load((&location_token(&home())).into())).unwrap();
    assert!(
        matches!(Session::for_location(&production, token), Err(Misuse::WrongEnvironment { .. })),
        "guards it still"
    );
}

#[test]
fn both_differences_are_reported_as_the_environments() {
    let production = App::new(
        support::settings_for(Environment::Production)
            .user_token_url("https://api.example.net/u")
            .location_token_url("https://api.example.net/l"),
    );
    for (place, result) in meetings(&home(), &production.unwrap()) {
        assert!(matches!(result, Err(Misuse::WrongEnvironment { .. })), "{place}");
    }
    // No secret of a URL is shown: it has a path and a query.
    let other =
        app_at("https://api.example.net/S3CR3T?a=S3CR3T", "https://api.example.net/S3CR3T", |settings| settings);
    let request = other.location("loc-1").unwrap().login(EMAIL, PASSWORD).unwrap().request();
    assert!(request.uri().to_string().contains("S3CR3T"));
    for (place, result) in meetings(&other, &home()) {
        let misuse = result.expect_err(place);
        assert!(!format!("{misuse} {misuse:?}").contains("S3CR3T"), "{misuse:?}");
    }
}
