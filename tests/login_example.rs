//! The main job as its user meets it: exit code, standard output, and the whole last line on standard error.
#![cfg(all(feature = "client", feature = "emulator", feature = "ureq"))]

#[path = "../examples/support/mod.rs"]
mod served;

use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::process::Command;
use std::sync::{Arc, Mutex};

use location_auth::emulator::Emulator;

/// The variables for the service at this base URL.
fn variables(base: &str) -> Vec<(&'static str, String)> {
    let (user, location) = (format!("{base}/user_token"), format!("{base}/locations/{{location_id}}/token"));
    vec![
        ("ENVIRONMENT", "staging".into()),
        ("USER_TOKEN_URL", user),
        ("LOCATION_TOKEN_URL", location),
        ("LOCATION_ID", served::LOCATION_ID.into()),
        ("API_KEY", served::API_KEY.into()),
        ("CLIENT_ID", served::CLIENT_ID.into()),
        ("CLIENT_SECRET", served::CLIENT_SECRET.into()),
        ("EMAIL", served::EMAIL.into()),
        ("PASSWORD", served::PASSWORD.into()),
    ]
}

/// The program, which cargo has built along with this test. `cargo test --test login_example` builds no examples: then cargo is asked here.
fn program() -> PathBuf {
    let target = std::env::current_exe().unwrap().ancestors().nth(3).unwrap().to_owned();
    let program = target.join("debug/examples/login");
    if !program.exists() {
        let features = if cfg!(feature = "ureq-rustls") { "--all-features" } else { "--features=client,emulator,ureq" };
        let mut cargo = Command::new(env!("CARGO"));
        // What cargo tells a test of its package would have it build much anew.
        let is_told = |name: &String| name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_");
        std::env::vars().map(|(name, _)| name).filter(is_told).for_each(|name| _ = cargo.env_remove(name));
        cargo.args(["build", "--quiet", "--example", "login", features, "--target-dir"]).arg(&target);
        assert!(cargo.current_dir(env!("CARGO_MANIFEST_DIR")).status().unwrap().success());
    }
    program
}

/// The program's exit code, its standard output, and the last line on standard error. No secret is in either.
fn run(arguments: &[&str], variables: &[(&str, String)]) -> (i32, String, String) {
    let mut command = Command::new(program());
    let is_ours = |name: &String| name.starts_with("LOCATION_AUTH_");
    std::env::vars().map(|(name, _)| name).filter(is_ours).for_each(|name| _ = command.env_remove(name));
    command.args(arguments).envs(variables.iter().map(|(name, value)| (format!("LOCATION_AUTH_{name}"), value)));
    let output = command.output().unwrap();
    let [stdout, stderr] = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap());
    for secret in ["demo-api-key", "demo-client", "demo-password", "owner@example.com", "-token-"] {
        assert!(!stderr.contains(secret) && !stdout.contains(secret), "{secret} in {stderr}");
    }
    (output.status.code().unwrap(), stdout, stderr.lines().last().unwrap_or_default().to_owned())
}

fn serve() -> (Arc<Mutex<Emulator>>, SocketAddr) {
    let emulator = Arc::new(Mutex::new(served::demo()));
    let address = served::serve(Arc::clone(&emulator), 0).unwrap();
    (emulator, address)
}

#[test]
fn without_settings_it_logs_in_to_an_emulated_service_with_three_requests() {
    assert_eq!(run(&[], &[]), (0, String::new(), "The emulated service has seen 3 requests.".into()));
}

#[test]
fn with_settings_it_logs_in_and_makes_the_call_that_they_name() {
    let (emulator, address) = serve();
    let mut variables = variables(&format!("http://{address}"));
    variables.push(("CALL_URL", format!("http://{address}{}", served::GUARDED_PATH)));
    let last = "  200 OK: 53 bytes for the Location's owner";
    assert_eq!(run(&[], &variables), (0, String::new(), last.into()));
    let counts = emulator.lock().unwrap().counts();
    assert_eq!((counts.requests, counts.user_tokens, counts.location_tokens, counts.calls), (3, 1, 1, 1));
}

#[test]
fn a_dry_run_prints_both_requests_redacted_and_sends_nothing() {
    let (emulator, address) = serve();
    let (code, printed, _) = run(&["--dry-run"], &variables(&format!("http://{address}")));
    let headers = "content-type: application/json, accept: application/json, x-api-key: …";
    let step_1 = format!("step 1 (User Access Token): POST http://{address}/user_token {headers}\n");
    let url = format!("http://{address}/locations/demo-salon/token");
    let step_2 = format!("step 2 (Location Access Token): POST {url} {headers}, authorization: …\n");
    assert_eq!((code, printed), (0, step_1 + &step_2));
    assert_eq!(emulator.lock().unwrap().counts().requests, 0);
}

#[test]
fn what_is_wrong_ends_with_code_1_and_a_line_that_says_what_to_do() {
    let (_, address) = serve();
    let service = format!("http://{address}");
    let dead = format!("http://{}", TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap());
    for (base, name, value, line) in [
        (&*service, "API_KEY", None, "not set: API_KEY: set them, or none for a demonstration"),
        (&service, "ENVIRONMENT", Some("test"), "the environment is unknown: write staging or production"),
        ("http://api.example.com", "LOCATION_ID", Some("l"), "the user token URL would send secrets in the clear: "),
        (&service, "API_KEY", Some("key\n"), "the API Key has white space around it: copy it again"),
        (
            &service,
            "PASSWORD",
            Some("another"),
            "step 1 (User Access Token) of Location demo-salon: the service refused (status 401), saying \
             \"invalid_credentials: Wrong email or password\", request id 1; the caller is at fault: check the owner's email",
        ),
        (
            &dead,
            "LOCATION_ID",
            Some("l"),
            "step 1 (User Access Token) of Location l: the request was not sent; the transport is at fault: check the user \
             token URL's host and the network, then send it again: could not connect: ",
        ),
    ] {
        let mut variables = variables(base);
        variables.retain(|(known, _)| *known != name);
        variables.extend(value.map(|value| (name, value.to_owned())));
        let (code, printed, last) = run(&[], &variables);
        assert!((code, &*printed) == (1, "") && last.starts_with(&format!("login: {line}")), "{last}");
    }
    let last = "login: unknown option: use --dry-run, or none";
    assert_eq!(run(&["--verbose"], &[]), (1, String::new(), last.into()));
}

#[test]
#[cfg(not(feature = "ureq-rustls"))]
fn https_without_its_feature_says_which_feature() {
    // It takes the connection that TLS would be spoken on.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (_, _, last) = run(&[], &variables(&format!("https://{}", listener.local_addr().unwrap())));
    assert!(last.ends_with(": the client was built without TLS: turn on its feature that ends in -rustls"), "{last}");
}
