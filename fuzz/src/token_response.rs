//! The target of one response.

use http::Response;
use location_auth::{Flow, Progress};

use super::input::{EMAIL, Input, PASSWORD, USER_TOKEN, app};
use super::support::{STEP_1, STEP_2, accepted, keeps_promises, success, whole};

/// One response of any kind, which both steps get.
pub fn token_response(data: &[u8]) {
    let response = Input(data).response();
    let app = app();
    let step_1 = app.user_login(EMAIL, PASSWORD).expect("is not empty");
    let user = match step_1.clone().receive(&success(USER_TOKEN)) {
        Ok(Progress::Done(user)) => user,
        _ => unreachable!("the token is good"),
    };
    let step_2 = app.location("loc-1").expect("is an id").exchange(&user).expect("is of this environment");
    check(step_1, &response, &STEP_1, None, |user| user.expose_secret().to_owned());
    check(step_2, &response, &STEP_2, Some(USER_TOKEN), |token| token.expose_secret().to_owned());
}

fn check<F: Flow>(
    flow: F,
    response: &Response<Vec<u8>>,
    request_secrets: &[&str],
    exchanged: Option<&str>,
    expose: fn(&F::Output) -> String,
) {
    let (step, before) = (flow.step(), whole(&flow.request()));
    let expected = accepted(response).filter(|token| Some(token.as_str()) != exchanged);
    match flow.receive(response) {
        Ok(Progress::Done(output)) => assert_eq!(Some(expose(&output)), expected),
        Ok(Progress::Next(_)) => unreachable!("these flows have one step"),
        Err(failed) => {
            assert_eq!(expected, None, "a good token was refused: {failed}");
            assert_eq!((failed.flow.step(), whole(&failed.flow.request())), (step, before), "the flow is as it was");
            keeps_promises(&failed.error, response, request_secrets);
        }
    }
}
