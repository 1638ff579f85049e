//! What is sent again and what is not: at a service that throttles, and over a network that loses a response.

mod support;

use std::cell::{Cell, RefCell};
use std::error::Error;
use std::io;
use std::time::Duration;

use http::Request;
use location_auth::emulator::Condition;
use location_auth::transports::client::Client;
use location_auth::transports::{run, run_with_retries};
use location_auth::{Backoff, Bytes, Session};

fn main() -> Result<(), Box<dyn Error>> {
    let app = support::app("https://api.example.com")?;
    let emulator = RefCell::new(support::demo());
    let is_lossy = Cell::new(false);
    let transport = |request: Request<Bytes>, _limit| {
        let mut emulator = emulator.borrow_mut();
        // It throttles each second request, and asks for a second's wait.
        let throttles = !is_lossy.get() && emulator.counts().requests % 2 == 0;
        emulator.set_condition(if throttles { Condition::Throttling(Some(1)) } else { Condition::Up });
        let response = emulator.handle(request);
        if is_lossy.take() { Err(io::Error::other("the connection was cut")) } else { Ok(response) }
    };

    println!("The service throttles a login:");
    let login = app.location(support::LOCATION_ID)?.login(support::EMAIL, support::PASSWORD)?;
    let token = run_with_retries(login, &transport, Backoff::default(), wait)?;
    println!("  a token of {}", token.location());

    println!("It throttles a call:");
    let client = Client::new(Session::for_location(&app, token)?, &transport);
    let call = Request::get(format!("https://api.example.com{}", support::GUARDED_PATH)).body(())?;
    let response = client.call_with_retries(call, Backoff::default(), wait)?;
    println!("  {}", response.status());

    println!("The network loses the response to a login:");
    is_lossy.set(true);
    let login = app.location(support::LOCATION_ID)?.login(support::EMAIL, support::PASSWORD)?;
    let Err(stopped) = run_with_retries(login, &transport, Backoff::default(), wait) else {
        return Err("the answer was not lost".into());
    };
    println!("  {stopped}");
    println!("  may it be sent again? {:?}", stopped.retry());
    println!("The program decides to log in all the same:");
    let token = run_with_retries(stopped.flow, &transport, Backoff::default(), wait)?;
    println!("  a token of {}", token.location());
    let counts = emulator.borrow().counts();
    println!("{} user tokens issued, of which the program has seen 2.", counts.user_tokens);

    println!("A login without retries:");
    let login = app.location(support::LOCATION_ID)?.login(support::EMAIL, support::PASSWORD)?;
    if let Err(stopped) = run(login, &transport) {
        println!("  {stopped}");
    }
    Ok(())
}

fn wait(wait: Duration) {
    println!("  waiting {} s", wait.as_secs());
    std::thread::sleep(wait);
}
