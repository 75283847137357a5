use std::collections::BTreeMap;

use ipchannel_core::Endpoint;

use crate::boxed::{BoxConnection, BoxTransport};
use crate::error::ConnectError;
use crate::recommended::Recommended;
use crate::transport::Transport;

/// Transports by scheme: which one leads to an endpoint.
#[derive(Clone, Debug)]
pub struct Registry(BTreeMap<String, BoxTransport>);

/// No transport of this scheme is registered.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("no transport `{scheme}` is registered (there is: {}): add it, or have all processes use one of these", known.join(", "))]
pub struct UnknownScheme {
    /// What was asked for.
    pub scheme: String,
    /// What is there.
    pub known: Vec<String>,
}

impl Registry {
    /// Without any transport.
    pub fn empty() -> Self {
        Registry(BTreeMap::new())
    }

    /// Adds a transport; one of the same scheme gives way to it.
    #[must_use]
    pub fn with(mut self, transport: impl Transport) -> Self {
        self.0.insert(transport.scheme().to_owned(), BoxTransport::new(transport));
        self
    }

    /// The transport of a scheme.
    ///
    /// # Errors
    /// [`UnknownScheme`], with the schemes that are known.
    pub fn get(&self, scheme: &str) -> Result<&BoxTransport, UnknownScheme> {
        self.0
            .get(scheme)
            .ok_or_else(|| UnknownScheme { scheme: scheme.to_owned(), known: self.0.keys().cloned().collect() })
    }

    /// Connects to an endpoint with the transport of its scheme.
    ///
    /// # Errors
    /// [`ConnectError::UnknownScheme`], and those of the transport.
    pub async fn connect(&self, endpoint: &Endpoint) -> Result<BoxConnection, ConnectError> {
        self.get(endpoint.scheme())?.connect(endpoint).await
    }
}

/// With the platform's own choice.
impl Default for Registry {
    fn default() -> Self {
        Registry::empty().with(Recommended::default())
    }
}

#[cfg(test)]
#[path = "registry_tests.rs"]
mod tests;
