//! Whether, when and how often to retry. It has no clock: the caller waits, or a driver with a sleep function.

use core::time::Duration;

use http::{HeaderMap, Method, StatusCode, header};

/// Whether, and when, the same request may be sent again without the risk of a second token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Retry {
    /// No: the service would refuse it again, or may have acted. You still have the flow.
    Never,
    /// At once: the service asked for no wait.
    Now,
    /// After this wait, which the service asked for. It is at most [`Retry::MAX_DELAY`].
    After(Duration),
    /// Yes, but the service did not say when: [`Backoff`] does.
    Unspecified,
}

impl Retry {
    /// The longest wait: 365 days. A longer one is reduced to this, so that adding it to a clock can't overflow.
    pub const MAX_DELAY: Duration = Duration::from_secs(365 * 24 * 60 * 60);

    /// Returns whether, and when, an ordinary call with this method may be sent again after a response with this status and these headers.
    ///
    /// After a 429 it may, and after a 503 with a `Retry-After`: then the service did not act. After a 503 without one it may if the method is
    /// idempotent (RFC 9110 section 9.2.2), since a server that no longer waits for its own handler answers so, too. After any other status it is
    /// [`Retry::Never`].
    ///
    /// ```
    /// use http::{HeaderMap, Method, StatusCode};
    /// use location_auth::Retry;
    ///
    /// let (busy, headers) = (StatusCode::SERVICE_UNAVAILABLE, HeaderMap::new());
    /// assert_eq!(Retry::after(&Method::GET, busy, &headers), Retry::Unspecified);
    /// assert_eq!(Retry::after(&Method::POST, busy, &headers), Retry::Never);
    /// ```
    pub fn after(method: &Method, status: StatusCode, headers: &HeaderMap) -> Self {
        match (status.as_u16(), retry_after(headers)) {
            (429, wait) => Self::told(wait),
            (503, Some(wait)) => Self::told(Some(wait)),
            (503, None) if method.is_idempotent() => Self::Unspecified,
            _ => Self::Never,
        }
    }

    /// For a response which shows that the service did not act.
    pub(crate) fn told(retry_after: Option<Duration>) -> Self {
        match retry_after {
            None => Self::Unspecified,
            Some(Duration::ZERO) => Self::Now,
            Some(wait) => Self::After(wait),
        }
    }
}

/// Reads `Retry-After` (RFC 9110 section 10.2.3, `Q9`): whole seconds, or a date, read against the response's own `Date`.
///
/// `None` if the header is missing, negative, fractional, not an HTTP date, a date without a `Date` header, or there twice.
pub(crate) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = only(headers, header::RETRY_AFTER)?;
    let wait = if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        // All digits: what does not parse is too large.
        Duration::from_secs(text.parse().unwrap_or(u64::MAX))
    } else {
        let until = httpdate::parse_http_date(text).ok()?;
        let now = httpdate::parse_http_date(only(headers, header::DATE)?).ok()?;
        until.duration_since(now).unwrap_or(Duration::ZERO)
    };
    Some(wait.min(Retry::MAX_DELAY))
}

fn only(headers: &HeaderMap, name: header::HeaderName) -> Option<&str> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?;
    if values.next().is_some() {
        return None;
    }
    Some(value.to_str().ok()?.trim_ascii())
}

/// How often to retry, and how long to wait before each retry: a number of retries, and waits that double up to a maximum.
///
/// It is independent of the flow, and has no clock and no randomness. If many programs start at the same moment, add jitter to what
/// [`next_delay`](Self::next_delay) returns.
///
/// ```
/// use core::time::Duration;
/// use location_auth::{Backoff, Retry};
///
/// let seconds = Duration::from_secs;
/// let mut backoff = Backoff::new(4, seconds(1), seconds(60));
/// assert_eq!(backoff.next_delay(Retry::Unspecified), Some(seconds(1)));
/// assert_eq!(backoff.next_delay(Retry::Unspecified), Some(seconds(2)));
/// assert_eq!(backoff.next_delay(Retry::After(seconds(30))), Some(seconds(30)));
/// assert_eq!(backoff.next_delay(Retry::Unspecified), Some(seconds(4)));
/// assert_eq!(backoff.next_delay(Retry::Unspecified), None, "the budget of four is used up");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Backoff {
    max_retries: u32,
    next: Duration,
    cap: Duration,
}

impl Backoff {
    /// Makes a policy with at most `max_retries` retries. If the service does not say how long to wait, the waits are `first`, then twice that, and
    /// so on up to `cap`. If it asks for more than `cap`, the policy gives up, since the service would refuse again after a shorter wait.
    ///
    /// So all waits together are at most `max_retries` times `cap`.
    pub const fn new(max_retries: u32, first: Duration, cap: Duration) -> Self {
        Self { max_retries, next: first, cap }
    }

    /// Returns how long to wait before the next retry, or `None` to give up. Each wait that it returns uses up one retry.
    #[must_use = "nothing here waits"]
    pub fn next_delay(&mut self, retry: Retry) -> Option<Duration> {
        let wait = match retry {
            Retry::Never => return None,
            Retry::Now => Duration::ZERO,
            Retry::After(wait) if wait > self.cap => return None,
            Retry::After(wait) => wait,
            Retry::Unspecified => self.next.min(self.cap),
        };
        self.max_retries = self.max_retries.checked_sub(1)?;
        if retry == Retry::Unspecified {
            self.next = self.next.saturating_mul(2);
        }
        Some(wait)
    }
}

/// Four retries, after 1, 2, 4 and 8 seconds or what the service asks for, up to one minute.
impl Default for Backoff {
    fn default() -> Self {
        Self::new(4, Duration::from_secs(1), Duration::from_secs(60))
    }
}
