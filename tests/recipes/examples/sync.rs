//! A sync: all contacts of thirty Locations page by page, and a file up for each. In the middle the service throttles, and the tokens of ten
//! Locations are revoked. It ends with an error unless each page and each file arrived once.

#[path = "sync/service.rs"]
mod service;

use std::error::Error;
use std::fs::File;
use std::io::Write;
use std::thread::sleep;

use http::{Request, Response};
use location_auth::driver::Call;
use location_auth::transports::client::{Client, NoStore};
use location_auth::transports::run;
use location_auth::transports::ureq::Ureq;
use location_auth::{App, Backoff, LocationAccessToken, Misuse, Owner, Session, UserAccessToken};
use serde::Deserialize;
use service::Service;

fn main() -> Result<(), Box<dyn Error>> {
    let service = Service::start()?;
    let user = run(service.app.user_login(service::EMAIL, service::PASSWORD)?, &Ureq::new())?;
    let mut tokens = Vec::new();
    for id in service::locations() {
        tokens.push(run(service.app.location(&id)?.exchange(&user)?, &Ureq::new())?);
    }
    let mut file = tempfile::NamedTempFile::new()?;
    file.write_all(&vec![b'x'; service::FILE])?;
    let contacts = sync(&service.app, user, tokens, &service.base, &|| File::open(file.path()))?;
    println!("{contacts} contacts read");
    service.report()
}

#[derive(Deserialize)]
struct Page {
    contacts: Vec<String>,
    next: Option<String>,
}

/// How many contacts all these Locations have. `file` is opened for each upload, and again where one has to be repeated.
fn sync(
    app: &App,
    user: UserAccessToken,
    tokens: Vec<LocationAccessToken>,
    base: &str,
    file: &dyn Fn() -> Result<File, std::io::Error>,
) -> Result<usize, Box<dyn Error>> {
    let mut owner = Owner::new(app);
    owner.set_user_token(user)?;
    let sessions = tokens.into_iter().map(|token| Session::for_location(app, token));
    let sessions = sessions.collect::<Result<Vec<_>, Misuse>>()?;
    // A real program has a store: the example `keep_token` shows one.
    let clients = Client::with_owner(Session::without_token(app), owner, Ureq::new(), NoStore);
    let mut contacts = 0;
    for client in sessions.into_iter().map(|session| clients.for_session(session)) {
        let id = client.location().ok_or("a Location's token")?;
        let of_location = format!("{base}/locations/{}", id.percent_encoded());
        let mut next = Some(format!("{of_location}/contacts"));
        while let Some(url) = next {
            let page = client.call_with_retries(Request::get(url).body(())?, Backoff::default(), sleep)?;
            let page: Page = serde_json::from_slice(succeeded(page)?.body())?;
            contacts += page.contacts.len();
            next = page.next.map(|path| format!("{base}{path}"));
        }
        let upload = || Ok::<_, Box<dyn Error>>(Request::put(format!("{of_location}/file")).body(file()?)?);
        let upload = Call::repeating(upload()?, Some(upload()?));
        succeeded(client.call_with(upload, |request| client.transport().run(request))?)?;
    }
    Ok(contacts)
}

fn succeeded<B>(response: Response<B>) -> Result<Response<B>, Box<dyn Error>> {
    if response.status().is_success() { Ok(response) } else { Err(response.status().to_string().into()) }
}
