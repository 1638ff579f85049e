//! The async drivers' futures are `Send` where the transport is, and are not asked to be.

use std::cell::Cell;
use std::convert::Infallible;
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::thread::{self, ThreadId};
use std::time::Duration;

use http::{Request, Response};
use hyper_util::rt::TokioIo;
use location_auth::emulator::Emulator;
use location_auth::transports::hyper::Hyper;
use location_auth::transports::{run_async, run_async_with_retries};
use location_auth::{App, Backoff, Bytes, Environment, LocationLogin, Settings};
use location_auth_conformance::servers::well_kept;
use location_auth_conformance::{Wishes, adapters};
use tokio::net::TcpStream;

fn emulator() -> Emulator {
    let mut emulator = Emulator::new("k-12", "c-34", "s-56");
    emulator.owner("owner@example.com", "hunter2").location("loc-1", "owner@example.com");
    emulator
}

fn login(base: &str) -> LocationLogin {
    let settings = Settings::new(Environment::Staging)
        .user_token_url(format!("{base}{}", Emulator::USER_TOKEN_PATH))
        .location_token_url(format!("{base}{}", Emulator::LOCATION_TOKEN_PATH))
        .api_key("k-12")
        .client_id("c-34")
        .client_secret("s-56");
    App::new(settings).unwrap().location("loc-1").unwrap().login("owner@example.com", "hunter2").unwrap()
}

fn is_send<T: Send>(future: T) -> T {
    future
}

#[test]
fn the_futures_are_send_with_a_send_transport() {
    let reqwest = adapters::reqwest(&Wishes::default());
    drop(is_send(run_async(login("https://api.example.com"), &reqwest)));
    let backoff = Backoff::new(1, Duration::ZERO, Duration::ZERO);
    drop(is_send(run_async_with_retries(login("https://api.example.com"), &reqwest, backoff, tokio::time::sleep)));
    let hyper = Hyper::new(|_| async { Ok(TokioIo::new(TcpStream::connect("127.0.0.1:1").await?)) });
    drop(is_send(run_async(login("https://api.example.com"), &hyper)));
    let closure = |_: Request<Bytes>, _: usize| async { Ok::<_, Infallible>(Response::new(vec![])) };
    drop(is_send(run_async(login("https://api.example.com"), &closure)));
}

#[test]
fn reqwest_logs_in_from_tasks_on_many_threads() {
    let emulator = Arc::new(Mutex::new(emulator()));
    let service = Arc::clone(&emulator);
    let server = well_kept(move |request| service.lock().unwrap().handle(request));
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(4).enable_all().build().unwrap();
    let transport = adapters::reqwest(&Wishes::default());
    runtime.block_on(async {
        let tasks: Vec<_> = (0..16)
            .map(|_| {
                let (login, transport) = (login(&server.url("")), transport.clone());
                tokio::spawn(async move { run_async(login, &transport).await.unwrap() })
            })
            .collect();
        for task in tasks {
            assert_eq!(task.await.unwrap().location().as_str(), "loc-1");
        }
    });
    assert_eq!(emulator.lock().unwrap().counts().location_tokens, 16);
}

#[test]
fn a_transport_may_hold_an_rc_and_stay_on_its_thread() {
    let emulator = Rc::new(Cell::new(Some(emulator())));
    let threads: Rc<Cell<Option<ThreadId>>> = Rc::default();
    let transport = |request: Request<Bytes>, _| {
        let (emulator, threads) = (Rc::clone(&emulator), Rc::clone(&threads));
        async move {
            let mut service = emulator.take().expect("one request at a time");
            tokio::task::yield_now().await;
            let response = service.handle(request);
            emulator.set(Some(service));
            threads.set(Some(thread::current().id()));
            Ok::<_, Infallible>(response)
        }
    };
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let token = runtime.block_on(run_async(login("https://api.example.com"), &transport)).unwrap();
    assert_eq!(token.location().as_str(), "loc-1");
    assert_eq!(threads.get(), Some(thread::current().id()));
}
