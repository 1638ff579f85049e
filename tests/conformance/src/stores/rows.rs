//! The table of stores.

use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use location_auth::store::{Record, RecordKey, Stored};
use location_auth::transports::client::StoreError;
use location_auth::{Environment, LocationId};
use tokio::task::{JoinHandle, LocalSet, spawn_blocking, spawn_local};
use tokio::time::{sleep, timeout};

use super::child::Other;
use super::records::{key, large, record, step};
use super::run::on_tokio;
use super::{AnyTurn, Place, Store, Subject};

/// One thing that every store must do.
pub struct Row {
    pub name: &'static str,
    /// Panics where the store does not.
    pub(super) rule: fn(Subject, Place) -> Rule,
}

type Rule = Pin<Box<dyn Future<Output = ()>>>;

macro_rules! rows {
    ($($name:literal: $rule:ident,)*) => {
        /// The table, each row once.
        pub const ROWS: &[Row] = &[$(Row { name: $name, rule: |subject, place| Box::pin($rule(subject, place)) },)*];
    };
}

rows! {
    "a record comes back byte for byte, with members that nobody knows": comes_back,
    "a record with the longest token comes back": large_record,
    "a turn that is dropped passes on": dropped_turn,
    "a turn is one caller's among threads": threads,
    "a turn is one caller's among tasks of one thread": tasks,
    "a turn is one caller's among processes": processes,
    "a wait for a turn ends at its limit": limit,
    "a waiter that is dropped takes no turn later": dropped_waiter,
    "a holder that is killed frees its turn, and what it wrote stays": killed,
    "a holder that is suspended costs others their limit and no more": suspended,
    "a write under a lost turn fails": lost,
    "a record that was removed is none, and can be written again": removed,
    "odd ids are keys of their own": odd_ids,
    "two owners of one database share nothing": owners,
    "two environments of one owner share nothing": environments,
    "8 callers of 300 keys end": many_keys,
}

impl Store {
    /// Waits for the turn of a key.
    pub(super) async fn turn<'a>(&'a self, key: &'a RecordKey) -> Result<Held<'a>, StoreError> {
        let (turn, stored) = self.0.open(key).await?;
        let Stored::Record(text) = stored else { panic!("the store gives turns, and so it keeps records") };
        Ok(Held { store: self, key, turn, text })
    }

    async fn step(&self, key: &RecordKey) -> u64 {
        self.turn(key).await.expect("the turn is free").step()
    }

    async fn put(&self, key: &RecordKey, step: u64) {
        self.turn(key).await.expect("the turn is free").write(step).await.expect("a write in a turn succeeds");
    }

    /// Adds one to the step so many times, each time in a turn.
    pub(super) async fn count(&self, key: &RecordKey, times: u64) {
        for _ in 0..times {
            let mut held = self.turn(key).await.expect("a turn comes before the limit");
            let before = held.step();
            // Time for another caller to come in between, if that is possible.
            sleep(Duration::from_millis(1)).await;
            held.write(before + 1).await.expect("a write in a turn succeeds");
        }
    }

    async fn keys(&self) -> Vec<RecordKey> {
        self.0.keys().await.expect("the keys can be listed")
    }
}

/// A turn, and the record that came with it.
pub(super) struct Held<'a> {
    store: &'a Store,
    key: &'a RecordKey,
    turn: AnyTurn,
    text: Option<Vec<u8>>,
}

impl Held<'_> {
    fn step(&self) -> u64 {
        step(self.text.as_deref())
    }

    pub(super) async fn write(&mut self, step: u64) -> Result<(), StoreError> {
        self.put(record(self.key, step)).await
    }

    async fn put(&mut self, record: Record) -> Result<(), StoreError> {
        self.store.0.write(&mut self.turn, record).await
    }
}

impl Subject {
    fn at(&self, place: &Place) -> Arc<Store> {
        Arc::new((self.store)(place))
    }

    /// As another process has it, and with little patience.
    fn impatient(&self, place: &Place) -> Arc<Store> {
        self.at(&Place { patience: SHORT, ..place.clone() })
    }
}

const SHORT: Duration = Duration::from_secs(1);
/// What an impatient caller may need on a slow machine.
const LATE: Duration = Duration::from_secs(10);

/// Another caller, on a thread of its own.
fn caller<F: Future>(call: impl FnOnce() -> F + Send + 'static) -> JoinHandle<F::Output>
where
    F::Output: Send + 'static,
{
    spawn_blocking(|| on_tokio(call()))
}

/// Waits for all, which run at once: the iterator makes each of them before the first is waited for.
async fn ended<T>(calls: impl IntoIterator<Item = JoinHandle<T>>) {
    let calls: Vec<_> = calls.into_iter().collect();
    for call in calls {
        if let Err(error) = call.await {
            std::panic::resume_unwind(error.into_panic());
        }
    }
}

async fn comes_back(subject: Subject, place: Place) {
    let (store, key) = (subject.at(&place), key("loc-1"));
    let mut held = store.turn(&key).await.expect("the turn is free");
    assert!(held.text.is_none(), "there is no record before the first write");
    // A turn writes twice: the count before the request, and then the token.
    for step in [1, 2] {
        held.write(step).await.expect("a write in a turn succeeds");
    }
    drop(held);
    for store in [&store, &subject.at(&place)] {
        let held = store.turn(&key).await.expect("the turn is free");
        let is_same = held.text.as_deref() == Some(record(&key, 2).expose_secret().as_bytes());
        assert!(is_same, "the next turn has what was written, byte for byte");
    }
}

async fn large_record(subject: Subject, place: Place) {
    let (store, key) = (subject.at(&place), key("loc-1"));
    let mut held = store.turn(&key).await.expect("the turn is free");
    held.put(large(&key)).await.expect("a large record is written");
    drop(held);
    let held = store.turn(&key).await.expect("the turn is free");
    let is_same = held.text.as_deref() == Some(large(&key).expose_secret().as_bytes());
    assert!(is_same, "a large record comes back byte for byte");
}

async fn dropped_turn(subject: Subject, place: Place) {
    let (store, key) = (subject.at(&place), key("loc-1"));
    store.put(&key, 1).await;
    drop(store.turn(&key).await.expect("a turn that is over is free"));
    let held = store.turn(&key).await.expect("a turn that ended without a write is free");
    assert_eq!(held.step(), 1, "a turn without a write changes nothing");
    let (other, same) = (subject.at(&place), key.clone());
    let waiting = caller(move || async move { other.step(&same).await });
    sleep(Duration::from_millis(300)).await;
    assert!(!waiting.is_finished(), "another caller waits while the turn is taken");
    drop(held);
    let step = timeout(LATE, waiting).await.expect("a waiting caller gets a turn that was dropped, soon");
    assert_eq!(step.expect("the caller gets it before its limit"), 1);
}

async fn threads(subject: Subject, place: Place) {
    let (store, key) = (subject.at(&place), key("loc-1"));
    ended((0..4).map(|_| {
        let (store, key) = (Arc::clone(&store), key.clone());
        caller(move || async move { store.count(&key, 10).await })
    }))
    .await;
    assert_eq!(store.step(&key).await, 40, "no turn of four threads came between another's");
}

/// For async stores: a caller that waits lets the others go on.
async fn tasks(subject: Subject, place: Place) {
    let (store, key) = (subject.at(&place), key("loc-1"));
    if store.0.blocks() {
        return;
    }
    let on_one_thread = LocalSet::new();
    let all = on_one_thread.run_until(async {
        let tasks = (0..4).map(|_| {
            let (store, key) = (Arc::clone(&store), key.clone());
            spawn_local(async move { store.count(&key, 10).await })
        });
        ended(tasks).await;
    });
    all.await;
    assert_eq!(store.step(&key).await, 40, "no turn of four tasks came between another's");
}

async fn processes(subject: Subject, place: Place) {
    let (store, key) = (subject.at(&place), key("loc-1"));
    let others = [(); 3].map(|()| Other::counting(&subject, &place, &key, 10));
    store.count(&key, 10).await;
    others.into_iter().for_each(Other::end);
    assert_eq!(store.step(&key).await, 40, "no turn of four processes came between another's");
}

async fn limit(subject: Subject, place: Place) {
    let (store, other, key) = (subject.at(&place), subject.impatient(&place), key("loc-1"));
    store.put(&key, 1).await;
    let held = store.turn(&key).await.expect("the turn is free");
    let begin = Instant::now();
    let error = other.turn(&key).await.err().expect("a turn that another caller has is an error after the limit");
    let waited = begin.elapsed();
    assert!(waited > SHORT / 2 && waited < LATE, "the limit is {SHORT:?}, and the wait was {waited:?}");
    assert!(!error.to_string().contains("LocationToken-1"), "the error shows no token");
    drop(held);
    assert_eq!(other.step(&key).await, 1, "the caller that had waited gets the turn later");
}

/// For async stores: a call that is given up has no turn.
async fn dropped_waiter(subject: Subject, place: Place) {
    let (store, key) = (subject.at(&place), key("loc-1"));
    if store.0.blocks() {
        return;
    }
    let held = store.turn(&key).await.expect("the turn is free");
    let other = subject.at(&place);
    for store in [&other, &other, &store, &store] {
        let waiting = timeout(Duration::from_millis(200), store.turn(&key)).await;
        assert!(waiting.is_err(), "another caller waits while the turn is taken");
    }
    drop(held);
    // Whoever waits in secret has time to take it.
    sleep(Duration::from_millis(500)).await;
    for store in [&other, &store, &subject.impatient(&place)] {
        let step = timeout(LATE, store.step(&key)).await;
        assert_eq!(step, Ok(0), "the turn is free when those who waited were dropped");
    }
}

async fn killed(subject: Subject, place: Place) {
    let (store, key) = (subject.at(&place), key("loc-1"));
    let mut holder = Other::holding(&subject, &place, &key);
    let (other, same) = (Arc::clone(&store), key.clone());
    let waiting = caller(move || async move { other.step(&same).await });
    sleep(Duration::from_millis(300)).await;
    assert!(!waiting.is_finished(), "a caller waits while another process has the turn");
    holder.kill();
    let step = timeout(LATE, waiting).await.expect("a waiting caller gets the turn of a process that died, soon");
    assert_eq!(step.expect("the caller gets it before its limit"), 1, "what the process wrote is there");
}

async fn suspended(subject: Subject, place: Place) {
    // Other systems have no signal that stops a process.
    #[cfg(unix)]
    {
        let (other, key) = (subject.impatient(&place), key("loc-1"));
        let mut holder = Other::holding(&subject, &place, &key);
        holder.signal("-STOP");
        let begin = Instant::now();
        let outcome = other.turn(&key).await.map(|held| held.step());
        assert!(begin.elapsed() < LATE, "the limit is {SHORT:?}, and the wait was {:?}", begin.elapsed());
        assert_eq!(other.step(&super::records::key("loc-2")).await, 0, "another key is free");
        holder.signal("-CONT");
        let has_written = holder.go_on();
        holder.end();
        let step = subject.at(&place).step(&key).await;
        assert_eq!(step, if has_written { 2 } else { 1 }, "a write is there if and only if it succeeded");
        assert!(outcome.is_err() || !has_written, "the turn was another caller's, and its holder wrote all the same");
    }
    #[cfg(not(unix))]
    drop((subject, place));
}

async fn lost(subject: Subject, place: Place) {
    let Some(loss) = subject.loss else { return };
    let (store, other, key) = (subject.at(&place), subject.at(&place), key("loc-1"));
    let mut held = store.turn(&key).await.expect("the turn is free");
    held.write(1).await.expect("a write in a turn succeeds");
    loss(&place, &key);
    assert!(held.write(2).await.is_err(), "a write under a lost turn fails");
    drop(held);
    assert_eq!(store.step(&key).await, 1, "a write that failed changes nothing, and the store can be used again");
    let mut held = store.turn(&key).await.expect("the turn is free");
    loss(&place, &key);
    let mut newer = other.turn(&key).await.expect("a turn that was lost is free");
    newer.write(5).await.expect("a write in a turn succeeds");
    assert!(held.write(2).await.is_err(), "a write under a lost turn fails while another caller has it");
    drop(held);
    newer.write(6).await.expect("a turn that others lose stays");
    drop(newer);
    assert_eq!(store.step(&key).await, 6, "what the new holder wrote is there");
}

async fn removed(subject: Subject, place: Place) {
    let Some(removal) = subject.removal else { return };
    let (store, key) = (subject.at(&place), key("loc-1"));
    store.put(&key, 1).await;
    removal(&place, &key);
    assert_eq!(store.step(&key).await, 0, "a record that was removed is none");
    assert_eq!(store.keys().await, [], "a record that was removed has no key");
    store.put(&key, 2).await;
    let mut held = store.turn(&key).await.expect("the turn is free");
    assert_eq!(held.step(), 2, "a record can be written again");
    removal(&place, &key);
    let written = held.write(3).await.is_ok();
    drop(held);
    let expected = if written { 3 } else { 0 };
    assert_eq!(store.step(&key).await, expected, "a write after a removal is there if and only if it succeeded");
}

async fn odd_ids(subject: Subject, place: Place) {
    let (long, longer) = ("a".repeat(150), "a".repeat(149) + "b");
    let ids = [
        "A",
        "a",
        "Loc-1",
        "loc-1",
        "/",
        "a/b",
        "a//b",
        "../a",
        "...",
        "a..",
        ".a",
        "a.",
        " ",
        " a",
        "a ",
        "%2F",
        "%",
        "_",
        "a_b",
        "axb",
        "a%62",
        "*",
        "?",
        "CON",
        "nul.txt",
        "salon:1",
        r#"<"|>"#,
        r"a\b",
        "'; DROP TABLE tokens; --",
        "$1",
        "owner",
        "location",
        "location/loc-1",
        "\u{e9}",
        "e\u{301}",
        "ß",
        "ss",
        "İ",
        "i",
        "ı",
        "салон",
        "サロン",
        "🚗",
        &long,
        &longer,
    ];
    let (store, keys) = (subject.at(&place), ids.map(key));
    for (step, key) in (1..).zip(&keys) {
        store.put(key, step).await;
    }
    let owner = RecordKey::new(Environment::Staging, None);
    assert_eq!(store.step(&owner).await, 0, "no Location's record is the owner's");
    let listed = store.keys().await;
    for (step, key) in (1..).zip(&keys) {
        assert_eq!(store.step(key).await, step, "the record of {key} is its own");
        assert_eq!(listed.iter().filter(|listed| *listed == key).count(), 1, "{key} is listed once");
    }
    assert!(listed.iter().all(|listed| *listed == owner || keys.contains(listed)), "no other key is listed");
}

async fn owners(subject: Subject, place: Place) {
    let key = key("loc-1");
    let store = subject.at(&place);
    store.put(&key, 1).await;
    let held = store.turn(&key).await.expect("the turn is free");
    // One is the beginning of another.
    for owner in ["fir", "firsts", "second"] {
        let other = Place { owner: owner.into(), patience: Duration::from_secs(5), ..place.clone() };
        let other = subject.at(&other);
        let mut turn = other.turn(&key).await.expect("another owner's turn is free");
        assert_eq!(turn.step(), 0, "another owner has no record");
        turn.write(2).await.expect("a write in a turn succeeds");
        drop(turn);
        assert_eq!(other.keys().await, std::slice::from_ref(&key), "the keys are those of the owner");
    }
    drop(held);
    assert_eq!(store.step(&key).await, 1, "another owner changed nothing");
    assert_eq!(store.keys().await, [key], "the keys are those of the owner");
}

async fn environments(subject: Subject, place: Place) {
    let store = subject.at(&place);
    let id = LocationId::new("owner").expect("is an id");
    let environments = [Environment::Staging, Environment::Production];
    let keys = environments.map(|environment| [None, Some(&id)].map(|id| RecordKey::new(environment, id)));
    for (step, key) in (1..).zip(keys.as_flattened()) {
        assert_eq!(store.step(key).await, 0, "{key} has no record of another key");
        store.put(key, step).await;
    }
    for (step, key) in (1..).zip(keys.as_flattened()) {
        assert_eq!(store.step(key).await, step, "the record of {key} is its own");
    }
}

async fn many_keys(subject: Subject, place: Place) {
    let store = subject.at(&place);
    let keys: Arc<Vec<_>> = Arc::new((0..300).map(|number| key(&format!("loc-{number}"))).collect());
    ended((0..8).map(|caller_number| {
        let (store, keys) = (Arc::clone(&store), Arc::clone(&keys));
        caller(move || async move {
            // Each key is two callers' work, at about the same time.
            for key in keys.iter().enumerate().filter(|(at, _)| at % 4 == caller_number / 2).map(|(_, key)| key) {
                store.count(key, 1).await;
            }
        })
    }))
    .await;
    for key in &*keys {
        assert_eq!(store.step(key).await, 2, "{key} was written by two callers");
    }
    assert_eq!(store.keys().await.len(), 300, "each key is listed once");
}
