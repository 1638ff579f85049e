//! Many logins at once, in one process: what each takes beside its strings, and whether the time for each stays the same.

use std::hint::black_box;
use std::time::Instant;

use location_auth::{Flow, LocationAccessToken, LocationLogin, Progress};

use crate::inputs::{EMAIL, LOCATION_TOKEN, PASSWORD, USER_TOKEN, location, token_response};
use crate::measure::{live_bytes, median};

pub const SIZES: [usize; 3] = [1, 1_000, 100_000];

pub struct InFlight {
    pub flows: usize,
    /// Of a flow, wherever it stands, beside the bytes of its strings. What the allocator itself adds is not in it.
    pub bytes: f64,
    pub nanoseconds: f64,
    /// Time for each flow, divided by that of a flow alone: the median of each round's ratio.
    pub to_alone: f64,
}

pub fn measure(rounds: usize) -> Vec<InFlight> {
    let mut bytes = [0.0_f64; SIZES.len()];
    let mut times = vec![Vec::with_capacity(rounds); SIZES.len()];
    for _ in 0..rounds {
        for (which, flows) in SIZES.into_iter().enumerate() {
            // As many flows altogether, whatever the number at once.
            let repeats = SIZES[SIZES.len() - 1] / flows;
            let mut nanoseconds = 0.0;
            for _ in 0..repeats {
                let run = run(flows);
                bytes[which] = bytes[which].max(run.0);
                nanoseconds += run.1;
            }
            times[which].push(nanoseconds / repeats as f64);
        }
    }
    let row = |which: usize| InFlight {
        flows: SIZES[which],
        bytes: bytes[which],
        nanoseconds: median(times[which].clone()),
        to_alone: median(times[which].iter().zip(&times[0]).map(|(many, alone)| many / alone).collect()),
    };
    (0..SIZES.len()).map(row).collect()
}

/// All start, all send, all receive, all send, all receive: no flow is dealt with while it is still in the cache.
fn run(flows: usize) -> (f64, f64) {
    let (location, first, second) = (location(), token_response(USER_TOKEN), token_response(LOCATION_TOKEN));
    let live = live_bytes();
    let start = Instant::now();

    let mut logins = Vec::with_capacity(flows);
    logins.extend((0..flows).map(|_| location.login(black_box(EMAIL), black_box(PASSWORD)).expect("good credentials")));
    let at_first = (live_bytes() - live) as f64 / flows as f64 - (EMAIL.len() + PASSWORD.len()) as f64;
    logins.iter().for_each(|login| drop(black_box(login.request())));
    let received = logins.into_iter().map(|login| match login.receive(&first) {
        Ok(Progress::Next(login)) => login,
        _ => unreachable!("two steps"),
    });
    let logins: Vec<LocationLogin> = received.collect();
    let at_second = (live_bytes() - live) as f64 / flows as f64 - USER_TOKEN.len() as f64;
    logins.iter().for_each(|login| drop(black_box(login.request())));
    for login in logins {
        let token: LocationAccessToken = match login.receive(&second) {
            Ok(Progress::Done(token)) => token,
            _ => unreachable!("two steps"),
        };
        black_box(token);
    }

    let nanoseconds = start.elapsed().as_nanos() as f64 / flows as f64;
    (at_first.max(at_second), nanoseconds)
}
