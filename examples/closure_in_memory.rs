//! Over a pipe in memory: real HTTP, no socket. A closure gives one end to the client and serves the other.

mod support;

use std::error::Error;
use std::sync::{Arc, Mutex};

use hyper_util::rt::TokioIo;
use location_auth::transports::{hyper::Hyper, run_async};

fn main() -> Result<(), Box<dyn Error>> {
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    runtime.block_on(async {
        let emulator = Arc::new(Mutex::new(support::demo()));
        let transport = Hyper::new(|_| async {
            let (ours, theirs) = tokio::io::duplex(4096);
            tokio::spawn(support::converse(theirs, Arc::clone(&emulator)));
            Ok(TokioIo::new(ours))
        });
        let token = run_async(support::login("http://localhost")?, &transport).await?;
        println!("Logged in over a pipe: a token of {}", token.location());
        Ok(())
    })
}
