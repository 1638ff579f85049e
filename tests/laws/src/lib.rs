//! Laws: what holds for every input, shown on many that are made up, and made small where one breaks it.

#![cfg(test)]

#[path = "../../support/settings.rs"]
mod settings;

use std::time::Duration;

use http::Response;
use location_auth::{App, Backoff, Flow, Progress, Retry};
use percent_encoding::percent_decode_str;
use proptest::prelude::*;
use proptest::test_runner::RngSeed;

fn app() -> App {
    App::new(settings::settings().api_key("~key~").client_id("~id~").client_secret("~secret~")).unwrap()
}

/// What comes of it when the service refuses a login with this password by this message.
fn refused(password: &str, message: &str) -> location_auth::Error {
    let body = serde_json::json!({ "message": message }).to_string();
    let response = Response::builder().status(401).body(body).unwrap();
    app().user_login("~email~", password).unwrap().receive(&response).unwrap_err().error
}

/// The same cases in every run. `PROPTEST_RNG_SEED=17 PROPTEST_CASES=100000 cargo test -p laws` makes up others.
fn cases() -> ProptestConfig {
    let config = ProptestConfig::default();
    match config.rng_seed {
        RngSeed::Random => ProptestConfig { rng_seed: RngSeed::Fixed(0), ..config },
        RngSeed::Fixed(_) => config,
    }
}

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn a_message_is_shown_as_one_clean_line(message in any::<String>()) {
        if let Some(shown) = refused("~password~", &message).message() {
            prop_assert!(shown.len() <= 256);
            prop_assert!(!shown.chars().any(char::is_control));
            let again = refused("~password~", shown);
            prop_assert_eq!(again.message(), (!shown.trim().is_empty()).then_some(shown), "cleaning twice is once");
        }
    }

    #[test]
    fn a_location_id_is_one_segment_of_the_path_and_decodes_to_itself(id in "\\PC{1,60}") {
        let Ok(location) = app().location(&id) else { return Ok(()) };
        let response = Response::new(r#"{"access_token": "u"}"#);
        let Ok(Progress::Done(user)) = app().user_login("e", "p").unwrap().receive(&response) else { unreachable!() };
        let uri = location.exchange(&user).unwrap().request().uri().to_string();
        let segment = uri.strip_prefix("https://api.example.com/locations/").and_then(|rest| rest.strip_suffix("/token")).unwrap();
        prop_assert!(segment.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~%".contains(&byte)), "{}", segment);
        prop_assert_eq!(percent_decode_str(segment).decode_utf8().unwrap(), id);
    }

    #[test]
    fn all_waits_together_are_at_most_the_budget_times_the_cap(
        tries in 0..20_u32, first in any::<Duration>(), cap in 0..u64::from(u32::MAX),
        asked in prop::collection::vec(prop_oneof![
            Just(Retry::Never), Just(Retry::Now), Just(Retry::Unspecified),
            (0..u64::from(u32::MAX)).prop_map(|seconds| Retry::After(Duration::from_secs(seconds))),
        ], 0..60),
    ) {
        let cap = Duration::from_secs(cap);
        let mut backoff = Backoff::new(tries, first, cap);
        let mut waits = vec![];
        let mut doubling = vec![];
        for retry in asked {
            let left = tries - waits.len() as u32;
            let before = backoff.clone();
            let wait = backoff.next_delay(retry);
            let expected = match retry {
                _ if left == 0 => None,
                Retry::Never => None,
                Retry::Now => Some(Duration::ZERO),
                Retry::After(wait) => (wait <= cap).then_some(wait),
                Retry::Unspecified => Some(first.saturating_mul(2_u32.saturating_pow(doubling.len() as u32)).min(cap)),
            };
            prop_assert_eq!(wait, expected);
            match wait {
                None => prop_assert_eq!(&backoff, &before, "what gives up spends nothing"),
                Some(wait) => {
                    waits.push(wait);
                    if retry == Retry::Unspecified {
                        doubling.push(wait);
                    }
                }
            }
        }
        prop_assert!(waits.len() <= tries as usize);
        prop_assert!(waits.iter().sum::<Duration>() <= cap * tries);
        prop_assert!(doubling.is_sorted());
    }
}
