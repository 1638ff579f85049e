//! Each mistake in what the caller gives has an error of its own, before anything is sent (Q1, Q2, Q14, Q15).

mod support;

use location_auth::{App, Environment, Field, Flow, LocationId, Misuse, Settings, UrlProblem};
use support::{EMAIL, PASSWORD, app, settings};

fn misuse(settings: Settings) -> Misuse {
    App::new(settings).expect_err("a mistake")
}

const URLS: [Field; 3] = [Field::UserTokenUrl, Field::LocationTokenUrl, Field::ApiOrigin];

/// What is wrong with this text in each of the three places for a URL.
fn url_problems(url: &str) -> [Option<Misuse>; 3] {
    [
        App::new(settings().user_token_url(url)).err(),
        App::new(settings().location_token_url(url)).err(),
        App::new(settings().api_origin("https://ok.example.com").api_origin(url)).err(),
    ]
}

#[test]
fn a_url_that_credentials_must_not_go_to_is_refused_for_its_own_reason() {
    use UrlProblem::*;
    // Between spaces.
    for (problem, urls) in [
        (Invalid, "/user_token api.example.com https: https:/api.example.com https:// https:///path https://[::1"),
        (Invalid, "https://a%2eb.example.com https://api.example.com\\.evil.example.net"),
        (Character, "https://api.example.com/ä https://api.example.com/?q=é https://api.example.com/a\u{7f}"),
        (HostNotAscii, "https://api.exämple.com https://日本.example.com:8443/a https://EXAMPLE.рф/ http://locälhost"),
        (HostNotAscii, "https://api.exämple.com/{location_id}/ä"),
        (Scheme, "ftp://api.example.com wss://api.example.com"),
        (Insecure, "http://api.example.com http://localhost.example.com http://127.0.0.1.example.com http://128.0.0.1"),
        (Insecure, "http://0.0.0.0 http://[::2] http://[::ffff:127.0.0.1] http://localhost."),
        (Host, "http://2130706433 http://0x7f.1 http://127.1 https://2130706433 https://192.0.2 https://192.0.2.256"),
        (Host, "https://192.0.2.1. https://api.example.0x7F https://api.example.99 https://:443 https://[]"),
        (Host, "https://[fe80::1%25eth0] https://api.example.com,evil.example.net"),
        (Port, "https://api.example.com: https://api.example.com:0 https://api.example.com:65536 https://a.test:443a"),
        (UserInfo, "https://user@api.example.com ftp://user@api.example.com user@api.example.com https://ü@a.test"),
        (UserInfo, "https://user:word@api.example.com:443 https://api.example.com@evil.example.net"),
        (Fragment, "https://api.example.com#fragment https://api.example.com/#"),
        (Placeholder, "https://{location_id}.example.com https://api.example.com:{location_id}"),
        (Placeholder, "{location_id}://api.example.com https://a.test/{locationId} https://a.test/{} https://a.test/}"),
    ] {
        urls.split(' ').for_each(|url| has_url_problem(url, problem));
    }
    // With white space in it.
    for (problem, url) in [
        (Invalid, "api example.com"),
        (Character, "https://api.example.com/a b"),
        (Character, "https://api.example.com/a\tb"),
        (Host, "https://api example.com/a"),
        (Host, "https://api.example.com\n/a"),
    ] {
        has_url_problem(url, problem);
    }
}

fn has_url_problem(url: &str, problem: UrlProblem) {
    assert_eq!(url_problems(url), URLS.map(|field| Some(Misuse::Url { field, problem })), "{url}");
}

#[test]
fn a_url_that_credentials_may_go_to_is_accepted() {
    let origins = "https://api.example.com https://api.example.com/ HTTPS://API.Example.com:8443 https://192.0.2.1 \
                   https://[2001:db8::1]:8443 https://a_b.example.com http://localhost:8080 http://LocalHost \
                   http://127.0.0.1:1 http://127.255.255.254 http://[::1]:8080";
    for origin in origins.split_whitespace() {
        assert_eq!(url_problems(origin), [None, None, None], "{origin}");
    }
}

#[test]
fn an_origin_has_no_path_and_a_user_token_url_no_placeholder() {
    for origin in ["https://api.example.com/v1", "https://api.example.com/?", "https://api.example.com?a=b"] {
        let expected = Misuse::Url { field: Field::ApiOrigin, problem: UrlProblem::Path };
        assert_eq!(misuse(settings().api_origin(origin)), expected, "{origin}");
    }
    assert_eq!(
        misuse(settings().user_token_url("https://api.example.com/{location_id}")),
        Misuse::Url { field: Field::UserTokenUrl, problem: UrlProblem::Placeholder }
    );
}

#[test]
fn every_setting_but_two_is_required() {
    let none = || Settings::new(Environment::Staging);
    let urls = || none().user_token_url("https://a.test/u").location_token_url("https://a.test/l");
    for (settings, field) in [
        (none(), Field::UserTokenUrl),
        (none().user_token_url("https://a.test/u"), Field::LocationTokenUrl),
        (urls(), Field::ApiKey),
        (urls().api_key("k"), Field::ClientId),
        (urls().api_key("k").client_id("c"), Field::ClientSecret),
    ] {
        assert_eq!(misuse(settings), Misuse::Empty(field));
    }
    let least = App::new(urls().api_key("k").client_id("c").client_secret("s")).unwrap();
    assert_eq!(least.data_source_name(), None);

    assert_eq!(url_problems(""), URLS.map(|field| Some(Misuse::Empty(field))));
    assert_eq!(value_problems(""), ISSUED.map(|field| Some(Misuse::Empty(field))));
    assert_eq!(app().user_login("", PASSWORD).unwrap_err(), Misuse::Empty(Field::Email));
    assert_eq!(app().user_login(EMAIL, "").unwrap_err(), Misuse::Empty(Field::Password));
    let location = app().location("loc-1").unwrap();
    assert_eq!(location.login("", PASSWORD).unwrap_err(), Misuse::Empty(Field::Email));
    assert_eq!(location.login(EMAIL, "").unwrap_err(), Misuse::Empty(Field::Password));
    assert_eq!(app().location("").unwrap_err(), Misuse::Empty(Field::LocationId));
}

#[test]
fn a_url_that_is_too_long_is_reported_as_too_long() {
    let url = |length: usize| format!("https://api.example.com/{}", "a".repeat(length - 24));
    assert_eq!(url_problems(&url(65_535)), URLS.map(|field| Some(Misuse::TooLarge(field))));
    assert_eq!(url_problems(&url(65_534))[..2], [None, None]);
}

/// What is wrong with this value in each of the places for what the service issued.
fn value_problems(value: &str) -> [Option<Misuse>; 4] {
    [
        App::new(settings().api_key(value)).err(),
        App::new(settings().client_id(value)).err(),
        App::new(settings().client_secret(value)).err(),
        App::new(settings().data_source_name(value)).err(),
    ]
}

const ISSUED: [Field; 4] = [Field::ApiKey, Field::ClientId, Field::ClientSecret, Field::DataSourceName];

#[test]
fn white_space_or_quotes_copied_with_a_value_are_reported_as_such() {
    for value in [" v", "v ", "v\n", "v\r\n", "\tv", "\n", " ", "v\u{a0}", "\u{3000}v", "v\u{2028}", " \"v\" "] {
        assert_eq!(value_problems(value), ISSUED.map(|field| Some(Misuse::WhiteSpaceAround(field))), "{value:?}");
    }
    for value in ["\"v\"", "'v'", "`v`", "“v”", "‘v’", "\"\"", "'a b'"] {
        assert_eq!(value_problems(value), ISSUED.map(|field| Some(Misuse::QuotesAround(field))), "{value:?}");
    }
    for url in [" https://a.test", "https://a.test\n", "https://a.test\r\n", "\thttps://a.test", "https://a.test\u{a0}"]
    {
        assert_eq!(url_problems(url), URLS.map(|field| Some(Misuse::WhiteSpaceAround(field))), "{url:?}");
    }
    for url in ["\"https://a.test\"", "'https://a.test'"] {
        assert_eq!(url_problems(url), URLS.map(|field| Some(Misuse::QuotesAround(field))), "{url}");
    }
    // Half of a pair is no pair, and a quote within is none.
    for value in ["\"v", "v'", "it's", "\"", "'v\""] {
        assert_eq!(value_problems(value), [None, None, None, None], "{value}");
    }
}

#[test]
fn an_email_or_a_password_may_hold_anything_but_the_end_of_its_line() {
    for line in ["v\n", "v\r\n", "v\r", "\n", "a\nb\n"] {
        assert_eq!(app().user_login(line, PASSWORD).unwrap_err(), Misuse::LineEnd(Field::Email), "{line:?}");
        assert_eq!(app().user_login(EMAIL, line).unwrap_err(), Misuse::LineEnd(Field::Password), "{line:?}");
        let location = app().location("loc-1").unwrap();
        assert_eq!(location.login(EMAIL, line).unwrap_err(), Misuse::LineEnd(Field::Password), "{line:?}");
    }
    for password in [" ", " word ", "\"word\"", "'", "a\nb", "\nword", "w\u{1}ord", "wörd", "word\t", "word\u{2028}"] {
        assert!(app().user_login(EMAIL, password).is_ok(), "{password:?}");
    }
}

#[test]
fn a_value_with_a_character_it_cannot_have_is_refused() {
    let [key, id, secret, name] = ISSUED.map(|field| Some(Misuse::Character(field)));
    // They go into JSON, and the API Key into a header.
    for value in ["a\nb", "a\0b", "a\u{7f}", "a\tb", "a\u{85}b"] {
        assert_eq!(value_problems(value), [key.clone(), id.clone(), secret.clone(), name.clone()], "{value:?}");
    }
    for value in ["a b", "s3cr3t/ü", "ключ", "a\u{a0}b", "😀"] {
        assert_eq!(value_problems(value), [key.clone(), None, None, None], "{value:?}");
    }
    for value in [r#"a "quoted\" one"#, "a\\b", "{}", "%41", "s3cr3t/=+~"] {
        assert_eq!(value_problems(value)[1..], [None, None, None], "{value:?}");
    }
    let login = App::new(settings().client_secret("s3cr3t/ü")).unwrap().user_login(EMAIL, PASSWORD).unwrap();
    let body: std::collections::BTreeMap<String, String> = serde_json::from_slice(login.request().body()).unwrap();
    assert_eq!(body["client_secret"], "s3cr3t/ü");
}

#[test]
fn the_locations_id_is_filled_in_as_one_segment_or_one_value() {
    let filled = |template, id| {
        let app = App::new(settings().location_token_url(template)).unwrap();
        let token = support::user_token(&app);
        app.location(id).unwrap().exchange(&token).unwrap().request().uri().to_string()
    };
    for (template, id, url) in [
        ("https://api.example.com/l/{location_id}/t", "loc-1", "https://api.example.com/l/loc-1/t"),
        ("https://api.example.com/l/{location_id}", "a/b?c#d", "https://api.example.com/l/a%2Fb%3Fc%23d"),
        ("https://api.example.com/l/{location_id}", "../x", "https://api.example.com/l/..%2Fx"),
        ("https://api.example.com/l/{location_id}", "%2e%2e", "https://api.example.com/l/%252e%252e"),
        ("https://api.example.com/l/{location_id}", "é {x}", "https://api.example.com/l/%C3%A9%20%7Bx%7D"),
        ("https://api.example.com/l/{location_id}", "{location_id}", "https://api.example.com/l/%7Blocation_id%7D"),
        ("https://api.example.com/t?a=b&id={location_id}", "a&b=c+d", "https://api.example.com/t?a=b&id=a%26b%3Dc%2Bd"),
        ("https://api.example.com?id={location_id}", "~._-", "https://api.example.com/?id=~._-"),
        ("https://api.example.com/{location_id}/{location_id}", "7", "https://api.example.com/7/7"),
        ("https://api.example.com/token", "any label", "https://api.example.com/token"),
    ] {
        assert_eq!(filled(template, id), url);
    }
}

#[test]
fn an_id_that_would_change_the_path_or_a_log_is_refused() {
    for id in [".", ".."] {
        assert_eq!(app().location(id).unwrap_err(), Misuse::DotSegment);
    }
    for id in ["a\nb", "\0", "a\u{7f}", "\u{85}", "a\u{202e}b", "\u{2028}"] {
        assert_eq!(LocationId::new(id).unwrap_err(), Misuse::Character(Field::LocationId), "{id:?}");
    }
    assert_eq!(app().location(&"a".repeat(70_000)).unwrap_err(), Misuse::TooLarge(Field::LocationId));
}

#[test]
fn a_misuse_says_what_to_do_and_never_the_value() {
    let secret = "https://S3CR3T@api.example.com/S3CR3T#S3CR3T";
    for misuse in url_problems(secret).into_iter().flatten() {
        let text = format!("{misuse} {misuse:?}");
        assert!(!text.contains("S3CR3T") && text.contains(": remove it"), "{text}");
    }
    for (value, text) in [
        ("S3CR3T\n", "the API Key has white space around it: copy it again, without spaces or line breaks"),
        ("\"S3CR3T\"", "the API Key has quotes around it: remove them"),
        ("S3CR3T\0S3CR3T", "the API Key holds a character that it cannot have: copy it again"),
    ] {
        assert_eq!(misuse(settings().api_key(value)).to_string(), text);
    }
}

#[test]
fn an_app_names_its_environment_and_its_data_source() {
    assert_eq!(app().environment().to_string(), "staging");
    assert_eq!(app().data_source_name(), Some("the data source"));
    let location = app().location("loc-1").unwrap();
    assert_eq!(location.id().to_string(), "loc-1");
    assert_eq!(location.app().environment(), app().environment());
}

/// What serde makes of a file of settings in JSON.
fn read(json: &str) -> Result<App, String> {
    let settings: Settings = serde_json::from_str(json).map_err(|error| error.to_string())?;
    App::new(settings).map_err(|misuse| misuse.to_string())
}

const WRITTEN: &str = r#"{"environment": "staging", "user_token_url": "https://a.test/u", "location_token_url": "https://a.test/l",
    "api_key": "S3CR3T", "client_id": "c", "client_secret": "s", "api_origins": ["https://b.test"]}"#;

#[test]
fn serde_reads_the_settings_that_a_program_could_have_set() {
    let origins = |text: &str| {
        let app = read(&WRITTEN.replace(r#"["https://b.test"]"#, text)).unwrap();
        let session = location_auth::Session::without_token(&app);
        let allowed = |host: &str| {
            let mut call = http::Request::get(format!("https://{host}.test/")).body(()).unwrap();
            session.authorize(&mut call).is_ok()
        };
        ["a", "b", "c", "d"].map(allowed)
    };
    assert_eq!(origins("[]"), [true, false, false, false]);
    assert_eq!(origins("null"), [true, false, false, false]);
    assert_eq!(origins(r#""""#), [true, false, false, false]);
    assert_eq!(origins(r#"["https://b.test"]"#), [true, true, false, false]);
    assert_eq!(origins(r#"["https://b.test", "https://d.test"]"#), [true, true, false, true]);
    // As a variable of the environment holds a list.
    assert_eq!(origins(r#""https://b.test, https://c.test""#), [true, true, true, false]);

    let named = |name: &str| read(&WRITTEN.replace(r#""c","#, &format!(r#""c", "data_source_name": {name},"#)));
    assert_eq!(named(r#""salons""#).unwrap().data_source_name(), Some("salons"));
    assert_eq!(named("null").unwrap().data_source_name(), None);
    assert_eq!(read(WRITTEN).unwrap().environment(), Environment::Staging);
    let production = WRITTEN.replace("staging", "production");
    assert_eq!(read(&production).unwrap().environment(), Environment::Production);
    assert_eq!(serde_json::from_str::<LocationId>(r#""loc-1""#).unwrap().as_str(), "loc-1");
    assert_eq!("loc-1".parse(), LocationId::new("loc-1"));
}

#[test]
fn unreadable_settings_are_reported_without_a_value() {
    let with = |old: &str, new: &str| {
        assert!(WRITTEN.contains(old), "{old}");
        WRITTEN.replace(old, new)
    };
    for (json, expected) in [
        (r#""S3CR3T""#.into(), "the settings are not a map"),
        ("5318008".into(), "the settings are not a map"),
        (r#"["S3CR3T"]"#.into(), "expected a map of settings"),
        (with(r#""staging""#, r#""S3CR3T""#), "the environment is unknown: write staging or production"),
        (with(r#""environment": "staging","#, ""), "the setting environment is missing"),
        (
            with(r#""S3CR3T""#, "5318008"),
            "a value is not a text, and what is read as a number loses digits: put it between quotes",
        ),
        (with(r#""S3CR3T""#, "true"), "a value is not a text"),
        (with(r#""S3CR3T""#, r#"{"value": "S3CR3T"}"#), "expected a text"),
        (with(r#""S3CR3T""#, "null"), "expected a text"),
        (with(r#""c""#, r#""c", "api_key": "S3CR3T""#), "the setting api_key is there twice"),
        (
            with(r#""client_id""#, r#""client_di""#),
            "the setting client_di is not known: the settings are environment, ",
        ),
        (with(r#""client_id""#, r#""S3CR3T""#), "the setting of an unusual name is not known"),
        (with(r#"["https://b.test"]"#, "5318008"), "api_origins is not a list of texts"),
        (with(r#"["https://b.test"]"#, r#"["https://b.test", 5318008]"#), "a value is not a text"),
    ] {
        let text = read(&json).unwrap_err();
        assert!(text.contains(expected), "{text}");
        assert!(!text.contains("S3CR3T") && !text.contains("5318008"), "{text}");
    }
    for id in [r#""..""#, r#""""#, "5318008", r#""a\nb""#] {
        let text = serde_json::from_str::<LocationId>(id).unwrap_err().to_string();
        assert!(!text.contains("5318008"), "{text}");
    }
}
