//! Many callers in one thread: an event loop of your own drives calls and renewals. The core decides, and the loop carries.
//!
//! ```sh
//! cargo run --example event_loop
//! ```

use std::collections::{HashMap, VecDeque};
use std::error::Error;
use std::time::{Duration, SystemTime};

use http::{Request, Response};
use location_auth::driver::{Acquiring, AwaitTurn, Call, CallFailure, Next, SendToken, SentCall, Turn, WaitingCall};
use location_auth::store::Stored;
use location_auth::{App, Bytes, Environment, Owner, SavedToken, Session, Settings};

type Waiting = WaitingCall<Bytes, Vec<u8>>;
type Answer = Result<Response<Vec<u8>>, CallFailure<Vec<u8>>>;

/// One session for each Location: a second one would request tokens of its own.
struct Loop {
    session: Session,
    owner: Owner,
    /// Requests that the network is to send, each with its caller.
    outbox: Vec<(u32, Request<Bytes>)>,
    in_flight: HashMap<u32, InFlight>,
    /// A turn makes callers that need the same token wait for one request, and for its result. Who has it keeps it until `holds` is false.
    turns: HashMap<Turn, u32>,
    queues: HashMap<Turn, VecDeque<(u32, AwaitTurn, Waiting)>>,
    store: Vec<SavedToken>,
    answers: Vec<(u32, Answer)>,
}

enum InFlight {
    Call(SentCall<Bytes>),
    Token(Box<(SendToken, Waiting)>),
}

impl Loop {
    fn call(&mut self, caller: u32, request: Request<Bytes>) -> Result<(), Box<dyn Error>> {
        let next = Call::new(request).start(&self.session);
        self.go_on(caller, next)
    }

    /// The network has a response. If it has none, drop the call and return its error; of a token request tell `SendToken::failed`.
    fn received(&mut self, caller: u32, response: Response<Vec<u8>>) -> Result<(), Box<dyn Error>> {
        match self.in_flight.remove(&caller).ok_or("nothing was sent")? {
            InFlight::Call(call) => {
                let next = call.received(response, &mut self.session)?;
                self.go_on(caller, next)
            }
            InFlight::Token(token) => {
                let (token, call) = *token;
                let next = token.received(&response, &mut self.session, &mut self.owner, now()?);
                self.renew(caller, next, call)
            }
        }
    }

    fn go_on(&mut self, caller: u32, next: Next<Bytes, Vec<u8>>) -> Result<(), Box<dyn Error>> {
        match next {
            Next::Send(call) => {
                let (request, call) = call.authorize(&self.session)?;
                self.in_flight.insert(caller, InFlight::Call(call));
                self.outbox.push((caller, request));
            }
            Next::Acquire(renewal, call) => {
                let next = renewal.start(&mut self.session, &mut self.owner, now()?);
                self.renew(caller, next, call)?;
            }
            Next::Done(answer) => self.answers.push((caller, answer)),
        }
        Ok(())
    }

    fn renew(&mut self, caller: u32, next: Acquiring, call: Waiting) -> Result<(), Box<dyn Error>> {
        self.turns.retain(|turn, holder| *holder != caller || next.holds(*turn));
        match next {
            Acquiring::AwaitTurn(waiting) => {
                self.queues.entry(waiting.turn()).or_default().push_back((caller, waiting, call));
            }
            Acquiring::SendToken(token) => {
                self.outbox.push((caller, token.request()));
                self.in_flight.insert(caller, InFlight::Token(Box::new((token, call))));
            }
            // This program is alone, so that it needs no turns of a store.
            Acquiring::OpenRecord(open) => {
                let next = open.opened(Stored::SavesOnly, &mut self.session, &mut self.owner, now()?);
                self.renew(caller, next, call)?;
            }
            Acquiring::WriteRecord(write) => {
                // A secret: it goes into a file that only its owner can read, or into a secret store.
                self.store.extend(write.record().new_token().cloned());
                let next = write.written(&mut self.session, &mut self.owner, now()?);
                self.renew(caller, next, call)?;
            }
            Acquiring::Done(result) => self.go_on(caller, call.acquired(result).into())?,
        }
        for turn in [Turn::Location, Turn::Owner] {
            let queue = self.queues.entry(turn).or_default();
            if self.turns.contains_key(&turn) {
                continue;
            }
            if let Some((caller, waiting, call)) = queue.pop_front() {
                self.turns.insert(turn, caller);
                let next = waiting.granted(&mut self.session, &mut self.owner, now()?);
                self.renew(caller, next, call)?;
            }
        }
        Ok(())
    }
}

fn now() -> Result<Duration, Box<dyn Error>> {
    Ok(SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?)
}

fn main() -> Result<(), Box<dyn Error>> {
    let app = App::new(
        Settings::new(Environment::Staging)
            .user_token_url("https://api.example.com/user_token")
            .location_token_url("https://api.example.com/locations/{location_id}/token")
            .api_key("k-12")
            .client_id("c-34")
            .client_secret("s-56"),
    )?;
    let mut owner = Owner::new(&app);
    owner.set_login(app.user_login("owner@example.com", "hunter2")?)?;
    let mut program = Loop {
        session: app.location("loc-1")?.session(),
        owner,
        outbox: vec![],
        in_flight: HashMap::new(),
        turns: HashMap::new(),
        queues: HashMap::new(),
        store: vec![],
        answers: vec![],
    };
    for caller in 0..20 {
        program.call(caller, Request::get("https://api.example.com/contacts").body(Bytes::new())?)?;
    }
    let mut sent = HashMap::<String, u32>::new();
    while let Some((caller, request)) = program.outbox.pop() {
        *sent.entry(request.uri().path().to_owned()).or_default() += 1;
        program.received(caller, service(&request))?;
    }
    assert_eq!((sent["/user_token"], sent["/locations/loc-1/token"], sent["/contacts"]), (1, 1, 20));
    assert!(program.answers.len() == 20 && program.answers.iter().all(|(_, answer)| answer.is_ok()));
    println!("{} calls, {} tokens saved", program.answers.len(), program.store.len());
    Ok(())
}

/// In place of a network.
fn service(request: &Request<Bytes>) -> Response<Vec<u8>> {
    Response::new(match request.uri().path() {
        "/user_token" => br#"{"access_token": "u-1"}"#.to_vec(),
        "/locations/loc-1/token" => br#"{"access_token": "l-1"}"#.to_vec(),
        _ => b"[]".to_vec(),
    })
}
