//! In every self-describing format a saved token is read as it was written, settings are read as JSON's are, and what is neither is reported
//! without a value (Q19).
#![cfg(test)]

use location_auth::{App, Environment, Flow, LocationAccessToken, LocationId, SavedToken, Settings, UserAccessToken};

type Read<T> = fn(&[u8]) -> Result<T, String>;

fn as_text<T>(result: Result<T, impl ToString>) -> Result<T, String> {
    result.map_err(|error| error.to_string())
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

/// How each format is written and read.
struct Format {
    name: &'static str,
    write: fn(&SavedToken) -> Vec<u8>,
    read: Read<SavedToken>,
}

const FORMATS: [Format; 10] = [
    Format {
        name: "JSON",
        write: |saved| serde_json::to_vec(saved).unwrap(),
        read: |bytes| as_text(serde_json::from_slice(bytes)),
    },
    Format {
        name: "JSON in many lines, from a reader",
        write: |saved| serde_json::to_vec_pretty(saved).unwrap(),
        read: |bytes| as_text(serde_json::from_reader(bytes)),
    },
    Format {
        name: "JSON's value",
        write: |saved| serde_json::to_value(saved).unwrap().to_string().into(),
        read: |bytes| as_text(serde_json::from_slice(bytes).and_then(serde_json::from_value)),
    },
    Format {
        name: "TOML",
        write: |saved| toml::to_string(saved).unwrap().into(),
        read: |bytes| as_text(toml::from_str(text(bytes))),
    },
    Format {
        name: "YAML",
        write: |saved| serde_saphyr::to_string(saved).unwrap().into(),
        read: |bytes| as_text(serde_saphyr::from_str(text(bytes))),
    },
    Format {
        name: "RON",
        write: |saved| ron::to_string(saved).unwrap().into(),
        read: |bytes| as_text(ron::from_str(text(bytes))),
    },
    Format {
        name: "RON in many lines",
        write: |saved| ron::ser::to_string_pretty(saved, ron::ser::PrettyConfig::new()).unwrap().into(),
        read: |bytes| as_text(ron::de::from_bytes(bytes)),
    },
    Format {
        name: "MessagePack",
        write: |saved| rmp_serde::to_vec(saved).unwrap(),
        read: |bytes| as_text(rmp_serde::from_slice(bytes)),
    },
    Format {
        name: "MessagePack with names, from a reader",
        write: |saved| rmp_serde::to_vec_named(saved).unwrap(),
        read: |bytes| as_text(rmp_serde::from_read(bytes)),
    },
    Format {
        name: "CBOR",
        write: |saved| {
            let mut bytes = vec![];
            ciborium::into_writer(saved, &mut bytes).unwrap();
            bytes
        },
        read: |bytes| as_text(ciborium::from_reader(bytes)),
    },
];

/// A saved token of this Location, or of a user.
fn saved(location: Option<&str>, token: &str) -> SavedToken {
    let kind = if location.is_some() { "location" } else { "user" };
    let mut form = serde_json::json!({"version": 1, "environment": "production", "kind": kind, "access_token": token});
    if let Some(location) = location {
        form["location"] = location.into();
    }
    serde_json::from_value(form).unwrap()
}

#[test]
fn a_saved_token_is_read_as_it_was_written_in_every_format() {
    // What some format takes for something else, unless it is written with care.
    let ids = ["loc-1", "17", "true", "null", "~", "a: b", "é \"quoted\" \\ 'id'", "# no comment", "1e5", "- a", "[a]"];
    let tokens = ["l-1.~+/=", "17", "true", "null", "~", "0x1F", "\"quoted\"", "'", "#", "{}", "\\u0041", "2026-11-23"];
    for Format { name, write, read } in FORMATS {
        for token in tokens {
            for id in ids {
                let read = read(&write(&saved(Some(id), token))).unwrap_or_else(|error| panic!("{name}: {error}"));
                assert_eq!(read.environment(), Environment::Production);
                let read = LocationAccessToken::try_from(read).unwrap();
                assert_eq!((read.location().as_str(), read.expose_secret()), (id, token), "{name}");
            }
            let read = read(&write(&saved(None, token))).unwrap_or_else(|error| panic!("{name}: {error}"));
            assert_eq!(UserAccessToken::try_from(read).unwrap().expose_secret(), token, "{name}");
        }
    }
}

#[test]
fn an_invalid_saved_token_is_reported_with_what_to_do_in_every_format() {
    for Format { name, write, read } in FORMATS {
        let whole = write(&saved(Some("loc-1"), "S3CR3T"));
        let cut = &whole[..whole.len() / 2];
        for bytes in [&b""[..], b"S3CR3T", b"{S3CR3T", b"[1, 2]", cut] {
            let error = read(bytes).unwrap_err();
            // These read ahead before they ask what it should be, and what they say of it is theirs.
            let reads_ahead = ["TOML", "JSON's value", "YAML"].contains(&name);
            if reads_ahead && !error.contains("saved token") {
                continue;
            }
            assert!(error.contains("saved token"), "{name}: {error}");
            assert!(error.contains("log in again and save the new token"), "{name}: {error}");
            assert!(!error.contains("S3CR3T"), "{name}: {error}");
        }
    }
}

#[test]
fn a_format_that_is_not_self_describing_is_refused_when_it_is_read() {
    let bytes = postcard::to_allocvec(&saved(None, "u-1")).unwrap();
    assert!(postcard::from_bytes::<SavedToken>(&bytes).unwrap_err().to_string().len() > 10);
    // What is a text alone needs no telling.
    let bytes = postcard::to_allocvec("loc-1").unwrap();
    assert_eq!(postcard::from_bytes::<LocationId>(&bytes).unwrap().as_str(), "loc-1");
}

/// The same settings in each format.
const SETTINGS: [(&str, &str, Read<Settings>); 4] = [
    (
        "JSON",
        r#"{"environment": "staging", "user_token_url": "https://a.test/u", "location_token_url": "https://a.test/l",
            "api_origins": ["https://b.test"], "api_key": "S3CR3T", "client_id": "c", "client_secret": "s", "data_source_name": "d"}"#,
        |bytes| as_text(serde_json::from_slice(bytes)),
    ),
    (
        "TOML",
        r#"environment = "staging"
           user_token_url = "https://a.test/u"
           location_token_url = "https://a.test/l"
           api_origins = ["https://b.test"]
           api_key = "S3CR3T"
           client_id = "c"
           client_secret = 's'
           data_source_name = "d""#,
        |bytes| as_text(toml::from_str(text(bytes))),
    ),
    (
        "YAML",
        "environment: staging\nuser_token_url: https://a.test/u\nlocation_token_url: https://a.test/l\n\
         api_origins:\n  - https://b.test\napi_key: S3CR3T\nclient_id: c\nclient_secret: s\ndata_source_name: d\n",
        |bytes| as_text(serde_saphyr::from_str(text(bytes))),
    ),
    (
        "the environment",
        "SALON_ENVIRONMENT=staging SALON_USER_TOKEN_URL=https://a.test/u SALON_LOCATION_TOKEN_URL=https://a.test/l \
         SALON_API_ORIGINS=https://b.test SALON_API_KEY=S3CR3T SALON_CLIENT_ID=c SALON_CLIENT_SECRET=s SALON_DATA_SOURCE_NAME=d",
        |bytes| {
            let pairs = text(bytes).split_whitespace().filter_map(|pair| pair.split_once('='));
            as_text(envy::prefixed("SALON_").from_iter(pairs.map(|(name, value)| (name.to_owned(), value.to_owned()))))
        },
    ),
];

#[test]
fn settings_are_read_from_files_and_from_the_environment() {
    for (name, written, read) in SETTINGS {
        let settings = read(written.as_bytes()).unwrap_or_else(|error| panic!("{name}: {error}"));
        let app = App::new(settings).unwrap_or_else(|misuse| panic!("{name}: {misuse}"));
        assert_eq!((app.environment(), app.data_source_name()), (Environment::Staging, Some("d")), "{name}");
        assert!(format!("{app:?}").contains("b.test"), "{name}: {app:?}");
    }
}

#[test]
fn unreadable_settings_are_reported_without_their_values() {
    for (name, written, read) in SETTINGS {
        for (from, to, why) in [
            ("client_id", "client_di", "client_di is not known"),
            ("staging", "S3CR3T", "unknown: write staging or production"),
        ] {
            let (from, to) = match name {
                "the environment" if from == "client_id" => ("CLIENT_ID".to_owned(), "CLIENT_DI".to_owned()),
                _ => (from.to_owned(), to.to_owned()),
            };
            let error = read(written.replace(&from, &to).as_bytes()).err().unwrap();
            assert!(error.contains(why), "{name}: {error}");
            // These two show the line that they are at.
            assert!(["TOML", "YAML"].contains(&name) || !error.contains("S3CR3T"), "{name}: {error}");
        }
    }
}

/// figment reads a variable's digits as a number, and what it was before can't be told from that: `00123456` and `+123456` are `123456`. So a
/// number is no credential, and the error says how the variable is written. It quotes no value.
#[test]
#[allow(clippy::result_large_err, reason = "figment's own error")]
fn a_variable_that_figment_takes_for_something_else_than_a_text_is_refused_with_what_to_do() {
    use figment::{Figment, Jail, providers::Env};
    let read = |name: &str, value: &str| -> Result<App, String> {
        let mut result = Err(String::new());
        Jail::expect_with(|jail| {
            for pair in SETTINGS[3].1.split_whitespace() {
                let (name, value) = pair.split_once('=').unwrap();
                jail.set_env(name, value);
            }
            jail.set_env(name, value);
            let settings = Figment::from(Env::prefixed("SALON_")).extract::<Settings>();
            result = as_text(settings.map_err(Box::new)).and_then(|settings| as_text(App::new(settings)));
            Ok(())
        });
        result
    };
    let names = ["API_KEY", "CLIENT_ID", "CLIENT_SECRET", "DATA_SOURCE_NAME"].map(|name| format!("SALON_{name}"));
    for name in &names {
        for value in ["5318008", "005318008", "+5318008", "-5318008", "5318008.50", "true", "[5318008]", "{a=5318008}"]
        {
            let error = read(name, value).unwrap_err();
            let key = name["SALON_".len()..].to_lowercase();
            let is_list = value.starts_with(['[', '{']);
            assert!(
                is_list
                    || error
                        .contains(r#"put it between quotes, in an environment variable within the value ('"0123"')"#),
                "{error}"
            );
            assert!(error.to_lowercase().contains(&key) && !error.contains("5318008"), "{value}: {error}");
        }
        // So written, and what figment takes for a text anyway, loses nothing.
        for (value, text) in [
            (r#""5318008""#, "5318008"),
            (r#""005318008""#, "005318008"),
            (r#""true""#, "true"),
            ("184467440737095516160", "184467440737095516160"),
            ("1e5", "1e5"),
            ("0x1F", "0x1F"),
        ] {
            let app = read(name, value).unwrap();
            let login = app.user_login("owner@example.com", "p").unwrap().request();
            let body: serde_json::Value = serde_json::from_slice(login.body()).unwrap();
            let read = match name.as_str() {
                "SALON_API_KEY" => login.headers()["x-api-key"].to_str().unwrap(),
                "SALON_CLIENT_ID" => body["client_id"].as_str().unwrap(),
                "SALON_CLIENT_SECRET" => body["client_secret"].as_str().unwrap(),
                _ => app.data_source_name().unwrap(),
            };
            assert_eq!(read, text, "{name}");
        }
    }
}
