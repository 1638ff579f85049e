//! The whole contract between a flow and whoever carries its messages.

use core::fmt;

use bytes::Bytes;
use http::{Request, Response};

use crate::{Error, Fault, LocationId, Retry, Step};

/// A login in progress: a value that can always say what to send, and that a response turns into what comes next.
///
/// ```text
///          request()                    receive(response)
/// Flow ───────────────▶ Request    Flow ───────────────▶ Ok(Progress::Next(flow))    send its request
///   ▲     as often as you like      given up        ├──▶ Ok(Progress::Done(token))   the end
///   └───────────────────────────────────────────────┴──▶ Err(ReceiveError { flow, error }) yours to send again
/// ```
///
/// Receiving consumes the flow, so that no call can come at the wrong time. Whoever carries the messages writes this loop:
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
    /// What the flow ends with.
    type Output;

    /// What to send now. Pure and repeatable: the same bytes each time.
    ///
    /// The request holds secrets. Its body is one buffer that all requests of the step share, and is wiped when the last of them and the flow
    /// are dropped. `http::Request` prints its body in `Debug`: log [`Redacted`](crate::Redacted) instead.
    /// Send it once, to its own URI, and follow no redirect (`Q7`). You may add headers of your own.
    fn request(&self) -> Request<Bytes>;

    /// Takes the response to [`request`](Self::request), whatever its status.
    ///
    /// # Errors
    /// Anything but a success with a usable token (`Q5` to `Q8`): [`ReceiveError`] has the reason and gives the flow back.
    fn receive<B: AsRef<[u8]>>(self, response: &Response<B>) -> Result<Progress<Self>, ReceiveError<Self>>;

    /// Which request [`request`](Self::request) is.
    fn step(&self) -> Step;

    /// The Location that a token is wanted for: `None` for a [`UserLogin`](crate::UserLogin).
    fn location(&self) -> Option<&LocationId>;
}

pub(crate) mod sealed {
    pub trait Sealed {}
}

/// What a response led to.
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
    /// There is another request to send: the flow goes on.
    Next(F),
    /// The flow is done.
    Done(F::Output),
}

/// A response that did not help, and the flow as it was, to be sent again where [`Error::retry`] allows it.
///
/// A flow that failed at step 2 is still at step 2: sending it again does not repeat step 1 (`Q10`).
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
