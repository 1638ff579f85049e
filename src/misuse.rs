//! The caller's mistakes. Each names the field and what is wrong with it, never the value.

use alloc::boxed::Box;
use core::fmt;

use crate::{Environment, Fault};

/// A mistake in the caller's settings or arguments, which this crate finds itself. It never holds the value.
///
/// A retry never helps.
///
/// ```
/// use location_auth::{Environment, Field, LocationId, Misuse};
///
/// assert_eq!(LocationId::new("..").unwrap_err(), Misuse::DotSegment);
/// assert_eq!(Misuse::Empty(Field::ApiKey).to_string(), "the API Key is empty: fill it in");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Misuse {
    /// The field must not be empty.
    #[error("the {0} is empty: fill it in")]
    Empty(Field),
    /// The value has white space before or after it, which was copied with it.
    #[error("the {0} has white space around it: copy it again, without spaces or line breaks")]
    WhiteSpaceAround(Field),
    /// The value has quotes around it, which were copied with it.
    #[error("the {0} has quotes around it: remove them")]
    QuotesAround(Field),
    /// An email or a password ends in a line break, as a line from a file or a prompt does.
    #[error("the {0} ends with a line break: remove it")]
    LineEnd(Field),
    /// The field holds a character that it can't have.
    ///
    /// An API Key must be visible ASCII, because it is sent in a header. A Client ID, a Client Secret and a Data Source Name can't have control
    /// characters. A Location's id can't have these, line separators, or marks that change the direction of text.
    #[error("the {0} holds a character that it cannot have: copy it again")]
    Character(Field),
    /// The field makes a URL longer than 64 KiB.
    #[error("the {0} is longer than a URL can be: give the one that the service uses")]
    TooLarge(Field),
    /// The URL can't be used.
    #[error("the {field} {problem}")]
    Url {
        /// Which URL.
        field: Field,
        /// What is wrong with it.
        problem: UrlProblem,
    },
    /// A Location's id is `.` or `..`, which would change the path.
    #[error(
        "the Location id is a dot segment, which would change the URL's path: set it to the id that the service uses"
    )]
    DotSegment,
    /// The environment's name is neither of the two.
    #[error("the environment is unknown: write staging or production")]
    UnknownEnvironment,
    /// The text is no name of a record.
    #[error("the text is no key of a record: write environment/owner or environment/location/ID")]
    UnknownKey,
    /// A token of one environment was used with an [`App`](crate::App) of the other.
    #[error("a {token} token was used with a {app} App: use the App of the token's environment")]
    WrongEnvironment {
        /// The token's environment.
        token: Environment,
        /// The App's environment.
        app: Environment,
    },
    /// A token, a login or an owner was used with an [`App`](crate::App) whose token URL has another origin than that of the App it belongs to: the
    /// token would go to another host. A token that was read with serde belongs to the App that it is given to.
    #[error(
        "credentials for {token} were used with an App of {app}: use the App that they are for, or, if the service has moved, read the saved token again"
    )]
    WrongOrigin {
        /// The origin of the token URL of the token's, the login's or the owner's App.
        token: Box<str>,
        /// The origin of the token URL of the App that it was given to.
        app: Box<str>,
    },
    /// A saved token is a user's, but a Location's is needed, or the other way round.
    #[error("the saved token is not of the type that it is read as: read it as the type that it was saved from")]
    WrongKind,
    /// A session got a token of another Location, or it is not a Location's session.
    #[error("the token or login belongs to another Location than this session's: use that Location's own")]
    WrongLocation,
    /// An attempt, a replay or a renewal was used with another session than its own.
    #[error("the attempt belongs to another session: give it to the session that authorized the call")]
    ForeignAttempt,
    /// A renewal was used with another owner than the one that it began with.
    #[error("the renewal belongs to another owner: give it the owner that it began with")]
    ForeignOwner,
    /// A driver granted a turn that another caller still has, or gave up a turn too early.
    #[error(
        "a turn was granted while another caller has it: give it to one caller at a time, who keeps it until `Acquiring::holds` is false"
    )]
    TurnTaken,
    /// The session of a Location has no token yet. The request is unchanged.
    #[error("the Location has no access token yet: set one, or let an Owner get it before the call")]
    NoToken,
    /// A transport or a token store made a call with the same client that was using it to renew a token.
    #[error("a transport or a store calls the client that is renewing a token over it: give it a client of its own")]
    Reentrant,
    /// A call's URL is a path alone, or has no scheme. The request is unchanged.
    #[error("the call's URL has no scheme and host: write it out, from https:// on")]
    RelativeUrl,
    /// A call's URL has an origin that credentials may not go to. The request is unchanged.
    #[error(
        "the call's URL has an origin that credentials may not go to: add it to the API origins in the settings if it is the service's"
    )]
    OriginNotAllowed,
    /// A call's `Host` header names another host than its URL, and a proxy in front of many services would follow the header. The request is
    /// unchanged.
    #[error("the call's Host header names another host than its URL: remove it, since the client sets the right one")]
    HostMismatch,
    /// The call's query already has the parameter for the token, or one that some server reads as it. The request is unchanged. A link to the next
    /// page may bring it, and a request that was authorized before has it.
    #[error(
        "the call's query has the token's parameter already: remove it from the URL, and to send a call again authorize a clone of the original request"
    )]
    DuplicateParameter,
    /// The request has more than 1024 headers, or a URL that the token would make longer than 64 KiB. The request is unchanged.
    #[error("the call has too many headers or too long a URL: make it smaller")]
    RequestTooLarge,
}

impl Misuse {
    /// Returns [`Fault::Caller`], for every mistake.
    pub fn fault(&self) -> Fault {
        Fault::Caller
    }
}

/// What is wrong with a URL.
///
/// ```
/// use location_auth::{App, Environment, Field, Misuse, Settings, UrlProblem};
///
/// let misuse = App::new(
///     Settings::new(Environment::Staging)
///         .user_token_url("http://api.example.com/user_token")
///         .location_token_url("https://api.example.com/locations/{location_id}/token")
///         .api_key("k-12")
///         .client_id("c-34")
///         .client_secret("s-56"),
/// )
/// .unwrap_err();
/// assert_eq!(misuse, Misuse::Url { field: Field::UserTokenUrl, problem: UrlProblem::Insecure });
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum UrlProblem {
    /// It does not parse, or is not absolute.
    #[error("is not an absolute URL: write it out, from https:// on")]
    Invalid,
    /// A character in its path or query that no URL can have.
    #[error("has a character in its path or query that no URL can have: write it percent-encoded")]
    Character,
    /// A host that is not ASCII.
    #[error("has a host that is not ASCII: write it in its xn-- form")]
    HostNotAscii,
    /// Neither `https` nor `http`.
    #[error("has a scheme other than https: use https")]
    Scheme,
    /// `http` to a host that is not this machine's loopback.
    #[error("would send secrets in the clear: use https (http is for a loopback host alone)")]
    Insecure,
    /// No host, or one that is no plain name or address.
    #[error("has no usable host: write a plain name or address")]
    Host,
    /// A port that is not a number from 1 to 65535.
    #[error("has no usable port: write a number from 1 to 65535, or none")]
    Port,
    /// A user name or password before the host.
    #[error("has user-info before its host: remove it")]
    UserInfo,
    /// A `#`.
    #[error("has a fragment: remove it")]
    Fragment,
    /// A brace that is not part of `{location_id}` in the path or query of the location token URL.
    #[error(
        "has a brace out of place: write {{location_id}} in the path or query of the location token URL, and no other brace"
    )]
    Placeholder,
    /// A path or query in a setting that is an origin.
    #[error("has a path: write scheme, host and port alone")]
    Path,
}

/// Which of the caller's values a [`Misuse`] is about.
///
/// ```
/// use location_auth::{Field, LocationId, Misuse};
///
/// assert_eq!(LocationId::new("").unwrap_err(), Misuse::Empty(Field::LocationId));
/// assert_eq!(Field::LocationId.to_string(), "Location id");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Field {
    /// [`Settings::user_token_url`](crate::Settings::user_token_url)
    UserTokenUrl,
    /// [`Settings::location_token_url`](crate::Settings::location_token_url)
    LocationTokenUrl,
    /// [`Settings::api_origin`](crate::Settings::api_origin)
    ApiOrigin,
    /// [`Settings::api_key`](crate::Settings::api_key)
    ApiKey,
    /// [`Settings::client_id`](crate::Settings::client_id)
    ClientId,
    /// [`Settings::client_secret`](crate::Settings::client_secret)
    ClientSecret,
    /// [`Settings::data_source_name`](crate::Settings::data_source_name)
    DataSourceName,
    /// The owner's email.
    Email,
    /// The owner's password.
    Password,
    /// A Location's id.
    LocationId,
    /// The name of the query parameter for the token.
    QueryParameter,
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Field::UserTokenUrl => "user token URL",
            Field::LocationTokenUrl => "location token URL",
            Field::ApiOrigin => "API origin",
            Field::ApiKey => "API Key",
            Field::ClientId => "Client ID",
            Field::ClientSecret => "Client Secret",
            Field::DataSourceName => "Data Source Name",
            Field::Email => "owner's email",
            Field::Password => "owner's password",
            Field::LocationId => "Location id",
            Field::QueryParameter => "query parameter's name",
        })
    }
}
