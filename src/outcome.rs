//! What a response, or no response, says about the token request (`Q17`).

use core::time::Duration;

use http::StatusCode;

use crate::{Delivery, Error};

/// What is known about a token request that got no token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The service did not act. No request is sent for as long as it asked.
    NotActed(Option<Duration>),
    /// A retry would have the same outcome.
    Final,
    /// There may be a token that nobody has.
    Unknown,
}

impl Outcome {
    pub(crate) fn of_response(error: &Error) -> Self {
        match error.status().as_u16() {
            407 => Self::NotActed(None),
            429 | 503 => Self::NotActed(error.retry_after()),
            408 | 425 | 500..=599 => Self::Unknown,
            200..=499 => Self::Final,
            // Not a final response: something between here and the service is broken.
            _ => Self::Unknown,
        }
    }

    pub(crate) fn of_delivery(delivery: Delivery) -> Self {
        match delivery {
            Delivery::NotSent | Delivery::Unsendable => Self::NotActed(None),
            Delivery::Unknown => Self::Unknown,
        }
    }
}

/// Whether the status of a call shows that the service checked the token and accepted it. A rate limiter, a proxy, a login page or a failing
/// service may answer before anybody checks the token, so such a status shows nothing.
pub(crate) fn shows_that_token_works(status: StatusCode) -> bool {
    status.is_success() || status.is_client_error() && !matches!(status.as_u16(), 401 | 403 | 407 | 408 | 425 | 429)
}
