//! The emulated service over HTTP, for a test that spawns a process, or drives a program in another language: axum on a loopback port.

use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::http::{Request, StatusCode};
use location_auth::emulator::Emulator;
use serde_json::Value;
use tokio::{net::TcpListener, runtime::Builder};

pub struct Served {
    /// `http://127.0.0.1:PORT`, for the token URLs and the calls. It is served until the test ends.
    pub base: String,
    /// To revoke a token, to set a condition, or to ask for the counts.
    pub emulator: Arc<Mutex<Emulator>>,
}

/// `data` is the JSON for a call that the emulated service accepts. Where it is `None`, the service's own answer stands.
pub fn serve<F>(emulator: Emulator, data: F) -> std::io::Result<Served>
where
    F: Fn(&Request<Bytes>) -> Option<Value> + Clone + Send + Sync + 'static,
{
    let emulator = Arc::new(Mutex::new(emulator));
    let service = Arc::clone(&emulator);
    let router = Router::new().fallback(move |request: Request<Body>| async move {
        let (head, body) = request.into_parts();
        let request = Request::from_parts(head, to_bytes(body, usize::MAX).await.unwrap_or_default());
        let mut response = service.lock().unwrap_or_else(PoisonError::into_inner).handle(request.clone());
        if let (StatusCode::OK, Some(data)) = (response.status(), data(&request)) {
            *response.body_mut() = data.to_string().into_bytes();
        }
        response.map(Body::from)
    });
    let runtime = Builder::new_current_thread().enable_io().build()?;
    let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0"))?;
    let base = format!("http://{}", listener.local_addr()?);
    std::thread::spawn(move || runtime.block_on(async { axum::serve(listener, router).await }));
    Ok(Served { base, emulator })
}
