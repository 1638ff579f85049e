//! Transports of a program's own, a web service, stores, and the emulated service over HTTP, to copy. Each transport is a function of under 40 lines,
//! and `tests/table.rs` holds it to the conformance table.
//!
//! None keeps its library's error, which may quote what the other side sent: a [`SendError`](location_auth::transports::SendError)
//! says what happened.

pub mod hyper_util;
pub mod local_set;
pub mod postgres;
pub mod served;
pub mod service;
pub mod smol;
/// Its file is beside the table, which it passes as the hyper adapter.
#[path = "../../conformance/src/tokio_hyper.rs"]
pub mod tokio_hyper;
