//! A login in WebAssembly: the crate's own driver, over a closure that asks the JavaScript around it to send.
//!
//! ```text
//! JavaScript                             WebAssembly
//! buffer(length), its bytes, log_in() ─▶ the login starts
//!                                     ◀─ send(request)       for each step
//! buffer(length), its bytes, receive() ▶ the login goes on
//!                                     ◀─ done(outcome)       once
//! ```
//!
//! All four are JSON. One instance is one login: its memory goes with it, and so do the secrets in it. `location-auth.mjs` is the other
//! side.

use std::cell::RefCell;
use std::error::Error;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use http::{HeaderName, HeaderValue, Request, Response};
use location_auth::transports::run_async;
use location_auth::{App, Bytes, LocationLogin, Settings};
use serde_json::{Value, json};

#[link(wasm_import_module = "javascript")]
unsafe extern "C" {
    // Safe to call: the other side only reads, and only these bytes, before it returns.
    safe fn send(pointer: *const u8, length: usize);
    safe fn done(pointer: *const u8, length: usize);
}

thread_local! {
    /// What JavaScript writes to this side.
    static BUFFER: RefCell<Vec<u8>> = RefCell::default();
    static LOGIN: RefCell<Option<Pin<Box<dyn Future<Output = Value>>>>> = RefCell::default();
    /// The answer that the login waits for.
    static ANSWER: RefCell<Option<Value>> = RefCell::default();
}

/// Where JavaScript is to write so many bytes, before it calls one of the other two.
#[unsafe(no_mangle)]
pub extern "C" fn buffer(length: usize) -> *mut u8 {
    BUFFER.with_borrow_mut(|buffer| {
        *buffer = vec![0; length];
        buffer.as_mut_ptr()
    })
}

/// Starts the login that the buffer describes.
#[unsafe(no_mangle)]
pub extern "C" fn log_in() {
    let settings = take_buffer();
    LOGIN.set(Some(Box::pin(async move {
        match token(&settings).await {
            Ok(token) => json!({ "token": token }),
            Err(error) => json!({ "error": error.to_string() }),
        }
    })));
    go_on();
}

/// Goes on with the response in the buffer, or with the reason why there is none.
#[unsafe(no_mangle)]
pub extern "C" fn receive() {
    ANSWER.set(Some(take_buffer()));
    go_on();
}

fn take_buffer() -> Value {
    serde_json::from_slice(&BUFFER.take()).unwrap_or_default()
}

/// An executor: what it runs waits for nothing but `receive`, so there is nobody to wake.
fn go_on() {
    let Some(mut login) = LOGIN.take() else { return };
    match login.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Pending => LOGIN.set(Some(login)),
        Poll::Ready(outcome) => tell(done, &outcome),
    }
}

fn tell(function: extern "C" fn(*const u8, usize), message: &Value) {
    let text = message.to_string();
    function(text.as_ptr(), text.len());
}

async fn token(settings: &Value) -> Result<String, Box<dyn Error>> {
    let token = run_async(login(settings)?, &transport).await.map_err(|stopped| stopped.to_string())?;
    Ok(token.expose_secret().to_owned())
}

fn login(settings: &Value) -> Result<LocationLogin, Box<dyn Error>> {
    let setting = |name: &str| settings[name].as_str().ok_or_else(|| format!("the setting {name} is missing"));
    let environment = setting("environment")?.parse()?;
    let app = App::new(
        Settings::new(environment)
            .user_token_url(setting("userTokenUrl")?)
            .location_token_url(setting("locationTokenUrl")?)
            .api_key(setting("apiKey")?)
            .client_id(setting("clientId")?)
            .client_secret(setting("clientSecret")?),
    )?;
    Ok(app.location(setting("location")?)?.login(setting("email")?, setting("password")?)?)
}

/// All that JavaScript says of a request that got none.
struct NoResponse;

/// The transport: hands a request to JavaScript and waits until it answers.
async fn transport(request: Request<Bytes>, limit: usize) -> Result<Response<Vec<u8>>, NoResponse> {
    let (parts, body) = request.into_parts();
    let headers: Vec<_> = parts.headers.iter().map(|(name, value)| (name.as_str(), value.to_str().ok())).collect();
    tell(
        send,
        &json!({
            "method": parts.method.as_str(),
            "url": parts.uri.to_string(),
            "headers": headers,
            "body": std::str::from_utf8(&body).ok(),
            "limit": limit,
        }),
    );
    let answer = poll_fn(|_| ANSWER.take().map_or(Poll::Pending, Poll::Ready)).await;
    response(&answer).ok_or(NoResponse)
}

fn response(answer: &Value) -> Option<Response<Vec<u8>>> {
    let mut response = Response::builder().status(u16::try_from(answer["status"].as_u64()?).ok()?);
    for header in answer["headers"].as_array()? {
        let name = HeaderName::try_from(header[0].as_str()?).ok()?;
        response = response.header(name, HeaderValue::from_bytes(header[1].as_str()?.as_bytes()).ok()?);
    }
    response.body(answer["body"].as_str()?.as_bytes().to_vec()).ok()
}
