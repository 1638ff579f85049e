//! Serves the emulated service on a loopback port, for programs in any language.
//!
//! `cargo run --example emulator --features emulator -- 8080` prints `curl` commands that work against it.

#[path = "support/mod.rs"]
mod support;

use std::process::ExitCode;
use std::sync::{Arc, Mutex};

use support::{API_KEY, CLIENT_ID, CLIENT_SECRET, EMAIL, GUARDED_PATH, LOCATION_ID, PASSWORD};

fn main() -> ExitCode {
    let port = match std::env::args().nth(1).map(|port| port.parse()) {
        None => 0,
        Some(Ok(port)) => port,
        Some(Err(_)) => {
            eprintln!("emulator: the one argument is a port: give a number from 0 (any free port) to 65535");
            return ExitCode::from(2);
        }
    };
    let address = match support::serve(Arc::new(Mutex::new(support::demo())), port) {
        Ok(address) => address,
        Err(error) => {
            eprintln!("emulator: can't listen on port {port}: {error}: give another, or 0 for any that is free");
            return ExitCode::from(1);
        }
    };
    let post = "curl -sS -X POST -H 'Content-Type: application/json' -H 'Accept: application/json'";
    let token = r#"sed 's/.*"access_token":"\([^"]*\)".*/\1/'"#;
    let client = format!(r#""client_id": "{CLIENT_ID}", "client_secret": "{CLIENT_SECRET}""#);
    println!(
        r#"# The emulated service listens on {address} until this program is stopped. In a shell:

# Step 1: a User Access Token
USER_TOKEN=$({post} -H 'x-api-key: {API_KEY}' \
  -d '{{"email": "{EMAIL}", "password": "{PASSWORD}", {client}}}' \
  http://{address}/user_token | {token})

# Step 2: a Location Access Token
LOCATION_TOKEN=$({post} -H 'x-api-key: {API_KEY}' -H "Authorization: Bearer $USER_TOKEN" \
  -d '{{{client}}}' \
  http://{address}/locations/{LOCATION_ID}/token | {token})

# A call
curl -sS -H 'x-api-key: {API_KEY}' -H "Authorization: Bearer $LOCATION_TOKEN" http://{address}{GUARDED_PATH}"#
    );
    loop {
        std::thread::park();
    }
}
