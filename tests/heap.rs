//! What a process still has of its secrets in its memory once it is done with them: nothing.
//!
//! The scan reads all memory that can be written but for the stacks, where no type can wipe what the compiler spills. It has no secret itself: it
//! computes them again, each byte turned, and looks for turned bytes.
#![cfg(all(target_os = "linux", feature = "cassette"))]

mod support;

use std::alloc::{GlobalAlloc, Layout, System};
use std::convert::Infallible;
use std::fs;
use std::os::unix::fs::FileExt;

use http::{Request, Response, StatusCode};
use location_auth::driver::Verdict;
use location_auth::transports::cassette::{Credentials, Recorder};
use location_auth::transports::{RESPONSE_LIMIT, Transport};
use location_auth::{App, Bytes, Flow, LocationLogin, Owner, Progress, SavedToken, Session, Settings, Step};
use zeroize::{Zeroize, Zeroizing};

/// Frees nothing, so that nothing is written over what a buffer had when it was given back, or when it moved.
struct Keeping;

// SAFETY: every call is passed on to the system's allocator as it came, and no buffer is given back.
unsafe impl GlobalAlloc for Keeping {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, _: *mut u8, _: Layout) {}
}

#[global_allocator]
static ALLOCATOR: Keeping = Keeping;

const LENGTH: usize = 64;
/// Every text of a case that is a secret, and one that the test itself leaves behind.
const API_KEY: usize = 0;
const CLIENT_SECRET: usize = 1;
const PASSWORD: usize = 2;
const USER: usize = 3;
const LOCATION: usize = 4;
const CALLS: usize = 5;
const LEFT: usize = 6;

/// A letter of a secret.
fn byte(secret: usize, at: usize) -> u8 {
    let mixed = (secret as u64 * 64 + at as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    b'a' + ((mixed >> 33) % 26) as u8
}

fn secret(secret: usize) -> Zeroizing<String> {
    let mut text = Zeroizing::new(String::with_capacity(LENGTH));
    text.extend((0..LENGTH).map(|at| char::from(byte(secret, at))));
    text
}

/// The response with this secret as its token.
fn response(status: u16, name: &str, token: usize) -> Response<Zeroizing<Vec<u8>>> {
    let mut body = Zeroizing::new(Vec::with_capacity(200));
    for piece in ["{\"", name, "\": \"", &secret(token), "\"}"] {
        body.extend_from_slice(piece.as_bytes());
    }
    Response::builder().status(status).body(body).unwrap()
}

fn app() -> App {
    let settings = support::settings().api_key(secret(API_KEY).as_str()).client_secret(secret(CLIENT_SECRET).as_str());
    App::new(settings).unwrap()
}

fn login() -> LocationLogin {
    app().location("loc-1").unwrap().login("owner@example.com", &secret(PASSWORD)).unwrap()
}

fn received<F: Flow>(flow: F, response: &Response<Zeroizing<Vec<u8>>>) -> Progress<F> {
    drop(flow.request());
    flow.receive(response).unwrap_or_else(|failed| panic!("{}", failed.error))
}

fn logged_in() -> location_auth::LocationAccessToken {
    let Progress::Next(login) = received(login(), &response(200, "access_token", USER)) else { panic!("two steps") };
    let Progress::Done(token) = received(login, &response(200, "access_token", LOCATION)) else { panic!("two steps") };
    token
}

fn call() -> Request<()> {
    Request::get("https://api.example.com/x").body(()).unwrap()
}

fn refused() {
    for (status, name) in [(401, "error"), (200, "access-token"), (503, "message")] {
        let failed = login().receive(&response(status, name, PASSWORD)).unwrap_err();
        assert!(!format!("{:?} {0}", failed.error).contains(&*secret(PASSWORD)));
    }
}

fn session_call() {
    let mut session = Session::for_location(&app(), logged_in()).unwrap();
    let mut request = call();
    let attempt = session.authorize(&mut request).unwrap();
    drop(session.received(attempt, StatusCode::OK).unwrap());
}

fn renewal() {
    let mut session = Session::for_location(&app(), logged_in()).unwrap();
    let mut owner = Owner::new(&app());
    owner.set_login(app().user_login("owner@example.com", &secret(PASSWORD)).unwrap()).unwrap();
    let attempt = session.authorize(&mut call()).unwrap();
    let Verdict::Acquire(renewal) = session.received(attempt, StatusCode::UNAUTHORIZED).unwrap() else {
        panic!("a 401")
    };
    let token = |step| if step == Step::UserToken { USER } else { CALLS };
    drop(support::renew(renewal, &mut session, &mut owner, |step| response(200, "access_token", token(step))).unwrap());
}

fn errors() {
    let Progress::Next(login) = received(login(), &response(200, "access_token", USER)) else { panic!("two steps") };
    // Step 1's token is none of step 2.
    let failed = login.receive(&response(200, "access_token", USER)).unwrap_err();
    drop(failed.flow.receive(&response(401, "error", CLIENT_SECRET)).unwrap_err());
    let mut twice = Request::get("https://api.example.com/x?access_token=1").body(()).unwrap();
    let session = Session::for_location(&app(), logged_in()).unwrap().with_query_parameter("access_token").unwrap();
    session.authorize(&mut twice).unwrap_err();
}

fn saved() {
    let mut file = Zeroizing::new(Vec::with_capacity(1000));
    serde_json::to_writer(&mut *file, &SavedToken::from(&logged_in())).unwrap();
    let token = serde_json::from_slice::<SavedToken>(&file).unwrap();
    drop(location_auth::LocationAccessToken::try_from(token).unwrap());
    file.pop();
    assert!(serde_json::from_slice::<SavedToken>(&file).is_err());
}

fn settings() {
    let mut text = Zeroizing::new(String::with_capacity(1000));
    text.push('{');
    for (name, value) in
        [("environment", "staging"), ("api_key", &secret(API_KEY)), ("client_secret", &secret(CLIENT_SECRET))]
    {
        text.extend(["\"", name, "\": \"", value, "\","]);
    }
    text.pop();
    text.push('}');
    drop(serde_json::from_str::<Settings>(&text).unwrap());
    text.insert(1, '7');
    assert!(serde_json::from_str::<Settings>(&text).is_err());
}

fn recorder() {
    let sends = std::cell::Cell::new(0);
    let transport = |_: Request<Bytes>, _: usize| {
        sends.set(sends.get() + 1);
        let (status, name, token) = [
            (200, "access_token", USER),
            (200, "access_token", LOCATION),
            (200, "access_token", CALLS),
            (401, "sent", CALLS),
        ][sends.get() - 1];
        Ok::<_, Infallible>(response(status, name, token).map(|mut body| std::mem::take(&mut *body)))
    };
    let credentials = Credentials::new(&app()).login("owner@example.com", &secret(PASSWORD));
    let recorder = Recorder::new(transport, credentials).keep_bodies(|_, body| Some(body.to_owned()));
    let send = |request| {
        let mut response = recorder.send(request, RESPONSE_LIMIT).unwrap();
        Response::new(Zeroizing::new(std::mem::take(response.body_mut())))
    };
    let Ok(Progress::Next(login)) = login().receive(&send(login().request())) else { panic!("two steps") };
    let request = login.request();
    let Ok(Progress::Done(token)) = login.receive(&send(request)) else { panic!("two steps") };
    let session = Session::for_location(&app(), token).unwrap();
    for _ in 0..2 {
        let mut call = Request::post("https://api.example.com/x?page=1").body(Bytes::new()).unwrap();
        session.authorize(&mut call).unwrap();
        drop(send(call));
    }
    let cassette = recorder.cassette().to_string();
    assert!(cassette.contains("<location-token-2>") && cassette.contains("<user-token-1>"), "{cassette}");
    drop(cassette.parse::<location_auth::transports::cassette::Cassette>().unwrap());
}

/// How often the middle of each secret is in the memory, but for the scan's own buffer.
fn found() -> [usize; 7] {
    const TURN: u8 = 0xa5;
    let needles: Vec<[u8; 24]> = (0..7).map(|secret| std::array::from_fn(|at| byte(secret, at + 24) ^ TURN)).collect();
    let maps = fs::read_to_string("/proc/self/maps").unwrap();
    let memory = fs::File::open("/proc/self/mem").unwrap();
    let mut found = [0; 7];
    let mut buffer = vec![0; 1 << 20];
    let (own, stack) = (buffer.as_ptr() as u64, &raw const found as u64);
    for line in maps.lines().filter(|line| line.contains(" rw") && !line.contains("[stack]")) {
        let (start, end) = line.split(' ').next().unwrap().split_once('-').unwrap();
        let [mut start, end] = [start, end].map(|at| u64::from_str_radix(at, 16).unwrap());
        // The stack of this thread is a mapping without a name.
        while start < end && !(start..end).contains(&stack) {
            let size = (end - start).min(buffer.len() as u64) as usize;
            let Ok(read) = memory.read_at(&mut buffer[..size], start) else { break };
            for (at, window) in buffer[..read].windows(24).enumerate() {
                let address = start + at as u64;
                if (own..own + (1 << 20)).contains(&address) {
                    continue;
                }
                for (needle, found) in needles.iter().zip(&mut found) {
                    *found += usize::from(
                        window[0] ^ TURN == needle[0] && window.iter().zip(needle).all(|(a, b)| a ^ TURN == *b),
                    );
                }
            }
            // A secret may lie across two reads.
            start += (read as u64).saturating_sub(if start + (read as u64) < end { 23 } else { 0 }).max(1);
        }
    }
    buffer.zeroize();
    found
}

#[test]
fn nothing_is_left_of_a_secret_in_the_memory_of_the_process() {
    assert_eq!(found(), [0; 7]);
    let cases: [(&str, fn()); 8] = [
        ("a login", || drop(logged_in())),
        ("a refused login", refused),
        ("a call of a session", session_call),
        ("a renewal", renewal),
        ("errors", errors),
        ("a saved token", saved),
        ("settings", settings),
        ("a recorder", recorder),
    ];
    for (case, run) in cases {
        run();
        assert_eq!(found(), [0; 7], "after {case}: [API Key, Client Secret, password, user, location, call]");
    }
    // If this fails, the above proves nothing.
    drop(String::from(secret(LEFT).as_str()));
    assert_ne!(found()[LEFT], 0);
}
