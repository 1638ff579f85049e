//! The table: each set-up of real servers and proxies, with what each adapter makes of it.
//!
//! It wants nginx, HAProxy, Squid and Go, so that each row is ignored unless it is asked for: `.ci/servers` installs them and asks.

use std::fs;
use std::process::ExitCode;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use http::Request;
use libtest_mimic::{Arguments, Failed, Trial};
use location_auth::transports::client::{CallError, Client};
use location_auth::transports::{Cause, run};
use location_auth::{App, Environment, Owner, SavedToken, Settings};
use location_auth_conformance::Failure;
use servers::clients::{ADAPTERS, Any, Make, Setup};
use servers::{API_KEY, CLIENT_SECRET, EMAIL, Fronts, PASSWORD};

/// A line of `rows.txt`, which says what each cell is.
struct Row {
    name: &'static str,
    url: &'static str,
    proxy: &'static str,
    expected: Vec<&'static str>,
}

fn rows() -> impl Iterator<Item = Row> {
    let lines = include_str!("rows.txt").lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.map(|line| match line.split(" ; ").collect::<Vec<_>>()[..] {
        [name, url, proxy, ref expected @ ..] if !expected.is_empty() => {
            Row { name, url, proxy, expected: expected.to_vec() }
        }
        _ => panic!("no row: {line}"),
    })
}

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    // They share the service, whose counts each looks at.
    arguments.test_threads = Some(1);
    let fronts = (arguments.ignored || arguments.include_ignored).then(|| Arc::new(Fronts::start()));
    let trials = rows().map(Arc::new).flat_map(|row| {
        let fronts = fronts.clone();
        ADAPTERS.into_iter().enumerate().map(move |(number, (adapter, client))| {
            let (fronts, row, name) = (fronts.clone(), Arc::clone(&row), format!("{adapter}: {}", row.name));
            let check = move || hold(&row, number, client, &fronts.expect("are started"));
            Trial::test(name, check).with_ignored_flag(true)
        })
    });
    let conclusion = libtest_mimic::run(&arguments, trials.collect());
    if let Some(fronts) = &fronts {
        no_log_has_a_secret(fronts);
    }
    conclusion.exit_code()
}

fn hold(row: &Row, adapter: usize, client: Make, fronts: &Fronts) -> Result<(), Failed> {
    let (scheme, host) = row.url.split_once("://").expect("is a URL");
    let base = match host.strip_prefix("6:") {
        Some(name) => format!("{scheme}://[::1]:{}", fronts.port(name)),
        None => format!("{scheme}://127.0.0.1:{}", fronts.port(host)),
    };
    let proxy = match row.proxy.strip_suffix('@').and_then(|rest| rest.rsplit_once('@')) {
        Some((start, name)) => format!("{start}127.0.0.1:{}", fronts.port(name)),
        None => row.proxy.to_owned(),
    };
    let certificates = &fronts.certificates;
    let trust = if host == "authority" { &certificates.shown } else { &certificates.authority };
    let setup = Setup { base, proxy: Some(proxy).filter(|proxy| proxy != "-"), trust: trust.clone() };
    fronts.service.start_again();
    let transport = client(&setup);
    let expected = *row.expected.get(adapter).unwrap_or(&row.expected[0]);
    let pause = if expected == "works after pauses" { Duration::from_millis(30) } else { Duration::ZERO };
    match (expected, expected.strip_prefix("call: ")) {
        ("works" | "works after pauses", _) => works(&setup.base, transport, fronts, pause),
        (_, None) => fails(&setup.base, transport, fronts, expected),
        (_, Some(words)) => match works(&setup.base, transport, fronts, pause) {
            Err(failed) if failed.message().is_some_and(|line| line.contains(words)) => Ok(()),
            outcome => Err(format!("no {words:?} in: {outcome:?}").into()),
        },
    }
}

fn app(base: &str) -> App {
    let settings = Settings::new(Environment::Staging)
        .user_token_url(format!("{base}/user_token"))
        .location_token_url(format!("{base}/locations/{{location_id}}/token"))
        .api_key(API_KEY)
        .client_id("the-client-id")
        .client_secret(CLIENT_SECRET);
    App::new(settings).expect("is complete")
}

fn works(base: &str, transport: Any, fronts: &Fronts, pause: Duration) -> Result<(), Failed> {
    const CALLS: usize = 24;
    let app = app(base);
    let mut owner = Owner::new(&app);
    owner.set_login(app.user_login(EMAIL, PASSWORD)?)?;
    let store = |_: &SavedToken| Ok::<(), std::io::Error>(());
    let client = Client::with_owner(app.location("loc-1")?.session(), owner, transport, store);
    for number in 0..CALLS {
        if number == CALLS / 2 {
            fronts.service.emulator.lock().unwrap().as_mut().unwrap().revoke_location("loc-1");
        }
        thread::sleep(pause);
        let call = Request::builder().method(if number % 2 == 0 { "GET" } else { "POST" });
        let call = call.uri(format!("{base}/locations/loc-1/contacts")).body(vec![b'x'; number % 2 * 1000])?;
        let response = client.call(call).map_err(|error| match &error {
            CallError::Transport { error: failure, delivery, .. } => told(&format!("{delivery:?} {error}"), failure),
            _ => error.to_string(),
        })?;
        same("the status of a call", response.status().as_u16(), 200)?;
    }
    let counts = fronts.service.emulator.lock().unwrap().as_ref().unwrap().counts();
    same("logins, exchanges and calls", (counts.user_tokens, counts.location_tokens), (1, 2))?;
    same("token requests on used connections", *fronts.service.on_used_connections.lock().unwrap(), 0)
}

fn fails(base: &str, transport: Any, fronts: &Fronts, words: &str) -> Result<(), Failed> {
    let login = app(base).location("loc-1")?.login(EMAIL, PASSWORD)?;
    let Err(stopped) = run(login, &transport) else { return Err("it works".into()) };
    let line = match &stopped.cause {
        Cause::Transport { error, delivery } => told(&format!("{delivery:?} {stopped}"), error),
        _ => stopped.to_string(),
    };
    println!("    {line}");
    if line.contains("S3CR3T") {
        return Err(format!("it shows a secret: {line}").into());
    }
    for words in words.split(" … ") {
        if !words.split(" | ").any(|words| line.contains(words)) {
            return Err(format!("no {words:?} in: {line}").into());
        }
    }
    let counts = fronts.service.emulator.lock().unwrap().as_ref().unwrap().counts();
    // Where the request may have arrived, a token may have been issued.
    let most = u64::from(line.starts_with("Unknown"));
    same("too many tokens were issued", counts.user_tokens > most || counts.location_tokens > 0, false)
}

/// A line, and the transport's error with its causes.
fn told(line: &str, failure: &Failure) -> String {
    let mut line = format!("{line}: {}", failure.error);
    let mut cause = failure.error.source();
    while let Some(error) = cause {
        line += &format!(": {error}");
        cause = error.source();
    }
    line
}

fn same<T: PartialEq + std::fmt::Debug>(what: &str, is: T, should: T) -> Result<(), Failed> {
    if is == should { Ok(()) } else { Err(format!("{what}: {is:?}, not {should:?}").into()) }
}

fn no_log_has_a_secret(fronts: &Fronts) {
    for entry in fs::read_dir(fronts.folder()).unwrap().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.ends_with(".log") || name.ends_with(".out") {
            let text =
                fs::read(entry.path()).map(|text| String::from_utf8_lossy(&text).into_owned()).unwrap_or_default();
            assert!(!text.contains("S3CR3T"), "{name} has a secret");
        }
    }
}
