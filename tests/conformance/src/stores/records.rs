//! Records to write. A store gets them from the core alone, so an acquisition makes them here.

use std::time::Duration;

use http::Response;
use location_auth::driver::Acquiring;
use location_auth::store::{Record, RecordKey, Stored};
use location_auth::{App, Environment, LocationId, Owner, Settings};

/// A key of staging.
pub fn key(id: &str) -> RecordKey {
    RecordKey::new(Environment::Staging, Some(&LocationId::new(id).expect("is an id")))
}

/// A record as the core writes it to save a token. `step` is a member that the core does not know and keeps.
pub fn record(key: &RecordKey, step: u64) -> Record {
    with_token(key, step, "")
}

/// A record whose token is as long as a response may be.
pub fn large(key: &RecordKey) -> Record {
    with_token(key, 1, &"x".repeat(65_000))
}

fn with_token(key: &RecordKey, step: u64, padding: &str) -> Record {
    let app = app(key.environment());
    let mut owner = Owner::new(&app);
    owner.set_login(app.user_login("owner@example.com", "hunter2").expect("is a login")).expect("is of this App");
    let id = key.location().map_or("any", LocationId::as_str);
    let mut session = app.location(id).expect("is an id").session();
    let now = Duration::from_secs(1_000_000);
    let mut next = session.first_token().expect("there is none yet").start(&mut session, &mut owner, now);
    loop {
        next = match next {
            Acquiring::AwaitTurn(turn) => turn.granted(&mut session, &mut owner, now),
            Acquiring::OpenRecord(open) => {
                let text = (open.key() == key).then(|| before(key, step).into_bytes());
                open.opened(Stored::Record(text), &mut session, &mut owner, now)
            }
            Acquiring::SendToken(send) => {
                let token = format!(r#"{{"access_token":"{:?}-{step}{padding}"}}"#, send.step());
                send.received(&Response::new(token), &mut session, &mut owner, now)
            }
            Acquiring::WriteRecord(write) if write.key() == key && write.saves_token() => return write.record(),
            Acquiring::WriteRecord(write) => write.written(&mut session, &mut owner, now),
            Acquiring::Done(outcome) => unreachable!("no record was written: {outcome:?}"),
        };
    }
}

/// The step of a record that was read: 0 if there is none.
pub fn step(text: Option<&[u8]>) -> u64 {
    let Some(text) = text else { return 0 };
    let text = str::from_utf8(text).expect("a record comes back as it was written: UTF-8");
    let (_, behind) = text.split_once(STEP).expect("a record comes back with the members that nobody knows");
    let digits = behind.split(|other: char| !other.is_ascii_digit()).next().unwrap_or_default();
    digits.parse().expect("is a number")
}

const STEP: &str = r#""conformance_step":"#;

fn before(key: &RecordKey, step: u64) -> String {
    let environment = key.environment();
    let of = key.location().map_or_else(
        || r#""kind":"user""#.into(),
        |id| format!(r#""kind":"location","location":"{}""#, id.as_str().replace('\\', r"\\").replace('"', "\\\"")),
    );
    format!(r#"{{"version":1,"environment":"{environment}",{of},{STEP}{step}}}"#)
}

fn app(environment: Environment) -> App {
    let settings = Settings::new(environment)
        .user_token_url("https://api.example.com/user_token")
        .location_token_url("https://api.example.com/locations/{location_id}/token")
        .api_key("k-12")
        .client_id("c-34")
        .client_secret("s-56");
    App::new(settings).expect("is complete")
}
