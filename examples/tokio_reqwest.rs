//! Many logins at once, as tasks on tokio's threads, over one reqwest client and its connections.

mod support;

use std::error::Error;
use std::sync::{Arc, Mutex};

use location_auth::transports::reqwest::Reqwest;
use location_auth::transports::run_async;

fn main() -> Result<(), Box<dyn Error>> {
    let address = support::serve(Arc::new(Mutex::new(support::demo())), 0)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(log_in(&format!("http://{address}")))
}

async fn log_in(base: &str) -> Result<(), Box<dyn Error>> {
    let transport = Reqwest::new()?;
    let mut tasks = vec![];
    for _ in 0..8 {
        let (login, transport) = (support::login(base)?, transport.clone());
        tasks.push(tokio::spawn(async move { run_async(login, &transport).await }));
    }
    for task in tasks {
        println!("A token of {}", task.await??.location());
    }
    Ok(())
}
