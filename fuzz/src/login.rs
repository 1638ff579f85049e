//! The target of a whole login.

use location_auth::{Flow, Progress, Step};

use super::input::{EMAIL, Input, PASSWORD, app};
use super::support::{STEP_1, STEP_2, accepted, keeps_promises, whole};

/// A whole login, which gets one arbitrary response after another.
pub fn login(data: &[u8]) {
    let mut input = Input(data);
    let mut flow = app().location("loc-1").and_then(|location| location.login(EMAIL, PASSWORD)).expect("is right");
    let mut user = None;
    for _ in 0..20 {
        if input.0.is_empty() {
            return;
        }
        let response = input.response();
        let (step, before) = (flow.step(), whole(&flow.request()));
        assert_eq!(step == Step::LocationToken, user.is_some());
        let expected = accepted(&response).filter(|token| Some(token) != user.as_ref());
        match flow.receive(&response) {
            Ok(Progress::Next(next)) => {
                assert_eq!((step, next.step()), (Step::UserToken, Step::LocationToken));
                assert!(expected.is_some());
                user = expected;
                flow = next;
            }
            Ok(Progress::Done(token)) => {
                assert_eq!((step, Some(token.expose_secret().to_owned())), (Step::LocationToken, expected));
                return;
            }
            Err(failed) => {
                assert_eq!(expected, None);
                assert_eq!(whole(&failed.flow.request()), before);
                keeps_promises(&failed.error, &response, if step == Step::UserToken { &STEP_1 } else { &STEP_2[1..] });
                flow = failed.flow;
            }
        }
    }
}
