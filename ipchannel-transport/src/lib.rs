//! How the bytes of [ipchannel] travel: unix sockets, memory, your own.
//!
//! A [`Transport`] listens at a [`Place`] and connects to the [`Endpoint`] that came of it. [`Recommended`] is the
//! platform's choice, [`Memory`](memory::Memory) serves tests, and a [`Registry`] finds the transport of an endpoint by
//! its scheme. Your own implements three traits, passes the [`conformance`] suite and goes into the registry beside the
//! others.
//!
//! ```
//! use ipchannel_transport::{Listener, Place, Registry, Transport, memory::Memory};
//! use tokio::io::{AsyncReadExt, AsyncWriteExt};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let registry = Registry::default().with(Memory::new());
//! let mut listener = registry.get("memory")?.bind(&Place::new("/anywhere", "one")).await?;
//! let mut here = registry.connect(listener.endpoint()).await?;
//! let mut there = listener.accept().await?;
//! here.write_all(b"hello").await?;
//! let mut heard = [0; 5];
//! there.read_exact(&mut heard).await?;
//! assert_eq!(&heard, b"hello");
//! # Ok(())
//! # }
//! ```
//!
//! [ipchannel]: https://docs.rs/ipchannel
//! [`Endpoint`]: ipchannel_core::Endpoint

#![cfg_attr(not(test), warn(clippy::disallowed_methods, clippy::print_stdout, clippy::print_stderr))]

mod boxed;
pub mod conformance;
mod credentials;
mod error;
pub mod memory;
mod place;
mod recommended;
mod registry;
mod transport;
pub mod uds;

pub use boxed::{BoxConnection, BoxListener, BoxTransport};
pub use credentials::Credentials;
pub use error::{AcceptError, BindError, ConnectError, Unsupported};
pub use place::Place;
pub use recommended::Recommended;
pub use registry::{Registry, UnknownScheme};
pub use transport::{Connection, Listener, Transport};

/// How long [`Transport::connect`] waits for a full backlog before it says [`ConnectError::Busy`].
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(5);
