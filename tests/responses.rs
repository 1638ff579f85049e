//! Every state meets every class of response. The table is `src/responses.md`, which is part of the documentation.

#[path = "support/cases.rs"]
mod cases;
mod support;

use http::Response;
use location_auth::{ErrorKind, Fault, Flow, Progress, Retry, Step};
use support::{EMAIL, PASSWORD, app, next, token_response, user_token, whole};

/// What the flow makes of the response, and what it does next, in one text.
fn outcome<F: Flow>(flow: F, response: &Response<String>) -> String {
    let (step, request) = (flow.step(), whole(&flow.request()));
    let number = |step| if step == Step::UserToken { 1 } else { 2 };
    match flow.receive(response) {
        Ok(Progress::Done(_)) => "**done**".into(),
        Ok(Progress::Next(next)) => format!("**on to step {}**", number(next.step())),
        Err(failed) => {
            assert_eq!(whole(&failed.flow.request()), request, "a failed flow is as it was");
            let error = failed.error;
            assert_eq!(error.step(), step);
            let kind = match error.kind() {
                ErrorKind::Body(problem) => format!("{problem:?}"),
                kind => format!("{kind:?}"),
            };
            let fault = match error.fault() {
                Fault::Caller => "caller",
                Fault::Transport => "transport",
                Fault::Service => "service",
            };
            let retry = match error.retry() {
                Retry::Never => "never".into(),
                Retry::Now => "now".into(),
                Retry::After(wait) => format!("after {} s", wait.as_secs()),
                Retry::Unspecified => "unspecified".into(),
            };
            let status = error.status().as_str().to_owned();
            format!("{kind}, {fault}, {status}, {retry}; at step {}", number(failed.flow.step()))
        }
    }
}

fn table() -> String {
    let app = app();
    let location = app.location("loc-1").unwrap();
    let mut table = String::from(
        "| response | `UserLogin` | `LocationLogin`, step 1 | `LocationLogin`, step 2 | `TokenExchange` |\n\
         | --- | --- | --- | --- | --- |\n",
    );
    for (name, response) in cases::cases() {
        let login = location.login(EMAIL, PASSWORD).unwrap();
        let cells = [
            outcome(app.user_login(EMAIL, PASSWORD).unwrap(), &response),
            outcome(login.clone(), &response),
            outcome(next(login, &token_response("user-token")), &response),
            outcome(location.exchange(&user_token(&app)).unwrap(), &response),
        ];
        table += &format!("| {name} | {} |\n", cells.join(" | "));
    }
    table
}

#[test]
fn every_state_handles_every_class_of_response_as_documented() {
    support::documented::is_documented("src/responses.md", "| response", &table());
}
