//! Self-hosting messaging between the processes of one machine: no broker, no master, no port.
//!
//! Processes that open a [`Channel`] of the same name elect a host among themselves, and each gets a small, lasting id:
//! 1, 2, 3 and so on. They send to one or to all, even before they are connected. Messages go straight from the sending
//! process to the receiving one, in order and exactly once while both live, over any number of lost connections; a host
//! that dies is replaced at once and interrupts nobody.
//!
//! ```no_run
//! use ipchannel::{All, Channel};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let channel = Channel::open("jobs")?;
//! channel.on("message", |from, text: String| async move { println!("{} says {text}", from.id) });
//! channel.to(1).send("sent before there is a connection")?;
//!
//! let id = channel.ready().await?;
//! channel.to(All).emit("hello", &("I am", id.get()))?;
//! channel.close().await;
//! # Ok(()) }
//! ```
//!
//! # Platform-specific behaviour
//! Processes meet over unix sockets on Linux, macOS and the BSDs. Windows has no transport yet.

#![cfg_attr(not(test), warn(clippy::disallowed_methods, clippy::print_stdout, clippy::print_stderr))]

mod builder;
mod call;
mod calls;
mod channel;
mod close;
mod config;
mod dial;
mod error;
mod event;
mod identity;
mod inbox;
mod listening;
mod membership;
mod name;
mod node;
mod outgoing;
mod process;
mod seat;
mod sender;
mod target;
mod tasks;
mod to;

pub use builder::Builder;
pub use channel::Channel;
pub use close::Returned;
pub use config::Config;
pub use error::Error;
pub use event::{Disconnected, Event, Events};
pub use inbox::{HandlerOutput, Messages, Subscription};
pub use name::MAX_NAME;
pub use sender::{Sender, SenderId};
pub use target::{All, IntoTarget, Others};
pub use to::{MAX_EVENT, To, ToMany};

pub use ipchannel_core as core;
pub use ipchannel_core::frame::Presence;
pub use ipchannel_core::router::Broadcast;
pub use ipchannel_core::{Identity, Limits, Member, PeerId, PeerRef, Reason, Receipt, Term, Undelivered};
