//! A thousand processes share one owner's ten Locations and one store: what a revocation costs does not depend on how many they are.
#![cfg(all(feature = "client", feature = "testing"))]

mod support;

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use http::Request;
use location_auth::emulator::{Access, Emulator};
use location_auth::store::{Record, RecordKey, Stored};
use location_auth::testing::Network;
use location_auth::transports::client::{AsyncClient, AsyncTokenStore, StoreError};
use location_auth::transports::{AsyncTransport, Transport};
use location_auth::{App, Owner};
use support::settings::{API_KEY, CLIENT_ID, CLIENT_SECRET};
use support::{EMAIL, PASSWORD};
use tokio::sync::{Mutex, OwnedMutexGuard};

const LOCATIONS: usize = 10;

thread_local! {
    static NOW: Cell<Duration> = const { Cell::new(Duration::ZERO) };
}

type Shared = Arc<Mutex<Option<Vec<u8>>>>;
type Revocation = (&'static str, fn(&mut Emulator));

/// A database that all processes share. Each of its operations takes 2 ms.
struct Database<'a, T> {
    network: &'a Network<T>,
    records: RefCell<HashMap<RecordKey, Shared>>,
    writes: RefCell<usize>,
}

impl<T: Transport> AsyncTokenStore for &Database<'_, T> {
    type Turn = OwnedMutexGuard<Option<Vec<u8>>>;

    async fn open(&self, key: RecordKey) -> Result<(Self::Turn, Stored), StoreError> {
        let record = Arc::clone(self.records.borrow_mut().entry(key).or_default());
        let turn = record.lock_owned().await;
        self.network.sleep(Duration::from_millis(2)).await;
        let stored = Stored::Record(turn.clone());
        Ok((turn, stored))
    }

    async fn write(&self, turn: &mut Self::Turn, record: Record) -> Result<(), StoreError> {
        self.network.sleep(Duration::from_millis(2)).await;
        *self.writes.borrow_mut() += 1;
        **turn = Some(record.expose_secret().into());
        Ok(())
    }
}

fn id(location: usize) -> String {
    format!("loc-{location}")
}

/// Tokens issued (users' and Locations'), and what it cost: turns, writes, and virtual seconds until all calls are answered.
fn revoked(processes: usize) -> Vec<String> {
    let mut emulator = Emulator::new(API_KEY, CLIENT_ID, CLIENT_SECRET);
    emulator.owner(EMAIL, PASSWORD).add_route("/locations/{location_id}/contacts", Access::Location);
    for location in 0..LOCATIONS {
        emulator.location(&id(location), EMAIL);
    }
    let emulator = RefCell::new(emulator);
    let network = Network::new(1, |request, _| Ok::<_, Infallible>(emulator.borrow_mut().handle(request)));
    let database = Database { network: &network, records: RefCell::default(), writes: RefCell::default() };
    let app = support::app();
    let clients: Vec<_> = (0..processes).map(|_| process(&app, &network, &database)).collect();
    let mut lines = vec![];
    let revocations: [Revocation; 3] = [
        ("the first start", |_| {}),
        ("the Locations' tokens are revoked", |emulator| {
            for location in 0..LOCATIONS {
                emulator.revoke_location(&id(location));
            }
        }),
        ("all tokens are revoked", |emulator| {
            emulator.revoke_owner(EMAIL);
            for location in 0..LOCATIONS {
                emulator.revoke_location(&id(location));
            }
        }),
    ];
    for (what, revoke) in revocations {
        revoke(&mut emulator.borrow_mut());
        NOW.set(NOW.get() + Duration::from_secs(60 * 60));
        let count = || {
            let counts = emulator.borrow().counts();
            let turns: u64 = clients.iter().map(|clients| clients[0].counts().turns).sum();
            (counts.user_tokens, counts.location_tokens, turns, *database.writes.borrow(), network.now())
        };
        let before = count();
        network.run_all(clients.iter().map(|clients| async move {
            for client in clients {
                let url = format!("https://api.example.com/locations/{}/contacts", client.location().unwrap());
                let call = Request::get(url).body(()).unwrap();
                assert_eq!(client.call(call).await.unwrap().status(), 200);
            }
        }));
        let after = count();
        assert_eq!(after.1 - before.1, LOCATIONS as u64, "{processes} processes, {what}");
        assert_eq!(after.0 - before.0, u64::from(!what.starts_with("the L")), "{processes} processes, {what}");
        let (turns, writes, time) = (after.2 - before.2, after.3 - before.3, after.4 - before.4);
        lines.push(format!("{processes} processes, {what}: {turns} turns, {writes} writes, {time:?}"));
    }
    lines
}

/// The clients of one process: it has the login, and no token.
fn process<'a, T: Transport>(
    app: &App,
    network: &'a Network<T>,
    database: &'a Database<'a, T>,
) -> Vec<AsyncClient<Network<T>, &'a Database<'a, T>>>
where
    Network<T>: AsyncTransport,
{
    let mut owner = Owner::new(app);
    owner.set_login(app.user_login(EMAIL, PASSWORD).unwrap()).unwrap();
    let session = |location| app.location(&id(location)).unwrap().session();
    let first = AsyncClient::with_owner(session(0), owner, network.clone(), database).with_clock(|| NOW.get());
    let others: Vec<_> = (1..LOCATIONS).map(|location| first.for_session(session(location))).collect();
    [first].into_iter().chain(others).collect()
}

/// `--nocapture` shows what the store does meanwhile.
#[test]
fn a_revocation_costs_one_login_and_ten_exchanges_however_many_processes_there_are() {
    for processes in [1, 10, 1000] {
        for line in revoked(processes) {
            println!("{line}");
        }
    }
}
