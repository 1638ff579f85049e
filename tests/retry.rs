//! Waiting and trying again: Retry-After (Q9), what is safe to repeat (Q10), and the backoff's budget.

mod support;

use std::time::Duration;

use http::{HeaderValue, Method, Response, StatusCode, header};
use location_auth::{Backoff, Error, Flow, Retry};
use support::{EMAIL, PASSWORD, app};

fn error(status: u16, headers: &[(&'static str, &str)]) -> Error {
    let mut response = Response::builder().status(status).body("").unwrap();
    for (name, value) in headers {
        response.headers_mut().append(*name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
    }
    app().user_login(EMAIL, PASSWORD).unwrap().receive(&response).unwrap_err().error
}

const DATE: &str = "Mon, 23 Nov 2026 12:00:00 GMT";
const A_YEAR: u64 = 365 * 24 * 60 * 60;

#[test]
fn retry_after_is_seconds_or_a_date_read_against_the_responses_own() {
    let cases = [
        ("0", Some(0)),
        ("7", Some(7)),
        (" 7 ", Some(7)),
        ("0000000000000000000000000000007", Some(7)),
        ("31536000", Some(A_YEAR)),
        ("31536001", Some(A_YEAR)),
        ("18446744073709551615", Some(A_YEAR)),
        ("18446744073709551616", Some(A_YEAR)),
        ("99999999999999999999999999999999999999999", Some(A_YEAR)),
        ("-1", None),
        ("+1", None),
        ("1.5", None),
        ("1s", None),
        ("", None),
        ("soon", None),
        ("٣", None),
        ("Mon, 23 Nov 2026 12:00:30 GMT", Some(30)),
        ("Monday, 23-Nov-26 12:00:30 GMT", Some(30)),
        ("Mon Nov 23 12:00:30 2026", Some(30)),
        ("Mon, 23 Nov 2026 12:00:00 GMT", Some(0)),
        ("Mon, 23 Nov 2026 11:00:00 GMT", Some(0)),
        ("Fri, 31 Dec 9999 23:59:59 GMT", Some(A_YEAR)),
        ("Sat, 01 Jan 0000 00:00:00 GMT", None),
        ("Mon, 32 Nov 2026 12:00:00 GMT", None),
        ("2026-11-23T12:00:30Z", None),
    ];
    for (text, seconds) in cases {
        let error = error(503, &[("retry-after", text), ("date", DATE)]);
        assert_eq!(error.retry_after().map(|wait| wait.as_secs()), seconds, "{text:?}");
    }
}

#[test]
fn a_date_without_a_clock_is_ignored() {
    let later = "Mon, 23 Nov 2026 12:00:30 GMT";
    assert_eq!(error(503, &[("retry-after", later)]).retry_after(), None);
    assert_eq!(error(503, &[("retry-after", later), ("date", "today")]).retry_after(), None);
    assert_eq!(error(503, &[("retry-after", later), ("date", DATE), ("date", DATE)]).retry_after(), None);
    assert_eq!(error(503, &[("retry-after", "7"), ("retry-after", "8")]).retry_after(), None);
}

#[test]
fn only_a_request_that_the_service_says_it_did_not_act_on_may_be_repeated() {
    let seven = Retry::After(Duration::from_secs(7));
    for status in 100..=999 {
        let error = |headers| {
            let response = error(status, headers);
            (response.retry(), response.retry_after())
        };
        if (200..300).contains(&status) {
            continue;
        }
        let may_repeat = status == 429 || status == 503;
        let (retry, wait) = error(&[("retry-after", "7")]);
        assert_eq!(retry, if may_repeat { seven } else { Retry::Never }, "{status}");
        assert_eq!(wait, Some(Duration::from_secs(7)), "what was asked for is kept in any case");
        // A server that no longer waits for its own handler answers 503 without a wait.
        assert_eq!(error(&[]).0, if status == 429 { Retry::Unspecified } else { Retry::Never }, "{status}");
    }
    assert_eq!(error(200, &[("retry-after", "7")]).retry(), Retry::Never);
}

#[test]
fn a_backoff_doubles_to_its_cap_and_ends_with_its_budget() {
    let mut backoff = Backoff::new(6, Duration::from_millis(500), Duration::from_secs(3));
    let waits: Vec<_> =
        core::iter::from_fn(|| backoff.next_delay(Retry::Unspecified)).map(|wait| wait.as_millis()).collect();
    assert_eq!(waits, [500, 1000, 2000, 3000, 3000, 3000]);
}

#[test]
fn a_wait_that_the_service_asks_for_is_kept_or_the_backoff_gives_up() {
    let second = Duration::from_secs(1);
    let mut backoff = Backoff::new(4, second, 10 * second);
    assert_eq!(backoff.next_delay(Retry::After(10 * second)), Some(10 * second));
    assert_eq!(backoff.next_delay(Retry::After(11 * second)), None);
    assert_eq!(backoff.next_delay(Retry::Never), None);
    assert_eq!(backoff.next_delay(Retry::Now), Some(Duration::ZERO));
    assert_eq!(backoff.next_delay(Retry::Unspecified), Some(second), "neither of these has used up a doubling");
    assert_eq!(backoff.next_delay(Retry::Now), Some(Duration::ZERO), "nor has a refusal used up the budget of four");
    assert_eq!(backoff.next_delay(Retry::Now), None, "a service that always says now does not get us for ever");
}

#[test]
fn no_backoff_overflows() {
    let mut backoff = Backoff::new(u32::MAX, Duration::MAX, Duration::MAX);
    for _ in 0..100 {
        assert_eq!(backoff.next_delay(Retry::Unspecified), Some(Duration::MAX));
    }
    assert_eq!(Backoff::new(0, Duration::ZERO, Duration::MAX).next_delay(Retry::Now), None);
    assert_eq!(Backoff::default(), Backoff::new(4, Duration::from_secs(1), Duration::from_secs(60)));
}

#[test]
fn a_call_is_to_wait_only_if_the_service_did_not_act_on_it_or_a_second_one_does_no_harm() {
    let after = |method: Method, status: u16, wait: Option<&'static str>| {
        let headers = wait.map(|wait| (header::RETRY_AFTER, HeaderValue::from_static(wait))).into_iter().collect();
        Retry::after(&method, StatusCode::from_u16(status).unwrap(), &headers)
    };
    for method in [Method::GET, Method::POST] {
        for status in [429, 503] {
            assert_eq!(after(method.clone(), status, Some("7")), Retry::After(Duration::from_secs(7)));
            assert_eq!(after(method.clone(), status, Some("0")), Retry::Now);
        }
        assert_eq!(after(method.clone(), 429, None), Retry::Unspecified);
        for status in [200, 302, 401, 404, 500, 502, 504] {
            assert_eq!(after(method.clone(), status, Some("7")), Retry::Never, "{status}");
        }
    }
    // A server that no longer waits for its own handler answers 503, too, while the handler goes on.
    for (method, expected) in [
        (Method::GET, Retry::Unspecified),
        (Method::PUT, Retry::Unspecified),
        (Method::DELETE, Retry::Unspecified),
        (Method::POST, Retry::Never),
        (Method::PATCH, Retry::Never),
    ] {
        assert_eq!(after(method.clone(), 503, None), expected, "{method}");
        assert_eq!(after(method.clone(), 503, Some("in a while")), expected, "{method}");
    }
}
