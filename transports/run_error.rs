//! The error of a driver.

use core::error::Error as StdError;
use core::fmt;

use location_auth::{Error, Fault, Flow, LocationId, Retry, Step};

use super::Delivery;

/// The error of a driver that could not run a flow to its end. It has the flow, so you can run it again.
///
/// ```
/// use location_auth::transports::{Cause, Delivery, run};
/// use location_auth::{Flow, Step};
#[doc = include_str!("../src/doctest_app.txt")]
/// let dead_line = |_request, _limit| Err(std::io::Error::other("the line is dead"));
/// let stopped = run(app.user_login("owner@example.com", "hunter2")?, &dead_line).unwrap_err();
///
/// assert_eq!(stopped.step(), Step::UserToken);
/// // A closure does not say whether the request was sent, so you decide whether to send it again.
/// assert!(matches!(stopped.cause, Cause::Transport { delivery: Delivery::Unknown, .. }));
/// let again = stopped.flow.request();
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct RunError<F, E> {
    /// The flow as it was before its last request. If you run it again, it sends that request again.
    pub flow: F,
    /// Why the driver stopped.
    pub cause: Cause<E>,
}

/// Why a driver stopped.
///
/// ```
/// use location_auth::{Credentials, transports::Cause};
///
/// fn is_wrong_password<E>(cause: &Cause<E>) -> bool {
///     // The status is the same for a wrong Client Secret.
///     matches!(cause, Cause::Response(error) if error.refused_credentials() == Some(Credentials::Owner))
/// }
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub enum Cause<E> {
    /// There is no complete response: none came, it broke off, or its body is longer than the limit.
    Transport {
        /// The transport's own error.
        error: E,
        /// Whether the request may have arrived.
        delivery: Delivery,
    },
    /// There was a response without a token.
    Response(Error),
}

impl<F: Flow, E> RunError<F, E> {
    /// Returns the step whose request failed.
    pub fn step(&self) -> Step {
        self.flow.step()
    }

    /// Returns the Location of the token that the flow asked for, if any.
    pub fn location(&self) -> Option<&LocationId> {
        self.flow.location()
    }
}

impl<F, E> RunError<F, E> {
    /// Returns who has to change something.
    pub fn fault(&self) -> Fault {
        match &self.cause {
            Cause::Transport { delivery: Delivery::Unsendable, .. } => Fault::Caller,
            Cause::Transport { .. } => Fault::Transport,
            Cause::Response(error) => error.fault(),
        }
    }

    /// Returns whether and when you may run the flow again without the risk of a second token.
    pub fn retry(&self) -> Retry {
        match &self.cause {
            Cause::Transport { delivery: Delivery::NotSent, .. } => Retry::Unspecified,
            Cause::Transport { delivery: Delivery::Unsendable | Delivery::Unknown, .. } => Retry::Never,
            Cause::Response(error) => error.retry(),
        }
    }
}

impl<F, E: fmt::Debug> fmt::Debug for RunError<F, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RunError").field("cause", &self.cause).finish_non_exhaustive()
    }
}

/// Shows one line: the step, what happened, who is at fault, what to do. The transport's error is the [`source`](StdError::source).
impl<F: Flow, E> fmt::Display for RunError<F, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let delivery = match &self.cause {
            Cause::Response(error) => return fmt::Display::fmt(error, f),
            Cause::Transport { delivery, .. } => delivery,
        };
        write!(f, "{}", self.step())?;
        if let Some(location) = self.location() {
            write!(f, " of Location {location}")?;
        }
        let url = self.step().url();
        let (happened, check, then) = match delivery {
            Delivery::NotSent => ("the request was not sent", "'s host and the network", ", then send it again"),
            Delivery::Unsendable => {
                ("the transport refused to send the request", " and how the transport is set up", "")
            }
            Delivery::Unknown => (
                "no complete response came, and the request may have arrived",
                "'s host and the network",
                "; repeat only if a second token does no harm",
            ),
        };
        write!(f, ": {happened}; {}: check the {url}{check}{then}", self.fault())
    }
}

impl<F: Flow, E: StdError + 'static> StdError for RunError<F, E> {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match &self.cause {
            Cause::Transport { error, .. } => Some(error),
            Cause::Response(_) => None,
        }
    }
}
