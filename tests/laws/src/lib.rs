//! Laws: what holds for every input, shown on many that are made up, and made small where one breaks it.

#![cfg(test)]

#[path = "../../support/settings.rs"]
mod settings;

use std::time::Duration;

use http::{Request, Response, StatusCode};
use location_auth::driver::{Acquiring, Acquisition, Attempt, Replay, Verdict};
use location_auth::{
    App, Backoff, Flow, LocationAccessToken, Owner, Progress, Retry, SavedToken, Session, TokenError, UserAccessToken,
};
use percent_encoding::percent_decode_str;
use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use url::Url;

fn app() -> App {
    App::new(settings::settings().api_key("~key~").client_id("~id~").client_secret("~secret~")).unwrap()
}

fn token(token: &str) -> LocationAccessToken {
    let form = serde_json::json!({
        "version": 1, "environment": "staging", "kind": "location", "location": "loc-1", "access_token": token,
    });
    serde_json::from_value::<SavedToken>(form).unwrap().try_into().unwrap()
}

fn user_token() -> UserAccessToken {
    let form = serde_json::json!({ "version": 1, "environment": "staging", "kind": "user", "access_token": "u" });
    serde_json::from_value::<SavedToken>(form).unwrap().try_into().unwrap()
}

/// Runs a renewal to its end for a caller who is alone: step 2 is answered with this token.
fn renew(renewal: Acquisition, session: &mut Session, owner: &mut Owner, new: &str) -> Result<Replay, TokenError> {
    let mut next = renewal.start(session, owner, Duration::ZERO);
    loop {
        next = match next {
            Acquiring::AwaitTurn(waiting) => waiting.granted(session, owner, Duration::ZERO),
            Acquiring::SendToken(step) => {
                let response = Response::new(serde_json::json!({ "access_token": new }).to_string());
                step.received(&response, session, owner, Duration::ZERO)
            }
            Acquiring::Keep(keep) => keep.kept(session, owner, Duration::ZERO),
            Acquiring::Done(result) => return result,
        };
    }
}

fn get(url: &str) -> Request<()> {
    Request::get(url).body(()).unwrap()
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
    fn a_message_that_shares_no_character_with_a_credential_is_shown_up_to_the_bound(
        password in "[a-f0-9]{1,40}", message in "[g-zG-Z .ä漢😀]{1,300}",
    ) {
        prop_assume!(!message.trim().is_empty());
        let error = refused(&password, &message);
        let shown = error.message().unwrap();
        prop_assert!(message.starts_with(shown));
        prop_assert!(shown == message || (253..=256).contains(&shown.len()), "cut at {}", shown.len());
    }

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
    fn a_token_in_the_query_decodes_to_itself_and_the_rest_is_unchanged(
        secret in "[!-~]{1,60}", parameter in "[a-z+ &=%é]{0,7}[a-z+&=%é]", query in "[a-z]=[!$-;=@-Z~]{0,20}",
    ) {
        let session = Session::for_location(&app(), token(&secret)).unwrap().with_query_parameter(&parameter).unwrap();
        let before = format!("https://api.example.com/calls?{query}");
        let mut call = get(&before);
        prop_assume!(session.authorize(&mut call).is_ok());
        let after = call.uri().to_string();
        prop_assert!(after.starts_with(&before));
        let last = Url::parse(&after).unwrap().query_pairs().last().map(|(name, value)| (name.into_owned(), value.into_owned()));
        prop_assert_eq!(last, Some((parameter, secret)));
    }

    #[test]
    fn a_call_is_repeated_after_a_401_with_the_newest_token_and_only_a_401_to_that_one_starts_a_renewal(
        events in prop::collection::vec((any::<bool>(), any::<prop::sample::Index>()), 1..60),
    ) {
        let mut session = Session::for_location(&app(), token("t-0")).unwrap();
        let mut owner = Owner::new(&app());
        owner.set_user_token(user_token()).unwrap();
        let mut attempts: Vec<(Attempt, usize)> = vec![];
        let mut standing = 0;
        let judge = |session: &mut Session, owner: &mut Owner, (attempt, made_with): (Attempt, usize), standing: &mut usize, new| {
            let replay = match session.received(attempt, StatusCode::UNAUTHORIZED).unwrap() {
                Verdict::Replay(replay) => {
                    prop_assert_ne!(made_with, *standing);
                    replay
                }
                Verdict::Acquire(renewal) => {
                    prop_assert_eq!(made_with, *standing);
                    *standing = new;
                    renew(renewal, session, owner, &format!("t-{new}")).unwrap()
                }
                verdict => return Err(TestCaseError::fail(format!("{verdict:?}"))),
            };
            let mut again = get("https://api.example.com/");
            let again_attempt = session.replay(replay, &mut again).unwrap();
            prop_assert_eq!(&again.headers()["authorization"], &format!("Bearer t-{standing}"));
            prop_assert!(matches!(session.received(again_attempt, StatusCode::OK), Ok(Verdict::Answered)));
            Ok(())
        };
        for (step, (is_call, which)) in events.into_iter().enumerate() {
            if is_call || attempts.is_empty() {
                attempts.push((session.authorize(&mut get("https://api.example.com/")).unwrap(), standing));
                continue;
            }
            let attempt = attempts.swap_remove(which.index(attempts.len()));
            judge(&mut session, &mut owner, attempt, &mut standing, step + 1)?;
        }
        for (number, attempt) in attempts.into_iter().enumerate() {
            judge(&mut session, &mut owner, attempt, &mut standing, 100 + number)?;
        }
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
