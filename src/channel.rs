//! The channel, as its users hold it.

use std::fmt::Display;
use std::sync::Arc;

use ipchannel_core::{Member, PeerId, Term};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::builder::Builder;
use crate::close::Returned;
use crate::error::Error;
use crate::event::Events;
use crate::inbox::{self, HandlerOutput, Messages, Subscription};
use crate::name::Name;
use crate::node::Node;
use crate::sender::Sender;
use crate::target::IntoTarget;

/// A channel between the processes of one machine. Clones are the same channel.
///
/// It lives until [`close`](Self::close), or until the last clone is dropped: then what is under way is written once,
/// without waiting, and a warning tells how much was not. Handlers that hold a clone keep it open.
///
/// ```no_run
/// # async fn example() -> Result<(), ipchannel::Error> {
/// let channel = ipchannel::Channel::open("jobs")?;
/// channel.on("message", |from, text: String| async move { println!("{} says {text}", from.id) });
/// channel.to(1).send("sent before there is a connection")?;
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct Channel(Arc<Handle>);

/// Its end is the end of the channel.
struct Handle(Arc<Node>);

impl Drop for Handle {
    fn drop(&mut self) {
        self.0.abandon();
    }
}

impl Channel {
    /// Opens the channel of this name, at once: joining goes on in the background, and sending works already.
    ///
    /// # Errors
    /// Outside a tokio runtime with IO and time enabled; a name that is empty, too long or holds a NUL; a private
    /// directory that is not ours alone.
    pub fn open(name: &str) -> Result<Channel, Error> {
        Builder::new(Name::new(name)?).open()
    }

    /// Opens the channel named after the canonical path of the running executable: the same one for all its processes,
    /// however they were started.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn here() -> Result<Channel, Error> {
        Builder::new(Name::here()?).open()
    }

    /// Opens a channel with settings of one's own.
    ///
    /// # Errors
    /// A name that is empty, too long or holds a NUL.
    pub fn builder(name: &str) -> Result<Builder, Error> {
        Name::new(name).map(Builder::new)
    }

    /// As [`builder`](Self::builder), for the channel of [`here`](Self::here).
    ///
    /// # Errors
    /// As [`builder`](Self::builder).
    pub fn builder_here() -> Result<Builder, Error> {
        Name::here().map(Builder::new)
    }

    pub(crate) fn new(node: Arc<Node>) -> Self {
        Channel(Arc::new(Handle(node)))
    }

    pub(crate) fn node(&self) -> &Arc<Node> {
        &self.0.0
    }

    /// The channel's name.
    pub fn name(&self) -> &str {
        self.node().name.as_str()
    }

    /// Waits until this process has an id and knows who hosts, and returns the id.
    ///
    /// # Cancel safety
    /// Cancel safe.
    ///
    /// # Errors
    /// [`is_identity_held`](Error::is_identity_held), [`is_closed`](Error::is_closed).
    pub async fn ready(&self) -> Result<PeerId, Error> {
        self.node().ready().await
    }

    /// Whether this process has an id and knows who hosts.
    pub fn is_connected(&self) -> bool {
        self.id().is_some()
    }

    /// Our id, once connected. It never changes when the host does.
    pub fn id(&self) -> Option<PeerId> {
        self.node().id()
    }

    /// Who hosts, and in which term, once connected.
    pub fn host(&self) -> Option<(PeerId, Term)> {
        self.node().host()
    }

    /// Who is here, ourselves included, in order of their ids.
    pub fn members(&self) -> Vec<Member> {
        self.node().members()
    }

    /// What happens to the channel: for the first who asks, all since it was opened; for others, from now on.
    ///
    /// It ends when the channel does.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let home = tempfile::tempdir()?;
    /// # let channel = ipchannel::Channel::builder("doc")?.directory(home.path().join("channels")).open()?;
    /// use ipchannel::Event;
    ///
    /// let mut events = channel.events();
    /// while let Some(event) = events.next().await {
    ///     match event {
    ///         Event::Connected { id } => println!("I am {id}"),
    ///         Event::HostChanged { host, .. } => println!("{host} hosts"),
    ///         Event::Left { member, .. } => println!("{} is gone", member.id()),
    ///         _ => {}
    ///     }
    /// #   if channel.is_connected() { break }
    /// }
    /// # Ok(()) }
    /// ```
    pub fn events(&self) -> Events {
        self.node().events.subscribe()
    }

    /// Addresses one peer by its id (or one process by its [`Member`] or [`Sender`]), or [`All`](crate::All) or
    /// [`Others`](crate::Others).
    ///
    /// A peer's id stands for whoever holds it: what its holder had not acknowledged when it crashed goes to its
    /// successor, and never to another program. A [`Member`] or [`Sender`] stands for that process alone: when it is gone,
    /// what it had not acknowledged fails.
    pub fn to<T: IntoTarget>(&self, target: T) -> T::To<'_> {
        target.address(self)
    }

    /// Handles each message of this event: those of one sender one after the other and in order, those of different
    /// senders side by side. Several handlers of one event are called in the order they were added.
    ///
    /// Messages that came before the first handler waited for it, until their deadline. A handler that fails or
    /// panics, or a message that is not a `T`, is told to [`events`](Self::events) and takes nothing else down.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let home = tempfile::tempdir()?;
    /// # let channel = ipchannel::Channel::builder("doc")?.directory(home.path().join("channels")).open()?;
    /// channel.on("greeting", |from, (word, times): (String, u32)| async move {
    ///     println!("{} says {word} {times} times", from.id);
    /// });
    /// channel.to(1).emit("greeting", &("hello", 3))?.await?;
    /// # Ok(()) }
    /// ```
    pub fn on<T, F, Fut>(&self, event: &str, handler: F) -> Subscription
    where
        T: DeserializeOwned,
        F: Fn(Sender, T) -> Fut + Send + Sync + 'static,
        Fut: Future<Output: HandlerOutput> + Send + 'static,
    {
        self.subscribe(event, handler, false)
    }

    /// Handles one message of this event and no more.
    pub fn once<T, F, Fut>(&self, event: &str, handler: F) -> Subscription
    where
        T: DeserializeOwned,
        F: Fn(Sender, T) -> Fut + Send + Sync + 'static,
        Fut: Future<Output: HandlerOutput> + Send + 'static,
    {
        self.subscribe(event, handler, true)
    }

    fn subscribe<T, F, Fut>(&self, event: &str, handler: F, once: bool) -> Subscription
    where
        T: DeserializeOwned,
        F: Fn(Sender, T) -> Fut + Send + Sync + 'static,
        Fut: Future<Output: HandlerOutput> + Send + 'static,
    {
        self.node().inbox.on(event, inbox::handler(self.node().codecs.clone(), handler), once)
    }

    /// The messages of this event as a stream; many for one wake-up.
    ///
    /// Messages that came before the first stream or handler waited for it, until their deadline.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let home = tempfile::tempdir()?;
    /// # let channel = ipchannel::Channel::builder("doc")?.directory(home.path().join("channels")).open()?;
    /// let mut numbers = channel.stream::<u32>("number");
    /// channel.to(1).emit("number", &7)?;
    /// let (from, number) = numbers.next().await.expect("the channel is open");
    /// assert!(from.id == 1 && number == 7);
    /// # Ok(()) }
    /// ```
    pub fn stream<T: DeserializeOwned>(&self, event: &str) -> Messages<T> {
        self.node().inbox.stream(event)
    }

    /// Answers [calls](crate::To::call) of this event. The latest answer for an event counts.
    ///
    /// The calls of one sender are answered in order, one after the other: one that takes long holds up those after it,
    /// also when its caller has given up. An error or a panic reaches the caller as text.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let home = tempfile::tempdir()?;
    /// # let channel = ipchannel::Channel::builder("doc")?.directory(home.path().join("channels")).open()?;
    /// channel.answer("divide", |_, (a, b): (i64, i64)| async move { a.checked_div(b).ok_or("division by zero") });
    ///
    /// let quotient: i64 = channel.to(1).call("divide", &(42, 6)).await?;
    /// assert_eq!(quotient, 7);
    /// let error = channel.to(1).call::<_, i64>("divide", &(42, 0)).await.unwrap_err();
    /// assert!(error.is_remote() && error.to_string() == "division by zero");
    /// # Ok(()) }
    /// ```
    pub fn answer<T, R, E, F, Fut>(&self, event: &str, handler: F) -> Subscription
    where
        T: DeserializeOwned,
        R: Serialize,
        E: Display,
        F: Fn(Sender, T) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<R, E>> + Send + 'static,
    {
        self.node().inbox.answer(event, inbox::answer(self.node().codecs.clone(), handler))
    }

    /// Leaves the channel: waits until what was sent has arrived and what arrived is handled, for no longer than
    /// [`Config::close_deadline`](crate::Config::close_deadline), says goodbye, gives back the id and ends every task and
    /// socket. Returns what was not delivered. Streams end, and handlers are dropped.
    ///
    /// The other clones of the channel are closed with it. Closing again returns nothing. The same process can open the
    /// channel again.
    ///
    /// # Cancel safety
    /// Once begun it goes on to the end, also when the future is dropped.
    pub async fn close(&self) -> Vec<Returned> {
        self.node().clone().close().await
    }
}

impl std::fmt::Debug for Channel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Channel").field("name", &self.node().name).field("id", &self.id()).finish_non_exhaustive()
    }
}
