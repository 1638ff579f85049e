//! One login. See `.ci/cost`.

use std::io::Read;

use location_auth::{App, Environment, Flow, Progress, Settings};

fn main() {
    let mut arguments = std::env::args().skip(1);
    let mut next = || arguments.next().expect("email, password, client id, client secret");
    let (email, password, client_id, client_secret) = (next(), next(), next(), next());
    let app = App::new(Settings::new(Environment::Staging).user_token_url("https://api.example.com/user_token").location_token_url("https://api.example.com/locations/{location_id}/token").api_key("k-12").client_id(&client_id).client_secret(&client_secret));
    let login = app.and_then(|app| app.user_login(&email, &password)).expect("good settings");
    let request = login.request();
    println!("{} {}\n{}", request.method(), request.uri(), String::from_utf8_lossy(request.body()));
    let mut body = Vec::new();
    std::io::stdin().read_to_end(&mut body).expect("a response");
    match login.receive(&http::Response::new(body)) {
        Ok(Progress::Done(token)) => println!("{}", token.expose_secret()),
        Ok(Progress::Next(_)) => unreachable!("one step"),
        Err(failed) => println!("{}", failed.error),
    }
}
