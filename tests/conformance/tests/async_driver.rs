//! The async drivers' futures are `Send` where the transport is, and are not asked to be.

#[path = "../../support/settings.rs"]
mod settings;

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
use location_auth::{Backoff, Bytes};
use location_auth_conformance::servers::well_kept;
use location_auth_conformance::{Wishes, adapters};
use settings::{API_KEY, BASE, CLIENT_ID, CLIENT_SECRET, EMAIL, PASSWORD, login_at};
use tokio::net::TcpStream;

fn emulator() -> Emulator {
    let mut emulator = Emulator::new(API_KEY, CLIENT_ID, CLIENT_SECRET);
    emulator.owner(EMAIL, PASSWORD).location("loc-1", EMAIL);
    emulator
}

fn is_send<T: Send>(future: T) -> T {
    future
}

#[test]
fn the_futures_are_send_with_a_send_transport() {
    let reqwest = adapters::reqwest(&Wishes::default());
    drop(is_send(run_async(login_at(BASE), &reqwest)));
    let backoff = Backoff::new(1, Duration::ZERO, Duration::ZERO);
    drop(is_send(run_async_with_retries(login_at(BASE), &reqwest, backoff, tokio::time::sleep)));
    let hyper = Hyper::new(|_| async { Ok(TokioIo::new(TcpStream::connect("127.0.0.1:1").await?)) });
    drop(is_send(run_async(login_at(BASE), &hyper)));
    let closure = |_: Request<Bytes>, _: usize| async { Ok::<_, Infallible>(Response::new(vec![])) };
    drop(is_send(run_async(login_at(BASE), &closure)));
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
                let (login, transport) = (login_at(&server.url("")), transport.clone());
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
    let token = runtime.block_on(run_async(login_at(BASE), &transport)).unwrap();
    assert_eq!(token.location().as_str(), "loc-1");
    assert_eq!(threads.get(), Some(thread::current().id()));
}
