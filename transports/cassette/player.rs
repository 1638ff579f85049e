//! A transport that answers with the recorded responses.

extern crate std;

use alloc::string::String;
use std::sync::{Mutex, PoisonError};

use http::Request;
use location_auth::Bytes;

use super::super::{AsyncTransport, Delivery, SendErrorKind, Transport, prepare};
use super::credentials::Credentials;
use super::error::CassetteError;
use super::json::Json;
use super::message::sent;
use super::recording::{Answer, Cassette, check, filled, written};

/// A blocking and async transport that answers each request with its recorded response. It returns an error if a request differs from the recorded
/// one, or if no adapter would send it.
///
/// It compares the method, the path, the query, `accept`, `content-type`, the body of a token request, and each credential in its place. Of a
/// query it compares the names, in any order, and the values that were kept: those that are credentials. The tokens that it issues are the
/// placeholders themselves.
#[derive(Debug)]
pub struct Player {
    cassette: Cassette,
    credentials: Credentials,
    /// How many requests were answered.
    next: Mutex<usize>,
}

impl Player {
    /// Makes a transport that answers from the first interaction of the cassette on.
    pub fn new(cassette: Cassette, credentials: Credentials) -> Self {
        Self { cassette, credentials, next: Mutex::new(0) }
    }

    /// Checks at the end of a test that all recorded requests were sent.
    ///
    /// # Errors
    /// [`CassetteError::Missing`] if not all recorded requests were sent.
    pub fn finish(&self) -> Result<(), CassetteError> {
        let next = *self.next.lock().unwrap_or_else(PoisonError::into_inner);
        self.cassette.interactions.get(next).map_or(Ok(()), |[request, _]| {
            Err(CassetteError::Missing { number: next.saturating_add(1), line: line(request) })
        })
    }

    fn answer(&self, mut request: Request<Bytes>, limit: usize) -> Answer {
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        let (number, length) = (next.saturating_add(1), request.body().len());
        prepare(&mut request, Some(length)).map_err(|error| CassetteError::Refused(number, error.kind()))?;
        let sent = sent(&request);
        let Some([recorded, response]) = self.cassette.interactions.get(*next) else {
            return Err(CassetteError::Surplus { number, line: line(&written(&sent, &self.credentials)) });
        };
        check(number, [recorded, &sent], &self.credentials)?;
        let response = filled(number, response, &self.credentials)?;
        if response.body().len() > limit {
            return Err(CassetteError::TooLarge(number));
        }
        *next = number;
        Ok(response)
    }
}

fn line(request: &Json) -> String {
    ["method", "path"].map(|part| request.member(part).and_then(Json::as_text).unwrap_or_default()).join(" ")
}

/// The blocking and the async half.
macro_rules! both {
    ($($Transport:ident $($asynchronous:ident)?;)*) => {$(
        impl $Transport for Player {
            type Error = CassetteError;

            $($asynchronous)? fn send(&self, request: Request<Bytes>, limit: usize) -> Answer {
                self.answer(request, limit)
            }

            /// Returns [`Delivery::Unsendable`]: nothing is ever sent, and the same request would fail in the same way.
            fn delivery(&self, _: &CassetteError) -> Delivery {
                Delivery::Unsendable
            }

            fn kind(&self, error: &CassetteError) -> SendErrorKind {
                if let CassetteError::Refused(_, kind) = error { *kind } else { SendErrorKind::Other }
            }
        }
    )*};
}
both! { Transport; AsyncTransport async; }
