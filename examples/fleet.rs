//! A fleet: 50 Locations of one owner, called from 8 threads, one token revoked in the middle. It ends with an error unless the emulated
//! service has counted exactly what it should have.

#[path = "support/refusals.rs"]
mod refusals;
mod support;

use std::error::Error;
use std::sync::{Arc, Mutex};

use http::Request;
use location_auth::emulator::{Access, Emulator};
use location_auth::transports::client::Client;
use location_auth::transports::ureq::Ureq;
use location_auth::transports::{Cause, RunError, run};
use location_auth::{App, LocationAccessToken, Session, UserAccessToken};
use refusals::Refusals;
use support::{API_KEY, CLIENT_ID, CLIENT_SECRET, EMAIL, PASSWORD};

const LOCATIONS: usize = 50;
const THREADS: usize = 8;
const ROUNDS: usize = 3;

fn main() -> Result<(), Box<dyn Error>> {
    let emulator = Arc::new(Mutex::new(service()));
    let base = format!("http://{}", support::serve(Arc::clone(&emulator), 0)?);
    let app = support::app(&base)?;
    let transport = Ureq::new();

    // One user login for all, since every User Access Token lives for ever.
    let user = run(app.user_login(EMAIL, PASSWORD)?, &transport)?;
    let ids: Vec<String> = (0..LOCATIONS).map(|number| format!("loc-{number}")).collect();
    let tokens = onboard(&app, &user, &ids, &transport)?;
    expect("step-2 exchanges", LOCATIONS, tokens.len() as u64)?;
    let strangers: Vec<String> = (0..LOCATIONS).map(|number| format!("stranger-{number}")).collect();
    let before = counts(&emulator).requests;
    let bought = onboard(&app, &user, &strangers, &transport)?.len();
    expect("tokens of somebody else's Locations", 0, bought as u64)?;
    expect("refusals before the onboarding stops", 3, counts(&emulator).requests - before)?;

    let clients = tokens.into_iter().map(|token| {
        let login = app.location(token.location().as_str())?.login(EMAIL, PASSWORD)?;
        let client = Client::new(Session::for_location(&app, token)?, transport.clone(), 64 * 1024);
        client.log_in_with(login)?;
        Ok(client)
    });
    let clients: Vec<_> = clients.collect::<Result<_, location_auth::Misuse>>()?;
    std::thread::scope(|scope| {
        let call = |number| {
            let (clients, emulator, base, ids) = (&clients, &emulator, &base, &ids);
            scope.spawn(move || call_all(number, clients, emulator, base, ids).map_err(|error| error.to_string()))
        };
        let threads: Vec<_> = (0..THREADS).map(call).collect();
        threads.into_iter().try_for_each(|thread| thread.join().expect("no thread panics"))
    })?;

    let counts = counts(&emulator);
    expect("user logins: one for the fleet, one after the revocation", 2, counts.user_tokens)?;
    expect("Location Access Tokens: one for each, one after the revocation", LOCATIONS + 1, counts.location_tokens)?;
    expect("calls answered", THREADS * ROUNDS * LOCATIONS, counts.calls)?;
    expect("tokens that reached another Location", 0, counts.wrong_location)?;
    let new_tokens = clients.iter().filter_map(Client::take_new_token).count();
    expect("clients that came to a new token", 1, new_tokens as u64)?;
    eprintln!("{} calls for {LOCATIONS} Locations, each answered once; one login after one revocation.", counts.calls);
    Ok(())
}

fn service() -> Emulator {
    let mut emulator = Emulator::new(API_KEY, CLIENT_ID, CLIENT_SECRET);
    emulator.owner(EMAIL, PASSWORD).owner("stranger@example.com", PASSWORD);
    for number in 0..LOCATIONS {
        emulator.location(&format!("loc-{number}"), EMAIL);
        emulator.location(&format!("stranger-{number}"), "stranger@example.com");
    }
    emulator.add_route("/locations/{location_id}/contacts", Access::Location);
    emulator
}

/// Buys a token for each Location, and stops after three equal refusals in a row.
fn onboard(
    app: &App,
    user: &UserAccessToken,
    ids: &[String],
    transport: &Ureq,
) -> Result<Vec<LocationAccessToken>, Box<dyn Error>> {
    let mut tokens = Vec::new();
    let mut refusals = Refusals::default();
    for id in ids {
        match run(app.location(id)?.exchange(user)?, transport) {
            Ok(token) => {
                tokens.push(token);
                refusals.token();
            }
            Err(stopped) if refusals.pass_over(&stopped) => {}
            Err(RunError { cause: Cause::Response(_), .. }) => break,
            Err(stopped) => return Err(stopped.into()),
        }
    }
    Ok(tokens)
}

/// Calls every Location in turn, each thread from a place of its own. The first thread has a token revoked on its way.
fn call_all(
    thread: usize,
    clients: &[Client<Ureq>],
    emulator: &Mutex<Emulator>,
    base: &str,
    ids: &[String],
) -> Result<(), Box<dyn Error>> {
    for round in 0..ROUNDS {
        for step in 0..LOCATIONS {
            let location = (thread * 7 + step) % LOCATIONS;
            if (thread, round, step) == (0, 1, LOCATIONS / 2) {
                let revoked = emulator.lock().expect("no thread panics").revoke_location("loc-7");
                expect("tokens revoked", 1, revoked as u64)?;
            }
            let url = format!("{base}/locations/{}/contacts", ids[location]);
            let response = clients[location].call(Request::get(url).body(vec![])?)?;
            expect("status", 200, response.status().as_u16().into())?;
            let answered_for = format!("\"location\":\"{}\"", ids[location]);
            if !String::from_utf8_lossy(response.body()).contains(&answered_for) {
                return Err(format!("a call for {} was answered for another", ids[location]).into());
            }
        }
    }
    Ok(())
}

fn counts(emulator: &Mutex<Emulator>) -> location_auth::emulator::Counts {
    emulator.lock().expect("no thread panics").counts()
}

fn expect(what: &str, wanted: usize, counted: u64) -> Result<(), Box<dyn Error>> {
    if counted == wanted as u64 {
        return Ok(());
    }
    Err(format!("{what}: {counted} instead of {wanted}").into())
}
