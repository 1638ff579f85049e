//! Three hundred Locations in one go: a chain's two hundred by one user login, a hundred owners of one each by their own, at a service that
//! throttles, with one password wrong and one Location that the service does not know.

#[path = "support/refusals.rs"]
mod refusals;
mod support;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::error::Error;

use location_auth::emulator::{Condition, Emulator};
use location_auth::transports::{RunError, Transport, run_with_retries};
use location_auth::{App, Backoff, Flow, SavedToken};
use refusals::Refusals;

struct Owner {
    email: String,
    password: String,
    locations: Vec<String>,
}

/// In a real program: the secret store, or files as the example `keep_token` writes them.
#[derive(Default)]
struct Kept {
    /// By email: what renews a Location's token later, with no password.
    owners: BTreeMap<String, SavedToken>,
    /// By Location.
    locations: BTreeMap<String, SavedToken>,
}

fn main() -> Result<(), Box<dyn Error>> {
    let owners: Vec<_> = (0..101)
        .map(|number| {
            let locations = if number == 0 { 0..200 } else { 199 + number..200 + number };
            Owner {
                email: format!("owner-{number}@example.com"),
                password: support::PASSWORD.into(),
                locations: locations.map(|number| format!("loc-{number}")).collect(),
            }
        })
        .collect();
    let emulator = RefCell::new(service(&owners));
    let transport = |request, _limit| {
        let emulator = &mut *emulator.borrow_mut();
        // It turns away each hundredth request, and asks to wait a second.
        let throttles = (emulator.counts().requests + 1) % 100 == 0;
        emulator.set_condition(if throttles { Condition::Throttling(Some(1)) } else { Condition::Up });
        Ok::<_, Infallible>(emulator.handle(request))
    };
    let app = support::app("https://api.example.com")?;

    emulator.borrow_mut().owner("owner-42@example.com", "changed since");
    let mut kept = Kept::default();
    for round in ["First", "With owner 42's right password"] {
        onboard(&app, &owners, &transport, &mut kept)?;
        let counts = emulator.borrow().counts();
        let (users, locations) = (counts.user_tokens, counts.location_tokens);
        println!(
            "{round}: {} tokens kept; {users} user logins, {locations} Location tokens issued so far.",
            kept.locations.len()
        );
        emulator.borrow_mut().owner("owner-42@example.com", support::PASSWORD);
    }
    Ok(())
}

/// Gets a token for each Location that has none. It prints a refusal and goes on. It stops at the third equal one in a row.
fn onboard<T>(app: &App, owners: &[Owner], transport: &T, kept: &mut Kept) -> Result<(), Box<dyn Error>>
where
    T: Transport<Error: Error + 'static>,
{
    let mut refusals = Refusals::default();
    for owner in owners {
        let missing: Vec<_> = owner.locations.iter().filter(|id| !kept.locations.contains_key(*id)).collect();
        if missing.is_empty() {
            continue; // a User Access Token lives for ever: get none that is not needed
        }
        let user = match kept.owners.get(&owner.email) {
            Some(user) => user.clone().try_into()?,
            None => match patiently(app.user_login(&owner.email, &owner.password)?, transport) {
                Ok(user) => {
                    kept.owners.insert(owner.email.clone(), SavedToken::from(&user)); // before its first use
                    user
                }
                Err(stopped) if refusals.pass_over(&stopped) => {
                    eprintln!("  so none for {:?}", missing);
                    continue;
                }
                Err(stopped) => return Err(stopped.into()),
            },
        };
        for id in missing {
            match patiently(app.location(id)?.exchange(&user)?, transport) {
                Ok(token) => {
                    kept.locations.insert(id.clone(), SavedToken::from(&token)); // before the next exchange
                    refusals.token();
                }
                Err(stopped) if refusals.pass_over(&stopped) => continue,
                Err(stopped) => return Err(stopped.into()),
            }
        }
    }
    Ok(())
}

/// At most four further tries in a login, after 1, 2, 4 and 8 s or what the service asks for. It gives up if that is over a minute.
fn patiently<F: Flow, T: Transport>(flow: F, transport: &T) -> Result<F::Output, RunError<F, T::Error>> {
    run_with_retries(flow, transport, Backoff::default(), |wait| {
        eprintln!("waiting {} s", wait.as_secs());
        std::thread::sleep(wait);
    })
}

fn service(owners: &[Owner]) -> Emulator {
    let mut emulator = Emulator::new(support::API_KEY, support::CLIENT_ID, support::CLIENT_SECRET);
    for owner in owners {
        emulator.owner(&owner.email, &owner.password);
        for id in owner.locations.iter().filter(|id| *id != "loc-13") {
            emulator.location(id, &owner.email);
        }
    }
    emulator
}
