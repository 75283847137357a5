use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use ipchannel_core::Endpoint;

use crate::error::{AcceptError, BindError, ConnectError};
use crate::place::Place;
use crate::transport::{Connection, Listener, Transport};

type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A connection of whichever transport.
pub type BoxConnection = Box<dyn Connection>;

/// Any transport, behind one type. Clones share it.
#[derive(Clone)]
pub struct BoxTransport(Arc<dyn DynTransport>);

/// A listener of whichever transport.
pub struct BoxListener(Box<dyn DynListener>);

// The traits once more as objects can have them, under other names so that nobody calls the wrong one.
trait DynTransport: Send + Sync {
    fn name(&self) -> &str;
    fn listen<'a>(&'a self, place: &'a Place) -> BoxFuture<'a, Result<BoxListener, BindError>>;
    fn dial<'a>(&'a self, endpoint: &'a Endpoint) -> BoxFuture<'a, Result<BoxConnection, ConnectError>>;
}

trait DynListener: Send {
    fn whereabouts(&self) -> &Endpoint;
    fn next(&mut self) -> BoxFuture<'_, Result<BoxConnection, AcceptError>>;
    fn turned_away(&self) -> u64;
}

impl<T: Transport> DynTransport for T {
    fn name(&self) -> &str {
        self.scheme()
    }

    fn listen<'a>(&'a self, place: &'a Place) -> BoxFuture<'a, Result<BoxListener, BindError>> {
        Box::pin(async { Ok(BoxListener(Box::new(self.bind(place).await?))) })
    }

    fn dial<'a>(&'a self, endpoint: &'a Endpoint) -> BoxFuture<'a, Result<BoxConnection, ConnectError>> {
        Box::pin(async { Ok(Box::new(self.connect(endpoint).await?) as BoxConnection) })
    }
}

impl<L: Listener> DynListener for L {
    fn whereabouts(&self) -> &Endpoint {
        self.endpoint()
    }

    fn next(&mut self) -> BoxFuture<'_, Result<BoxConnection, AcceptError>> {
        Box::pin(async { Ok(Box::new(self.accept().await?) as BoxConnection) })
    }

    fn turned_away(&self) -> u64 {
        self.refused()
    }
}

impl BoxTransport {
    /// Puts a transport behind the common type.
    pub fn new(transport: impl Transport) -> Self {
        BoxTransport(Arc::new(transport))
    }
}

impl Transport for BoxTransport {
    type Listener = BoxListener;
    type Connection = BoxConnection;

    fn scheme(&self) -> &str {
        self.0.name()
    }

    async fn bind(&self, place: &Place) -> Result<BoxListener, BindError> {
        self.0.listen(place).await
    }

    async fn connect(&self, endpoint: &Endpoint) -> Result<BoxConnection, ConnectError> {
        self.0.dial(endpoint).await
    }
}

impl BoxListener {
    /// Puts a listener behind the common type.
    pub fn new(listener: impl Listener) -> Self {
        BoxListener(Box::new(listener))
    }
}

impl Listener for BoxListener {
    type Connection = BoxConnection;

    fn endpoint(&self) -> &Endpoint {
        self.0.whereabouts()
    }

    async fn accept(&mut self) -> Result<BoxConnection, AcceptError> {
        self.0.next().await
    }

    fn refused(&self) -> u64 {
        self.0.turned_away()
    }
}

impl fmt::Debug for BoxTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("BoxTransport").field(&self.scheme()).finish()
    }
}

impl fmt::Debug for BoxListener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("BoxListener").field(self.endpoint()).finish()
    }
}
