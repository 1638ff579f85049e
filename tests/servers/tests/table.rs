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

struct Row {
    name: &'static str,
    /// A scheme and what listens there.
    url: &'static str,
    proxy: &'static str,
    expected: Expected,
}

enum Expected {
    /// Calls with a revocation in their middle: each answered, after one login and one exchange more.
    Works,
    /// The same, with a pause before each call.
    WorksAfterPauses,
    /// A login fails with a line that has these words, of all adapters or of each. Between `…` is a part, and between `|` are its alternatives.
    Fails(&'static [&'static str]),
    /// The calls fail with a line that has these words.
    CallsFail(&'static str),
    /// As `Fails`, but the calls work over the adapters without words.
    Mixed([&'static str; 3]),
}
use Expected::{CallsFail, Fails, Mixed, Works, WorksAfterPauses};

const fn row(name: &'static str, url: &'static str, proxy: &'static str, expected: Expected) -> Row {
    Row { name, url, proxy, expected }
}

const OPEN: &str = "http://@s-open@";

const ROWS: &[Row] = &[
    row("nginx", "http://plain", "", Works),
    row("nginx that closes each connection", "http://closing", "", Works),
    row("nginx over TLS", "https://tls", "", Works),
    row("nginx over TLS 1.2", "https://tls12", "", Works),
    row("nginx with HTTP/2", "https://http2", "", Works),
    row("nginx that compresses where it is allowed to", "http://gzip", "", Works),
    row("HAProxy", "http://h-plain", "", Works),
    row("HAProxy that closes each connection", "http://h-closing", "", Works),
    row("HAProxy over TLS", "https://h-tls", "", Works),
    row("HAProxy that passes TLS on to nginx", "https://h-tcp", "", Works),
    row("Go", "http://g-plain", "", Works),
    row("Go over TLS", "https://g-tls", "", Works),
    row("Go that closes idle connections", "http://g-idle", "", WorksAfterPauses),
    row("Go with early hints", "http://g-hints", "", Works),
    row("Squid before nginx over TLS", "https://tls", OPEN, Works),
    row("Squid before nginx over TLS 1.2", "https://tls12", OPEN, Works),
    row("Squid before HAProxy over TLS", "https://h-tls", OPEN, Works),
    row("Squid before Go over TLS", "https://g-tls", OPEN, Works),
    // The file to copy for hyper takes a host and a port alone.
    row(
        "Squid that wants a password and gets it",
        "https://tls",
        "http://user:S3CR3T-proxy@@s-auth@",
        Mixed(["", "", "NotSent … refused to connect with status 407"]),
    ),
    row("nginx on IPv6", "https://6:tls", "", Works),
    row(
        "Squid before nginx on IPv6",
        "https://6:tls",
        OPEN,
        Mixed(["", "Unsendable … reqwest can't check the certificate of an IPv6 address behind a proxy", ""]),
    ),
    // What the front says.
    row(
        "nginx that wants a certificate",
        "https://mutual",
        "",
        Fails(&["status 400 … that says \"400 No required SSL certificate was sent\""]),
    ),
    row(
        "plain HTTP to nginx's port for TLS",
        "http://tls",
        "",
        Fails(&["status 400 … that says \"400 The plain HTTP request was sent to HTTPS port\""]),
    ),
    row(
        "a header that nginx finds too large",
        "http://small",
        "",
        Fails(&["status 400 … that says \"400 Request Header Or Cookie Too Large\""]),
    ),
    row(
        "nginx with a password of its own",
        "http://basic",
        "",
        Fails(&[
            "status 401 … that says \"401 Authorization Required\" … a gateway in front of the service seems to ask for a login of its own",
        ]),
    ),
    row(
        "nginx with a password of its own for calls",
        "http://guarded",
        "",
        CallsFail("the call of Location loc-1 got a 401 that asks for a login of another kind"),
    ),
    row(
        "nginx before nobody",
        "http://down",
        "",
        Fails(&["status 502 … that says \"502 Bad Gateway\" … it may have issued a token"]),
    ),
    row(
        "nginx that is busy",
        "http://busy",
        "",
        Fails(&["the service is throttling (status 429) … asking to wait 30 s"]),
    ),
    row(
        "nginx that is unavailable",
        "http://unavailable",
        "",
        Fails(&["the service is unavailable (status 503) … asking to wait 30 s"]),
    ),
    row(
        "nginx that redirects",
        "http://moved",
        "",
        Fails(&["the service redirected, and redirects are never followed (status 301)"]),
    ),
    row(
        "nginx that forbids",
        "http://forbidden",
        "",
        Fails(&["status 403 … that says \"403 Forbidden\" … a proxy, a firewall or a login page may have answered"]),
    ),
    row(
        "nginx that takes no body of this size",
        "http://limited",
        "",
        Fails(&["status 413 … that says \"413 Request Entity Too Large\""]),
    ),
    row(
        "a response over 64 KiB",
        "http://large",
        "",
        Fails(&["Unknown … the response is longer than its limit … a token's is fixed at 64 KiB … with status 200"]),
    ),
    row(
        "120 headers of a response",
        "http://many",
        "",
        Mixed(["", "Unknown … the response's head is too long", "Unknown … the response's head is too long"]),
    ),
    row(
        "90 KB of headers of a response",
        "http://long",
        "",
        Mixed(["Unknown … the response's head is too long", "", ""]),
    ),
    row(
        "HAProxy before nobody",
        "http://h-down",
        "",
        Fails(&["status 503 … that says \"503 Service Unavailable\" … it may have issued a token"]),
    ),
    row("HAProxy that denies", "http://h-deny", "", Fails(&["status 403 … that says \"403 Forbidden\""])),
    // Certificates and handshakes.
    row(
        "an expired certificate",
        "https://expired",
        "",
        Fails(&["Unsendable … TLS failed … the server's certificate has expired"]),
    ),
    row(
        "another host's certificate",
        "https://elsewhere",
        "",
        Fails(&["Unsendable … TLS failed … the server's certificate is for another host"]),
    ),
    row(
        "a stranger's certificate",
        "https://stranger",
        "",
        Fails(&["Unsendable … TLS failed … is of an issuer that is not trusted here"]),
    ),
    row(
        "an authority's certificate",
        "https://authority",
        "",
        Fails(&["Unsendable … TLS failed … that of an authority (CA:TRUE), as `openssl req -x509` makes it"]),
    ),
    row(
        "HAProxy that wants a certificate",
        "https://h-mutual",
        "",
        Fails(&[
            "Unsendable | Unknown … a certificate of the client",
            "Unsendable | Unknown … a certificate of the client | os error",
            "Unsendable … requires a certificate of the client",
        ]),
    ),
    row(
        "Go that wants a certificate",
        "https://g-mutual",
        "",
        Fails(&[
            "Unsendable | Unknown … may require a certificate of the client",
            "Unsendable | Unknown … may require a certificate of the client | os error",
            "Unsendable … may require a certificate of the client",
        ]),
    ),
    row(
        "Go that wants a certificate over TLS 1.2",
        "https://g-mutual12",
        "",
        Fails(&[
            "Unsendable | NotSent … may require a certificate of the client",
            "Unsendable … may require a certificate of the client",
            "Unsendable … may require a certificate of the client",
        ]),
    ),
    row("TLS to a port for plain HTTP", "https://plain", "", Fails(&["NotSent … TLS failed … what came is not TLS"])),
    row("a handshake that hangs", "https://g-silent", "", Fails(&["NotSent … timed out"])),
    row("a server that does not answer", "http://g-silent", "", Fails(&["Unknown … timed out"])),
    row(
        "a mail server",
        "http://g-banner",
        "",
        Fails(&["Unknown | NotSent … the connection broke or did not speak HTTP"]),
    ),
    row("nobody", "http://nothing", "", Fails(&["NotSent … could not connect … Connection refused"])),
    // Proxies.
    row(
        "Squid before nobody",
        "https://nothing",
        OPEN,
        Fails(&[
            "NotSent … the proxy that the client is set to use refused to connect with status 503",
            "NotSent … the proxy that the client is set to use refused to connect:",
            "NotSent … the proxy that the client is set to use refused to connect with status 503",
        ]),
    ),
    row(
        "Squid that forbids",
        "https://tls",
        "http://@s-closed@",
        Fails(&[
            "NotSent … refused to connect with status 403",
            "NotSent … refused to connect:",
            "NotSent … refused to connect with status 403",
        ]),
    ),
    row(
        "Squid that wants a password",
        "https://tls",
        "http://@s-auth@",
        Fails(&["NotSent … refused to connect with status 407"]),
    ),
    row(
        "Squid before an expired certificate",
        "https://expired",
        OPEN,
        Fails(&["Unsendable … the server's certificate has expired"]),
    ),
    row(
        "a proxy that is down",
        "https://tls",
        "http://@nothing@",
        Fails(&["NotSent … cannot reach the proxy that the client is set to use … Connection refused"]),
    ),
    row(
        "a proxy whose name is unknown",
        "https://tls",
        "http://proxy.nowhere.invalid:3128",
        Fails(&["NotSent … cannot reach the proxy that the client is set to use"]),
    ),
    row(
        "a proxy that is a mail server",
        "https://tls",
        "http://@g-banner@",
        Fails(&["NotSent … could not connect | cannot reach the proxy | refused to connect"]),
    ),
    row(
        "a proxy with a stranger's certificate",
        "https://tls",
        "https://@stranger@",
        Fails(&[
            "Unsendable … cannot reach the proxy … is of an issuer that is not trusted here",
            "Unsendable … cannot reach the proxy … is of an issuer that is not trusted here",
            "NotSent … refused to connect with status 400",
        ]),
    ),
];

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    // They share the service, whose counts each looks at.
    arguments.test_threads = Some(1);
    let fronts = (arguments.ignored || arguments.include_ignored).then(|| Arc::new(Fronts::start()));
    let trials = ROWS.iter().flat_map(|row| {
        let fronts = fronts.clone();
        ADAPTERS.into_iter().enumerate().map(move |(number, (adapter, client))| {
            let fronts = fronts.clone();
            let check = move || hold(row, number, client, &fronts.expect("are started"));
            Trial::test(format!("{adapter}: {}", row.name), check).with_ignored_flag(true)
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
    // A name at its end, between two `@`.
    let proxy = match row.proxy.strip_suffix('@').and_then(|rest| rest.rsplit_once('@')) {
        Some((start, name)) => format!("{start}127.0.0.1:{}", fronts.port(name)),
        None => row.proxy.to_owned(),
    };
    let certificates = &fronts.certificates;
    let trust = if host == "authority" { &certificates.shown } else { &certificates.authority };
    let setup = Setup { base, proxy: Some(proxy).filter(|proxy| !proxy.is_empty()), trust: trust.clone() };
    fronts.service.start_again();
    let transport = client(&setup);
    let words = match row.expected {
        Works => "",
        WorksAfterPauses => return works(&setup.base, transport, fronts, Duration::from_millis(30)),
        CallsFail(words) => {
            return match works(&setup.base, transport, fronts, Duration::ZERO) {
                Err(failed) if failed.message().is_some_and(|line| line.contains(words)) => Ok(()),
                outcome => Err(format!("no {words:?} in: {outcome:?}").into()),
            };
        }
        Fails(words) => words.get(adapter).unwrap_or(&words[0]),
        Mixed(words) => words[adapter],
    };
    match words {
        "" => works(&setup.base, transport, fronts, Duration::ZERO),
        words => fails(&setup.base, transport, fronts, words),
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
