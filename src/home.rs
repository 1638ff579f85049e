//! Where credentials and tokens belong: they never meet an App of elsewhere (`Q15`, `Q22`).

use alloc::{boxed::Box, format, sync::Arc, vec::Vec};

use http::{Uri, uri::Scheme};

use crate::{Environment, Misuse};

/// An environment, and the origins that its App names.
#[derive(Clone, Debug)]
pub(crate) struct Home {
    pub(crate) environment: Environment,
    /// Those of the two token URLs first. `None` for a token that was loaded.
    origins: Option<Arc<[Origin]>>,
}

impl Home {
    /// `origins` begins with those of the two token URLs.
    pub(crate) fn new(environment: Environment, origins: Vec<Origin>) -> Self {
        Self { environment, origins: Some(origins.into()) }
    }

    /// That of a loaded token, which takes the App that it is given to: services move. Its environment still guards it.
    pub(crate) fn loaded(environment: Environment) -> Self {
        Self { environment, origins: None }
    }

    /// All origins that credentials may go to.
    #[inline]
    pub(crate) fn origins(&self) -> &[Origin] {
        self.origins.as_deref().unwrap_or_default()
    }

    /// Refuses what belongs elsewhere. API origins don't count: they are where calls go, not who issues tokens.
    pub(crate) fn accept(&self, other: &Self) -> Result<(), Misuse> {
        let (token, app) = (other.environment, self.environment);
        if token != app {
            return Err(Misuse::WrongEnvironment { token, app });
        }
        match other.origins().iter().zip(self.origins()).take(2).find(|(theirs, own)| theirs != own) {
            Some((theirs, own)) => Err(Misuse::WrongOrigin { token: theirs.text(), app: own.text() }),
            None => Ok(()),
        }
    }
}

/// Scheme, host and port, compared as text: another spelling is another origin.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Origin {
    pub(crate) https: bool,
    pub(crate) host: Box<str>,
    pub(crate) port: u16,
}

impl Origin {
    /// Whether the URI spells this origin as it is kept: in lower case and without a port. Most calls do, and need no other reading.
    #[inline]
    pub(crate) fn is_spelled_by(&self, uri: &Uri) -> bool {
        let (scheme, port) = if self.https { (&Scheme::HTTPS, 443) } else { (&Scheme::HTTP, 80) };
        self.port == port
            && uri.scheme() == Some(scheme)
            && uri.path().starts_with('/')
            && uri.authority().is_some_and(|authority| authority.as_str() == &*self.host)
    }

    /// As a URL is written.
    fn text(&self) -> Box<str> {
        let (scheme, port) = if self.https { ("https", 443) } else { ("http", 80) };
        let host = &self.host;
        if self.port == port { format!("{scheme}://{host}") } else { format!("{scheme}://{host}:{}", self.port) }.into()
    }
}
