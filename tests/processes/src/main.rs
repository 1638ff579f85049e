//! Eight processes, with eight callers each, use the same 50 Locations of one owner, over HTTP and with one store. Half of them have no password.
//! They are killed, their store is stopped and their connections are cut, and each token that the service issued must be in the store or counted.
//!
//! What a renewal asks of the store, in the order of the steps. A turn brings its read:
//!
//! | renewal | turns with a read | writes |
//! | --- | --- | --- |
//! | another process has the token already | 1 | 0 |
//! | step 2 alone | 1 | 2: the count, the token |
//! | the same, once the token has helped; no call waits for it | 2 | 3: the count is zero |
//! | the User Access Token was refused: step 2, step 1, step 2 | 3: the Location, the owner, the Location | 6 at most |
//! | the same, once both have helped | 5 | 8 at most |
//!
//! With PostgreSQL on a socket of the same machine, a turn with its read takes some 10 ms on a busy machine, nearly all of it to connect, and a
//! write some 8 ms, nearly all of it for the disk. The first line that is printed has the times of yours. Step 2 alone costs its call one turn and
//! two writes, beside the token request's own time: the emulated service here takes 300 ms.

mod child;
#[path = "../../recipes/src/postgres.rs"]
mod postgres;
mod server;
mod service;

use std::collections::{BTreeMap, HashSet};
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime};
use std::{env, thread};

use child::{EMAIL, LOCATIONS};
use location_auth::Environment;
use location_auth::emulator::Emulator;
use location_auth::store::{Record, RecordKey};
use location_auth::transports::client::AsyncTokenStore;
use server::Server;
use service::{Read, Service};
use tokio::time::sleep;

const PROCESSES: usize = 8;
const KILLS: usize = 300;

fn main() {
    let arguments: Vec<_> = env::args().skip(1).collect();
    let [role, place] = &arguments[..] else {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        return runtime.block_on(postgres());
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let store = match &**role {
        "postgres" => postgres::Postgres::new(Server::config(place), "the-owner", Duration::from_secs(10), 4),
        other => panic!("{other} is no store"),
    };
    tokio::task::LocalSet::new().block_on(&runtime, child::run(store));
}

async fn postgres() {
    let server = Arc::new(Server::start());
    server.client().await.unwrap().batch_execute(postgres::TABLE).await.unwrap();
    let reading = Arc::clone(&server);
    let read: Read = Box::new(move |key| {
        let server = Arc::clone(&reading);
        Box::pin(async move {
            let query =
                "select convert_from(record, 'UTF8') from location_auth_records where owner = 'the-owner' and key = $1";
            server.client().await?.query_opt(query, &[&key]).await.ok()?.map(|row| row.get(0))
        })
    });
    cost(server.folder()).await;
    let mut fleet = Fleet::start("postgres", server.folder(), read).await;
    fleet.first_rounds().await;
    fleet.killed().await;

    server.control("stop");
    fleet.without_the_store().await;
    server.control("start");
    assert_eq!(fleet.round("PostgreSQL again", |_| {}).await, (0, OUTAGE as u64));

    let mut cut = 0;
    for _ in 0..40 {
        fleet.revoke_some();
        sleep(Duration::from_millis(fleet.random(40) as u64)).await;
        let query = "select count(pg_terminate_backend(pid)) from pg_stat_activity
            where backend_type = 'client backend' and application_name <> 'reader'";
        cut += server.client().await.unwrap().query_one(query, &[]).await.unwrap().get::<_, i64>(0);
    }
    println!("{cut} connections were cut");
    fleet.round("after the cuts", |_| {}).await;
    fleet.end().await;
    assert!(!server.log().contains("token-"), "the server's log has a token");
}

/// How long a turn with its read takes, and a write, when nobody else wants one.
async fn cost(place: &str) {
    let store = postgres::Postgres::new(Server::config(place), "nobody", Duration::from_secs(10), 1);
    let key = RecordKey::new(Environment::Staging, None);
    let mut times = [vec![], vec![]];
    for _ in 0..51 {
        let began = Instant::now();
        let (mut turn, _) = store.open(key.clone()).await.unwrap();
        times[0].push(began.elapsed());
        let began = Instant::now();
        store.write(&mut turn, Record::forgotten(&key)).await.unwrap();
        times[1].push(began.elapsed());
    }
    times.iter_mut().for_each(|times| times.sort());
    println!("a turn and its read take {:?}, a write {:?} (medians)", times[0][25], times[1][25]);
}

/// So many Locations are revoked while there is no store.
const OUTAGE: usize = 10;

struct Fleet {
    store: &'static str,
    place: String,
    service: Arc<Service>,
    children: Vec<Child>,
    /// What the processes have printed.
    lines: Arc<Mutex<Vec<(usize, String)>>>,
    starts: usize,
    killed: HashSet<usize>,
    /// Those that were killed with a request under way.
    midway: HashSet<usize>,
    which: Vec<usize>,
    began: Duration,
    seed: u64,
}

impl Fleet {
    async fn start(store: &'static str, place: &str, read: Read) -> Self {
        let mut fleet = Self {
            store,
            place: place.into(),
            service: Service::new(read),
            children: vec![],
            lines: Arc::default(),
            starts: 0,
            killed: HashSet::new(),
            midway: HashSet::new(),
            which: vec![0; PROCESSES],
            began: SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap(),
            seed: 1,
        };
        for process in 0..PROCESSES {
            let child = fleet.process(process).await;
            fleet.children.push(child);
        }
        fleet
    }

    async fn process(&mut self, process: usize) -> Child {
        let start = self.starts;
        (self.starts, self.which[process]) = (start + 1, start);
        // A file that is too large is an error, and no signal.
        let mut command = Command::new("sh");
        command.args(["-c", "trap '' XFSZ; exec \"$@\"", "sh"]).arg(env::current_exe().unwrap());
        command.args([self.store, &self.place]).env("START", self.began.as_millis().to_string());
        command.env("BASE", Arc::clone(&self.service).listen(process, start).await);
        if process < PROCESSES / 2 {
            command.env("LOGS_IN", "");
        }
        if process % 2 == 1 {
            command.env("SPAWNS", "");
        }
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let (output, lines) = (BufReader::new(child.stdout.take().unwrap()), Arc::clone(&self.lines));
        thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                lines.lock().unwrap().push((process, line));
            }
        });
        child
    }

    /// Waits until each process was answered for each Location, and returns how many tokens of users and Locations were issued meanwhile.
    async fn round(&self, what: &str, revoke: impl FnOnce(&mut Emulator)) -> (u64, u64) {
        let (began, before, requests) = {
            let mut state = self.service.state();
            let before = state.emulator.counts();
            revoke(&mut state.emulator);
            state.served.clear();
            (Instant::now(), before, state.requests.len())
        };
        while self.service.state().served.len() < PROCESSES * LOCATIONS {
            assert!(began.elapsed() < Duration::from_secs(200), "{what}: {:?}", self.errors());
            sleep(Duration::from_millis(10)).await;
        }
        let state = self.service.state();
        let after = state.emulator.counts();
        let issued = (after.user_tokens - before.user_tokens, after.location_tokens - before.location_tokens);
        println!(
            "{what}: {issued:?} tokens by {} requests in {:?}; errors {:?}",
            state.requests.len() - requests,
            began.elapsed(),
            self.errors()
        );
        issued
    }

    /// What kinds of errors the calls got since this was asked last.
    fn errors(&self) -> BTreeMap<String, usize> {
        let mut kinds = BTreeMap::new();
        for (_, line) in self.lines.lock().unwrap().drain(..) {
            assert!(!line.contains("token-"), "a line has a token: {line}");
            let kind = line.split(|c: char| !c.is_alphanumeric()).next().unwrap_or_default();
            *kinds.entry(kind.to_owned()).or_default() += 1;
        }
        kinds
    }

    async fn first_rounds(&self) {
        let all = LOCATIONS as u64;
        let locations =
            |emulator: &mut Emulator| (0..LOCATIONS).for_each(|n| _ = emulator.revoke_location(&format!("loc-{n}")));
        assert_eq!(self.round("first start", |_| {}).await, (1, all));
        assert_eq!(self.round("all Locations revoked", locations).await, (0, all));
        let both = |emulator: &mut Emulator| {
            locations(emulator);
            emulator.revoke_owner(EMAIL);
        };
        assert_eq!(self.round("the user token as well", both).await, (1, all));
    }

    fn random(&mut self, below: usize) -> usize {
        self.seed ^= self.seed << 13;
        self.seed ^= self.seed >> 7;
        self.seed ^= self.seed << 17;
        (self.seed >> 16) as usize % below
    }

    fn revoke_some(&mut self) {
        let some: Vec<_> = (0..=self.random(9)).map(|_| self.random(LOCATIONS)).collect();
        let also_owner = self.random(12) == 0;
        let mut state = self.service.state();
        some.iter().for_each(|n| _ = state.emulator.revoke_location(&format!("loc-{n}")));
        if also_owner {
            state.emulator.revoke_owner(EMAIL);
        }
    }

    async fn killed(&mut self) {
        for _ in 0..KILLS {
            self.revoke_some();
            sleep(Duration::from_millis(self.random(600) as u64)).await;
            let process = self.random(PROCESSES);
            self.children[process].kill().unwrap();
            self.children[process].wait().unwrap();
            let start = self.which[process];
            self.killed.insert(start);
            if self.service.state().requests.iter().any(|request| request.start == start && !request.is_answered) {
                self.midway.insert(start);
            }
            self.children[process] = self.process(process).await;
        }
        self.round("after the kills", |_| {}).await;
        self.reckon(&HashSet::new()).await;
    }

    async fn without_the_store(&mut self) {
        self.errors();
        let before = {
            let mut state = self.service.state();
            (0..OUTAGE).for_each(|n| _ = state.emulator.revoke_location(&format!("loc-{n}")));
            state.requests.len()
        };
        let began = Instant::now();
        while self.lines.lock().unwrap().iter().map(|(process, _)| process).collect::<HashSet<_>>().len() < PROCESSES {
            assert!(began.elapsed() < Duration::from_secs(100), "not all processes miss the store");
            sleep(Duration::from_millis(10)).await;
        }
        println!("one of the errors: {}", self.lines.lock().unwrap()[0].1);
        let errors = self.errors();
        println!("without the store: errors {errors:?}");
        assert!(errors.keys().all(|kind| kind == "Store"), "{errors:?}");
        assert_eq!(self.service.state().requests.len(), before, "a token request without the store");
    }

    /// Ends all processes, and starts them again: they need no new token.
    async fn end(&mut self) {
        self.errors();
        for mut child in std::mem::take(&mut self.children) {
            drop(child.stdin.take());
            assert!(child.wait().unwrap().success());
        }
        sleep(Duration::from_millis(200)).await;
        let last_words = std::mem::take(&mut *self.lines.lock().unwrap());
        let unsaved = last_words.into_iter().filter_map(|(_, line)| Some(line.strip_prefix("unsaved ")?.to_owned()));
        let unsaved: Vec<_> = unsaved.collect();
        println!("{} tokens are listed as unsaved or surplus", unsaved.len());
        let listed =
            unsaved.iter().map(|line| line.split('"').find(|word| word.contains("-token-")).unwrap().to_owned());
        self.reckon(&listed.collect()).await;
        for process in 0..PROCESSES {
            let child = self.process(process).await;
            self.children.push(child);
        }
        assert_eq!(self.round("started again", |_| {}).await, (0, 0));
    }

    /// Each token is in the store, is listed, or was counted.
    async fn reckon(&self, listed: &HashSet<String>) {
        let mut kept = listed.clone();
        let locations = (0..LOCATIONS).map(|n| format!("staging/location/loc-{n}"));
        for key in locations.chain(["staging/owner".into()]) {
            kept.extend(self.service.found(&key).await.and_then(|found| found.token));
        }
        let state = self.service.state();
        kept.extend(state.requests.iter().filter_map(|request| request.found.as_ref()?.token.clone()));
        let (mut midway, mut lost, mut unseen) = (self.midway.clone(), 0, 0);
        // For each key, when the last tokens that nobody has were requested, one after the other.
        let mut in_vain: BTreeMap<&str, Vec<u64>> = BTreeMap::new();
        for request in &state.requests {
            let times = in_vain.entry(&request.key).or_default();
            match &request.found {
                Some(found) => {
                    assert!(found.requests > 0, "a request of {} was not counted: {found:?}", request.key);
                    let is_counted = found.requests > times.len() as u64;
                    assert!(is_counted, "{}: {found:?} after those in vain at {times:?}", request.key);
                }
                None => unseen += 1,
            }
            let Some(token) = &request.issued else { continue };
            if kept.contains(token) {
                times.clear();
                continue;
            }
            lost += 1;
            assert!(self.killed.contains(&request.start), "a process that lives has lost {token}");
            midway.insert(request.start);
            let at = request.found.as_ref().map_or(0, |found| found.last);
            let is_after_a_pause = times.len() < 2 || at - times[times.len() - 1] >= 60;
            assert!(is_after_a_pause, "{}: {at} is too early after {times:?}", request.key);
            times.push(at);
        }
        assert!(midway.len() >= 50, "too few kills between the count and the write: {}", midway.len());
        println!(
            "{} of {} kills between the count and the write; {lost} of {} tokens are lost, and counted; {unseen} records were not read",
            midway.len(),
            self.killed.len(),
            state.requests.iter().filter(|request| request.issued.is_some()).count()
        );
    }
}

impl Drop for Fleet {
    fn drop(&mut self) {
        self.children.iter_mut().for_each(|child| drop(child.kill().and_then(|()| child.wait())));
    }
}
