//! A call with a token that `login --save FILE` has kept: no password in sight.
//!
//! `cargo run --example call --features ureq-rustls,client -- FILE URL` makes one authorized `GET` and prints the response's body. The service's
//! side is set by the same variables as for `login`, without the owner's: see `app_settings` in `support/settings.rs`.

#[path = "support/settings.rs"]
mod settings;

use std::io::{self, Write};
use std::process::ExitCode;

use http::Request;
use location_auth::transports::client::Client;
use location_auth::transports::ureq::Ureq;
use location_auth::{Bytes, SavedToken, Session};
use settings::{APP_VARIABLES, Failure, app_settings, failed, require, wrong_settings};

fn main() -> ExitCode {
    match call() {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("call: {}", failure.line);
            ExitCode::from(failure.code)
        }
    }
}

fn call() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [file, url] = arguments.as_slice() else {
        return Err(wrong_settings("two arguments are wanted: the file of a saved token, and the URL to call"));
    };
    require(&APP_VARIABLES, "")?;
    let request = Request::get(url).body(Bytes::new()).map_err(|_| wrong_settings("that is no URL: give another"))?;
    let app = settings::app(app_settings()?, Some(request.uri())).map_err(wrong_settings)?;

    let text =
        std::fs::read_to_string(file).map_err(|error| wrong_settings(format_args!("can't read the file: {error}")))?;
    let saved: SavedToken = serde_json::from_str(&text).map_err(wrong_settings)?;
    let token = saved.try_into().map_err(wrong_settings)?;
    let session = Session::for_location(&app, token).map_err(wrong_settings)?;

    let client = Client::new(session, Ureq::new());
    let response = client.call(request).map_err(|error| failed(&error))?;
    if !response.status().is_success() {
        let line = format!("the service answered {}; the caller is at fault: check the URL", response.status());
        return Err(Failure { code: 1, line });
    }
    io::stdout().write_all(response.body()).map_err(|error| failed(&error))
}
