//! A program in a process of its own against the emulated service over HTTP: the test revokes, takes the service down, and counts.

use std::env;
use std::process::Command;

use http::Request;
use location_auth::emulator::{Access, Condition, Emulator};
use location_auth::transports::client::Client;
use location_auth::transports::{run, ureq::Ureq};
use location_auth::{App, Environment, Session, Settings};
use recipes::served::{Served, serve};
use serde_json::json;

/// Stands for the program, which is started with the service's address.
#[test]
#[ignore = "the other tests start it"]
fn program() {
    let base = env::var("SERVICE").unwrap();
    let settings = Settings::new(Environment::Staging)
        .user_token_url(format!("{base}{}", Emulator::USER_TOKEN_PATH))
        .location_token_url(format!("{base}{}", Emulator::LOCATION_TOKEN_PATH))
        .api_key("k-12")
        .client_id("c-34")
        .client_secret("s-56");
    let app = App::new(settings).unwrap();
    let token = run(app.location("loc-1").unwrap().login("ann@example.com", "hunter2").unwrap(), &Ureq::new());
    let client = Client::new(Session::for_location(&app, token.expect("logs in")).unwrap(), Ureq::new());
    let page = Request::get(format!("{base}/locations/loc-1/contacts?page=2")).body(()).unwrap();
    println!("{}", String::from_utf8(client.call(page).unwrap().into_body()).unwrap());
}

fn run_program(served: &Served) -> (bool, String) {
    let mut program = Command::new(env::current_exe().unwrap());
    let program = program.args(["--exact", "program", "--ignored", "--nocapture"]).env("SERVICE", &served.base);
    let output = program.output().unwrap();
    (output.status.success(), String::from_utf8(output.stdout).unwrap())
}

#[test]
fn a_program_of_another_process_meets_the_emulated_service() {
    let mut emulator = Emulator::new("k-12", "c-34", "s-56");
    emulator.owner("ann@example.com", "hunter2").location("loc-1", "ann@example.com");
    emulator.add_route("/locations/{location_id}/contacts", Access::Location);
    let served = serve(emulator, |request| match (request.uri().path(), request.uri().query()) {
        ("/locations/loc-1/contacts", Some("page=2")) => Some(json!(["Ada", "Grace"])),
        _ => None,
    });
    let served = served.unwrap();

    let (ended_well, printed) = run_program(&served);
    assert!(ended_well && printed.contains(r#"["Ada","Grace"]"#), "{printed}");
    let counts = served.emulator.lock().unwrap().counts();
    assert_eq!((counts.requests, counts.user_tokens, counts.location_tokens, counts.calls), (3, 1, 1, 1));

    served.emulator.lock().unwrap().set_condition(Condition::Down(None));
    assert!(!run_program(&served).0);
    assert_eq!(served.emulator.lock().unwrap().counts().requests, 4, "a login that fails is sent once");
}
