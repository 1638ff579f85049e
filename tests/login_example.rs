//! The main job, and a call with the token that it saved, as their user meets them: exit code, standard output, and the whole last line on standard error.
#![cfg(all(feature = "client", feature = "emulator", feature = "ureq"))]

#[path = "../examples/support/mod.rs"]
mod served;

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex, OnceLock};

use location_auth::emulator::Emulator;

const SECRETS: [&str; 6] =
    ["demo-api-key", "demo-client-id", "demo-client-secret", "demo-password", "owner@example.com", "-token-"];

fn example() -> &'static Path {
    static EXAMPLE: OnceLock<PathBuf> = OnceLock::new();
    EXAMPLE.get_or_init(|| built("login"))
}

fn target_folder() -> PathBuf {
    std::env::current_exe().unwrap().ancestors().nth(3).unwrap().to_owned()
}

/// The example that cargo has built along with this test. `cargo test --test login_example` builds no examples: then cargo is asked here.
fn built(example: &str) -> PathBuf {
    let target = target_folder();
    let program = target.join("debug/examples").join(example);
    if program.exists() {
        return program;
    }
    let features: &[_] = if cfg!(feature = "ureq-rustls") {
        &["--workspace", "--all-features"]
    } else {
        &["--features", "client,emulator,ureq"]
    };
    let mut cargo = Command::new(env!("CARGO"));
    // What cargo tells a test of its package would have it build anew each dependency whose build script asks for the same of its own.
    for (name, _) in std::env::vars_os() {
        if name.to_str().is_some_and(|name| name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_")) {
            cargo.env_remove(name);
        }
    }
    let status = cargo
        .args(["build", "--quiet", "--example", example, "--target-dir"])
        .arg(&target)
        .args(features)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .status()
        .unwrap();
    assert!(status.success());
    program
}

struct Outcome {
    code: Option<i32>,
    stdout: String,
    stderr: String,
}

impl Outcome {
    fn last_line(&self) -> &str {
        self.stderr.lines().last().unwrap_or_default()
    }
}

fn run(program: &Path, arguments: &[&str], variables: &[(&str, String)], input: &str) -> Outcome {
    let mut command = Command::new(program);
    for (name, _) in std::env::vars_os() {
        if name.to_str().is_some_and(|name| name.starts_with("LOCATION_AUTH_")) {
            command.env_remove(name);
        }
    }
    command.args(arguments).envs(variables.iter().map(|(name, value)| (name, value)));
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Outcome { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
}

fn serve() -> (Arc<Mutex<Emulator>>, SocketAddr) {
    let emulator = Arc::new(Mutex::new(served::demo()));
    let address = served::serve(Arc::clone(&emulator), 0).unwrap();
    (emulator, address)
}

/// The variables for the service at this base URL.
fn variables(base: &str) -> Vec<(&'static str, String)> {
    vec![
        ("LOCATION_AUTH_ENVIRONMENT", "staging".into()),
        ("LOCATION_AUTH_USER_TOKEN_URL", format!("{base}/user_token")),
        ("LOCATION_AUTH_LOCATION_TOKEN_URL", format!("{base}/locations/{{location_id}}/token")),
        ("LOCATION_AUTH_LOCATION_ID", served::LOCATION_ID.into()),
        ("LOCATION_AUTH_API_KEY", served::API_KEY.into()),
        ("LOCATION_AUTH_CLIENT_ID", served::CLIENT_ID.into()),
        ("LOCATION_AUTH_CLIENT_SECRET", served::CLIENT_SECRET.into()),
        ("LOCATION_AUTH_EMAIL", served::EMAIL.into()),
        ("LOCATION_AUTH_PASSWORD", served::PASSWORD.into()),
    ]
}

fn set(variables: &mut [(&str, String)], name: &str, value: &str) {
    variables.iter_mut().find(|(known, _)| *known == name).unwrap().1 = value.to_owned();
}

/// The status that the guarded resource answers a bearer token with.
fn call(address: SocketAddr, token: &str) -> u16 {
    let mut stream = TcpStream::connect(address).unwrap();
    let (path, key) = (served::GUARDED_PATH, served::API_KEY);
    let head = format!("GET {path} HTTP/1.1\r\nhost: {address}\r\nx-api-key: {key}\r\n");
    write!(stream, "{head}authorization: Bearer {token}\r\nconnection: close\r\n\r\n").unwrap();
    let mut response = String::new();
    stream.read_to_string(&mut response).unwrap();
    response.split(' ').nth(1).unwrap().parse().unwrap()
}

fn shows_no_secret(outcome: &Outcome) {
    for secret in SECRETS {
        assert!(!outcome.stderr.contains(secret) && !outcome.stdout.contains(secret), "{secret} in {}", outcome.stderr);
    }
}

#[test]
fn without_settings_it_logs_in_to_an_emulated_service_with_three_requests_and_shows_no_secret() {
    let outcome = run(example(), &[], &[], "");
    assert_eq!((outcome.code, outcome.stdout.as_str()), (Some(0), ""));
    assert_eq!(outcome.last_line(), "The emulated service has seen 3 requests.");
    shows_no_secret(&outcome);
}

#[test]
fn the_token_that_reveal_prints_opens_the_guarded_resource() {
    let (emulator, address) = serve();
    let outcome = run(example(), &["--reveal"], &variables(&format!("http://{address}")), "");
    assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
    assert_eq!(emulator.lock().unwrap().counts().requests, 2);
    let token = outcome.stdout.strip_suffix('\n').unwrap();
    assert!(!token.contains('\n'));
    assert_eq!([call(address, token), call(address, "another")], [200, 401]);
    assert!(!outcome.stderr.contains(token));
}

#[test]
fn the_password_can_come_from_standard_input_and_a_call_can_follow() {
    let (emulator, address) = serve();
    let mut variables = variables(&format!("http://{address}"));
    variables.retain(|(name, _)| *name != "LOCATION_AUTH_PASSWORD");
    variables.push(("LOCATION_AUTH_CALL_URL", format!("http://{address}{}", served::GUARDED_PATH)));
    let outcome = run(example(), &["--password-stdin"], &variables, "demo-password\n");
    assert_eq!((outcome.code, outcome.stdout.as_str()), (Some(0), ""), "{}", outcome.stderr);
    let counts = emulator.lock().unwrap().counts();
    assert_eq!((counts.requests, counts.user_tokens, counts.location_tokens, counts.calls), (3, 1, 1, 1));
    shows_no_secret(&outcome);
}

#[test]
fn a_dry_run_prints_both_requests_redacted_and_sends_nothing() {
    let (emulator, address) = serve();
    let outcome = run(example(), &["--dry-run"], &variables(&format!("http://{address}")), "");
    assert_eq!((outcome.code, outcome.stderr.as_str()), (Some(0), ""));
    assert_eq!(emulator.lock().unwrap().counts().requests, 0);
    let headers = "content-type: application/json, accept: application/json, x-api-key: …";
    let step_1 = format!("POST http://{address}/user_token {headers}");
    let step_2 = format!("POST http://{address}/locations/demo-salon/token {headers}, authorization: …");
    assert_eq!(
        outcome.stdout,
        format!("step 1 (User Access Token): {step_1}\nstep 2 (Location Access Token): {step_2}\n")
    );
    shows_no_secret(&outcome);
}

#[test]
fn wrong_settings_end_with_code_2_and_a_line_that_names_them() {
    let good = variables("https://api.example.com");
    let without = |names: &[&str]| good.iter().filter(|(name, _)| !names.contains(name)).cloned().collect::<Vec<_>>();
    let with = |name, value: &str| {
        let mut variables = good.clone();
        set(&mut variables, name, value);
        variables
    };
    let cases = [
        (
            without(&["LOCATION_AUTH_API_KEY"]),
            vec![],
            "login: not set: LOCATION_AUTH_API_KEY: set them, or none for a demonstration",
        ),
        (
            without(&["LOCATION_AUTH_PASSWORD", "LOCATION_AUTH_ENVIRONMENT"]),
            vec![],
            "login: not set: LOCATION_AUTH_ENVIRONMENT, LOCATION_AUTH_PASSWORD: set them, or none for a demonstration",
        ),
        (
            with("LOCATION_AUTH_ENVIRONMENT", "test"),
            vec![],
            "login: LOCATION_AUTH_ENVIRONMENT is neither: set it to staging or production",
        ),
        (
            with("LOCATION_AUTH_USER_TOKEN_URL", "http://api.example.com/user_token"),
            vec![],
            "login: the user token URL would send secrets in the clear: use https (http is for a loopback host alone)",
        ),
        (
            with("LOCATION_AUTH_API_KEY", "demo-api-key\n"),
            vec![],
            "login: the API Key has white space around it: copy it again, without spaces or line breaks",
        ),
        (with("LOCATION_AUTH_EMAIL", ""), vec![], "login: the owner's email is empty: fill it in"),
        (
            good.clone(),
            vec!["--verbose"],
            "login: unknown option: use --dry-run, --password-stdin, --reveal, --save FILE, --record FILE or --replay FILE",
        ),
        (
            good.clone(),
            vec!["--dry-run", "--reveal"],
            "login: --dry-run gets no token that could be printed or saved: leave one of them out",
        ),
        (good.clone(), vec!["--save"], "login: --save wants a file: name it"),
        (good.clone(), vec!["--reveal", "--replay"], "login: --replay wants a file: name it"),
        (
            good.clone(),
            vec!["--record", "a", "--replay", "b"],
            "login: --dry-run, --record and --replay exclude each other: leave all but one of them out",
        ),
        (
            good.clone(),
            vec!["--replay", "no-such-file"],
            "login: can't use the file of --replay (no-such-file: No such file or directory (os error 2)): name another one",
        ),
        (
            good.clone(),
            vec!["--replay", "Cargo.toml"],
            "login: the cassette is damaged at line 1: record it again, or restore the file",
        ),
        (
            good.clone(),
            vec!["--save", "no/such/folder/token.json"],
            "login: can't write the file of --save (no/such/folder/token.json: No such file or directory (os error 2)): name one in a folder that you can write to",
        ),
    ];
    for (variables, arguments, line) in cases {
        let outcome = run(example(), &arguments, &variables, "");
        assert_eq!(
            (outcome.code, outcome.stdout.as_str(), outcome.stderr.as_str()),
            (Some(2), "", format!("{line}\n").as_str())
        );
    }
}

#[test]
fn a_wrong_password_ends_with_code_1_and_says_whose_fault_it_is() {
    let (_, address) = serve();
    let mut variables = variables(&format!("http://{address}"));
    set(&mut variables, "LOCATION_AUTH_PASSWORD", "not-the-demo-password");
    let outcome = run(example(), &["--reveal"], &variables, "");
    assert_eq!((outcome.code, outcome.stdout.as_str()), (Some(1), ""));
    assert_eq!(
        outcome.last_line(),
        "login: step 1 (User Access Token) of Location demo-salon: the service refused (status 401), saying \
         \"invalid_credentials: Wrong email or password\", request id 1; the caller is at fault: \
         check the owner's email and password"
    );
    shows_no_secret(&outcome);
}

/// An empty folder of this test's own.
fn folder(name: &str) -> PathBuf {
    let folder = target_folder().join("tmp").join(format!("{name}-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    folder
}

#[test]
fn a_saved_token_is_its_owners_alone_replaces_the_old_one_and_makes_a_call_without_a_password() {
    let (emulator, address) = serve();
    let variables = variables(&format!("http://{address}"));
    let folder = folder("saved");
    let file = folder.join("token.json");
    let save = ["--save", file.to_str().unwrap()];
    let mut written = Vec::new();
    for _ in 0..2 {
        let outcome = run(example(), &save, &variables, "");
        assert_eq!((outcome.code, outcome.stdout.as_str()), (Some(0), ""), "{}", outcome.stderr);
        shows_no_secret(&outcome);
        #[cfg(unix)]
        assert_eq!(std::os::unix::fs::PermissionsExt::mode(&fs::metadata(&file).unwrap().permissions()) & 0o777, 0o600);
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 1, "no draft is left behind");
        written.push(fs::read_to_string(&file).unwrap());
    }
    assert_ne!(written[0], written[1], "the second token is another one");

    let call = built("call");
    let url = format!("http://{address}{}", served::GUARDED_PATH);
    let owner = ["LOCATION_AUTH_LOCATION_ID", "LOCATION_AUTH_EMAIL", "LOCATION_AUTH_PASSWORD"];
    let apps_own: Vec<_> = variables.into_iter().filter(|(name, _)| !owner.contains(name)).collect();
    let outcome = run(&call, &[file.to_str().unwrap(), &url], &apps_own, "");
    let answer = r#"{"location":"demo-salon","owner":"owner@example.com"}"#;
    assert_eq!((outcome.code, outcome.stdout.as_str(), outcome.stderr.as_str()), (Some(0), answer, ""));

    assert_eq!(emulator.lock().unwrap().revoke_location(served::LOCATION_ID), 2);
    let outcome = run(&call, &[file.to_str().unwrap(), &url], &apps_own, "");
    let line = "call: the access token of Location demo-salon was rejected; the caller is at fault: \
                log in again, or let an Owner renew it\n";
    assert_eq!((outcome.code, outcome.stderr.as_str()), (Some(1), line));
    fs::remove_dir_all(folder).unwrap();
}

#[test]
fn a_login_that_fails_leaves_the_old_file_as_it_was() {
    let folder = folder("kept");
    let file = folder.join("token.json");
    fs::write(&file, "the old one").unwrap();
    let dead = variables(&format!("http://127.0.0.1:{}", dead_port()));
    let outcome = run(example(), &["--save", file.to_str().unwrap()], &dead, "");
    assert_eq!(outcome.code, Some(1));
    assert_eq!(
        (fs::read_to_string(&file).unwrap().as_str(), fs::read_dir(&folder).unwrap().count()),
        ("the old one", 1)
    );
    fs::remove_dir_all(folder).unwrap();
}

#[test]
#[cfg(feature = "cassette")]
fn a_recorded_run_is_replayed_with_other_credentials_and_no_socket_and_another_request_fails_with_the_difference() {
    let (emulator, address) = serve();
    let folder = folder("recorded");
    let file = folder.join("cassette.json");
    let [record, replay] = ["--record", "--replay"].map(|option| [option, file.to_str().unwrap()]);
    let with_call = |base: &str| {
        let mut variables = variables(base);
        variables.push(("LOCATION_AUTH_CALL_URL", format!("{base}{}", served::GUARDED_PATH)));
        variables
    };
    let outcome = run(example(), &record, &with_call(&format!("http://{address}")), "");
    assert_eq!((outcome.code, emulator.lock().unwrap().counts().calls), (Some(0), 1), "{}", outcome.stderr);
    shows_no_secret(&outcome);
    let text = fs::read_to_string(&file).unwrap();
    // The emulated service's tokens are called as their placeholders are.
    let written = text.replace("<user-token-1>", "").replace("<location-token-1>", "");
    for secret in SECRETS {
        assert!(!written.contains(secret), "{secret} in {text}");
    }

    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut others = with_call(&format!("http://{}", listener.local_addr().unwrap()));
    for (name, value) in [
        ("LOCATION_AUTH_API_KEY", "key"),
        ("LOCATION_AUTH_CLIENT_ID", "client"),
        ("LOCATION_AUTH_CLIENT_SECRET", "secret"),
        ("LOCATION_AUTH_EMAIL", "mail@example.com"),
        ("LOCATION_AUTH_PASSWORD", "word-Xq9"),
    ] {
        set(&mut others, name, value);
    }
    for variables in [&others[..], &[]] {
        let outcome = run(example(), &replay, variables, "");
        assert_eq!((outcome.code, outcome.stdout.as_str()), (Some(0), ""), "{}", outcome.stderr);
        assert_eq!(outcome.last_line(), "  200 OK: 0 bytes for the Location's owner");
    }
    set(&mut others, "LOCATION_AUTH_LOCATION_ID", "another-salon");
    let outcome = run(example(), &replay, &others, "");
    assert_eq!(outcome.code, Some(1));
    let difference = "request 2 differs from the recorded one in its path \
                      (sent \"/locations/another-salon/token\", recorded \"/locations/demo-salon/token\"): record it again";
    assert!(outcome.last_line().contains(difference), "{}", outcome.last_line());
    assert!(!outcome.stderr.contains("word-Xq9"));
    others.pop();
    set(&mut others, "LOCATION_AUTH_LOCATION_ID", served::LOCATION_ID);
    let outcome = run(example(), &replay, &others, "");
    let missing = "login: request 3 (GET /locations/demo-salon/contacts) was recorded and was not sent: ";
    assert!(outcome.last_line().starts_with(missing), "{}", outcome.last_line());

    listener.set_nonblocking(true).unwrap();
    assert!(listener.accept().is_err(), "nothing was connected to");
    fs::remove_dir_all(folder).unwrap();
}

#[test]
#[cfg(not(feature = "cassette"))]
fn recording_without_its_feature_is_an_error_that_says_so() {
    let outcome = run(example(), &["--record", "nowhere"], &[], "");
    let line = "login: --record and --replay want the feature cassette: give it to cargo run";
    assert_eq!((outcome.code, outcome.last_line()), (Some(2), line));
}

/// A loopback port that nothing listens on.
fn dead_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

#[test]
fn a_dead_host_ends_with_code_1_and_says_that_the_request_never_left() {
    let outcome = run(example(), &[], &variables(&format!("http://127.0.0.1:{}", dead_port())), "");
    assert_eq!((outcome.code, outcome.stdout.as_str()), (Some(1), ""));
    let line = "login: step 1 (User Access Token) of Location demo-salon: the request was not sent; the transport is at fault: \
                check the user token URL's host and the network, then send it again: \
                could not connect: check the URL's host and port, and the network: ";
    assert!(outcome.last_line().starts_with(line), "{}", outcome.last_line());
    assert!(outcome.last_line().contains("refused"), "{}", outcome.last_line());
    shows_no_secret(&outcome);
}

#[test]
#[cfg(not(feature = "ureq-rustls"))]
fn https_without_its_feature_ends_with_code_1_and_says_which_feature() {
    // A listener takes the connection that TLS would be spoken on; nothing is to arrive on it.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let base = format!("https://{}", listener.local_addr().unwrap());
    let outcome = run(example(), &[], &variables(&base), "");
    assert_eq!((outcome.code, outcome.stdout.as_str()), (Some(1), ""));
    assert_eq!(
        outcome.last_line(),
        "login: step 1 (User Access Token) of Location demo-salon: the transport refused to send the request; the caller \
         is at fault: check the user token URL and how the transport is set up: the client was built without TLS: turn on its feature that ends in -rustls"
    );
    let mut arrived = Vec::new();
    listener.set_nonblocking(true).unwrap();
    if let Ok((mut stream, _)) = listener.accept() {
        stream.read_to_end(&mut arrived).unwrap();
    }
    assert!(arrived.is_empty());
}
