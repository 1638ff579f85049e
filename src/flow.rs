//! The contract between a flow and the program that sends its requests.

use core::fmt;

use bytes::Bytes;
use http::{Request, Response};

use crate::{Error, Fault, LocationId, Retry, Step};

/// A login in progress: a value that always has a request to send, and that a response turns into the next flow or a token.
///
/// ```text
///          request()                    receive(response)
/// Flow ───────────────▶ Request    Flow ───────────────▶ Ok(Progress::Next(flow))    send its request
///   ▲     as often as you like      consumed        ├──▶ Ok(Progress::Done(token))   the end
///   └───────────────────────────────────────────────┴──▶ Err(ReceiveError { flow, error }) yours to send again
/// ```
///
/// [`receive`](Self::receive) consumes the flow, so that it can't be called at the wrong time. The program that sends the requests has this loop:
///
/// ```
/// use location_auth::{Bytes, Error, Flow, Progress};
///
/// fn drive<F: Flow>(
///     mut flow: F,
///     my_http: impl Fn(http::Request<Bytes>) -> http::Response<Vec<u8>>,
/// ) -> Result<F::Output, Error> {
///     loop {
///         let response = my_http(flow.request());
///         match flow.receive(&response)? {
///             Progress::Next(next) => flow = next,
///             Progress::Done(token) => break Ok(token),
///         }
///     }
/// }
/// ```
///
/// The trait is sealed: its implementors are [`UserLogin`](crate::UserLogin), [`LocationLogin`](crate::LocationLogin)
/// and [`TokenExchange`](crate::TokenExchange).
pub trait Flow: Sized + sealed::Sealed {
    /// The token that the flow ends with.
    type Output;

    /// Builds the request to send now: the same bytes each time.
    ///
    /// The request holds secrets. All requests of a step share one body, which is overwritten when the last of them and the flow are dropped.
    /// `http::Request` prints its body in `Debug`: log [`Redacted`](crate::Redacted) instead. Send the request once, to its own URI, and follow
    /// no redirect. You may add your own headers.
    // `Q7`.
    fn request(&self) -> Request<Bytes>;

    /// Takes the response to [`request`](Self::request), whatever its status, and returns the next flow or the token.
    ///
    /// # Errors
    /// Any response except a success with a usable token: [`ReceiveError`] has the reason and the flow.
    // `Q5` to `Q8`.
    fn receive<B: AsRef<[u8]>>(self, response: &Response<B>) -> Result<Progress<Self>, ReceiveError<Self>>;

    /// The step whose request [`request`](Self::request) builds.
    fn step(&self) -> Step;

    /// The Location that the token is for: `None` for a [`UserLogin`](crate::UserLogin).
    fn location(&self) -> Option<&LocationId>;
}

pub(crate) mod sealed {
    pub trait Sealed {}
}

/// What [`Flow::receive`] returns for a success: the next flow, or the token.
///
/// ```
/// use location_auth::{Flow, Progress};
///
/// fn is_done<F: Flow>(progress: &Progress<F>) -> bool {
///     match progress {
///         Progress::Next(flow) => {
///             println!("{} is next", flow.step());
///             false
///         }
///         Progress::Done(_token) => true,
///     }
/// }
/// ```
#[derive(Debug)]
pub enum Progress<F: Flow> {
    /// There is another request to send.
    Next(F),
    /// The flow is done.
    Done(F::Output),
}

/// An error that says what was wrong with a response, and has the flow, to send again if [`Error::retry`] allows it.
///
/// A flow that failed at step 2 is still at step 2: sending it again does not repeat step 1.
///
/// ```
/// use location_auth::{Flow, Retry};
#[doc = include_str!("doctest_app.txt")]
/// let login = app.user_login("owner@example.com", "hunter2")?;
/// let busy = http::Response::builder().status(429).header("retry-after", "0").body("")?;
/// let failed = login.receive(&busy).unwrap_err();
/// assert_eq!(failed.retry(), Retry::Now);
///
/// let user = http::Response::new(r#"{"access_token": "u-1"}"#);
/// assert!(failed.flow.receive(&user).is_ok());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
// `Q10`.
pub struct ReceiveError<F> {
    /// The flow as it was before the response.
    pub flow: F,
    /// What was wrong with the response.
    pub error: Error,
}

impl<F> ReceiveError<F> {
    /// Who has to change something: [`Error::fault`].
    pub fn fault(&self) -> Fault {
        self.error.fault()
    }

    /// Whether, and when, the flow may be sent again: [`Error::retry`].
    pub fn retry(&self) -> Retry {
        self.error.retry()
    }
}

impl<F> From<ReceiveError<F>> for Error {
    fn from(failed: ReceiveError<F>) -> Self {
        failed.error
    }
}

impl<F> fmt::Debug for ReceiveError<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReceiveError").field("error", &self.error).finish_non_exhaustive()
    }
}

impl<F> fmt::Display for ReceiveError<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.error, f)
    }
}

impl<F> core::error::Error for ReceiveError<F> {}
