//! Opening a channel with settings of one's own.

use std::fmt;
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ipchannel_codec::{BoxWire, Codecs, Native};
use ipchannel_core::layer::RetryBudget;
use ipchannel_core::link::Inlets;
use ipchannel_core::router::{Router, RouterDriver};
use ipchannel_core::{Identity, Roster};
use ipchannel_election::Directory;
use ipchannel_election::claims::{Claims, FileClaims};
use ipchannel_election::machine::{Election, Policy};
use ipchannel_election::seat::Wish;
use ipchannel_transport::{BoxTransport, Place, Recommended, Transport};
use tokio::runtime::Handle;
use tokio::sync::{Notify, Semaphore, watch};
use tokio_util::task::TaskTracker;

use crate::Channel;
use crate::calls::Calls;
use crate::config::Config;
use crate::error::{Error, ErrorKind, with_causes};
use crate::event::EventSender;
use crate::inbox::Inbox;
use crate::membership::Membership;
use crate::name::{Name, executable};
use crate::node::{Node, Phase, State};
use crate::outgoing::Outgoing;
use crate::process::NodeRef;
use crate::seat::Seats;
use crate::tasks::Tasks;

/// Opens a channel with settings of one's own; made by [`Channel::builder`].
///
/// ```no_run
/// # fn example() -> Result<(), ipchannel::Error> {
/// let channel = ipchannel::Channel::builder("jobs")?.identity("worker-1").open()?;
/// # Ok(()) }
/// ```
#[must_use = "a builder opens nothing until `open`"]
pub struct Builder {
    name: Name,
    config: Config,
    transport: Option<BoxTransport>,
    claims: Option<Arc<dyn Claims>>,
    environment: bool,
}

impl Builder {
    pub(crate) fn new(name: Name) -> Self {
        Builder { name, config: Config::default(), transport: None, claims: None, environment: true }
    }

    /// All settings at once; those made before are gone.
    pub fn config(mut self, config: Config) -> Self {
        self.config = config;
        self
    }

    /// The identity this process must have, see [`Config::identity`].
    pub fn identity(mut self, identity: impl Into<Arc<str>>) -> Self {
        self.config.identity = Some(Identity::new(identity));
        self
    }

    /// How long a message may take, see [`Config::deadline`].
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.config.deadline = deadline;
        self
    }

    /// Where the private directories of all channels are, see [`Config::directory`]. For tests, so that they meet nobody:
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let home = tempfile::tempdir()?;
    /// let channel = ipchannel::Channel::builder("jobs")?.directory(home.path().join("channels")).open()?;
    /// assert_eq!(channel.ready().await?, 1);
    /// # Ok(()) }
    /// ```
    pub fn directory(mut self, directory: impl Into<PathBuf>) -> Self {
        self.config.directory = Some(directory.into());
        self
    }

    /// Reads nothing from the environment: neither an identity nor `IPCHANNEL_DIR`.
    pub fn ignore_environment(mut self) -> Self {
        self.environment = false;
        self
    }

    /// How bytes travel, in place of what suits the platform. The same in all processes of a channel.
    pub fn transport(mut self, transport: impl Transport) -> Self {
        self.transport = Some(BoxTransport::new(transport));
        self
    }

    /// Where claims are kept, in place of the private directory. The same in all processes of a channel.
    pub fn claims(mut self, claims: impl Claims) -> Self {
        self.claims = Some(Arc::new(claims));
        self
    }

    /// Opens the channel, at once: joining goes on in the background, and sending works already.
    ///
    /// # Errors
    /// Outside a tokio runtime with IO and time enabled; settings that cannot be; a private directory that is not ours
    /// alone.
    pub fn open(self) -> Result<Channel, Error> {
        let runtime = Handle::try_current().map_err(|error| {
            Error::caused(
                ErrorKind::Runtime,
                "a channel is opened within a tokio runtime: call `open` in async code",
                error,
            )
        })?;
        self.check()?;
        let environment = |name: &str| std::env::var(name).ok().filter(|_| self.environment);
        let wish = match &self.config.identity {
            Some(identity) => Wish::Require(identity.clone()),
            None => crate::identity::from_environment(environment).map_or(Wish::Any, Wish::Prefer),
        };
        let seats = Seats { wish, executable: executable()? };
        let (claims, directory) = match self.claims.clone() {
            Some(claims) => (claims, PathBuf::from(self.name.as_str())),
            None => {
                let home = self.config.directory.clone().or_else(|| environment("IPCHANNEL_DIR").map(PathBuf::from));
                let directory = Directory::open(home.as_deref(), self.name.as_str()).map_err(|error| {
                    // It says what to do, so it goes where everybody looks.
                    Error::new(ErrorKind::Io, with_causes(&error))
                })?;
                let path = directory.path().to_owned();
                (Arc::new(FileClaims::new(Arc::new(directory))) as Arc<dyn Claims>, path)
            }
        };
        let place = Place::new(directory, format!("{:016x}", fastrand::u64(..)));
        let (node, driver) = self.node(runtime, claims);
        node.tasks.spawn(driver);
        node.tasks.spawn(Membership::run(node.clone(), seats, place));
        Ok(Channel::new(node))
    }

    fn check(&self) -> Result<(), Error> {
        let config = &self.config;
        let wrong = |text: &str| Err(Error::new(ErrorKind::Config, text));
        if config.beat.is_zero() || config.host_limit < 2 * config.beat {
            return wrong("`beat` must not be zero, and `host_limit` must be at least two beats");
        }
        if config.outgoing.messages == 0 || config.incoming.messages == 0 || config.max_connections == 0 {
            return wrong("a limit of no message or connection at all leaves nothing to be done");
        }
        if config.max_message > config.outgoing.bytes || config.max_message > config.incoming.bytes {
            return wrong("`max_message` must fit into the limits `outgoing` and `incoming`");
        }
        if config.identity.as_ref().is_some_and(|identity| identity.as_str().is_empty()) {
            return wrong("an identity must not be empty");
        }
        Ok(())
    }

    fn node(self, runtime: Handle, claims: Arc<dyn Claims>) -> (Arc<Node>, RouterDriver) {
        let config = self.config;
        let tasks = Tasks::new(runtime);
        let events = EventSender::new();
        let codecs = Arc::new(Codecs::default());
        let transport = self.transport.unwrap_or_else(|| BoxTransport::new(Recommended::default()));
        let frame_limit = config.max_message + FRAME_ROOM;
        let wire = BoxWire::new(Native::new(ipchannel_codec::Policy { frame_limit, ..Default::default() }));
        let election = Election::new(Policy { beat: config.beat, limit: config.host_limit, ..Policy::default() });
        let mut driver = None;
        let node = Arc::new_cyclic(|weak| {
            let this = NodeRef(weak.clone());
            let outgoing = Arc::new(Outgoing::new(this.clone(), tasks.clone(), &config));
            let ways = outgoing.clone();
            let (router, router_driver) = Router::new(this.clone(), move |id| ways.open(id), config.outgoing);
            driver = Some(router_driver);
            Node {
                inlets: Inlets::new(Arc::new(this.clone()), self.name.as_str(), config.incoming),
                inbox: Inbox::new(
                    codecs.clone(),
                    events.clone(),
                    Box::new(this.clone()),
                    tasks.clone(),
                    config.deadline,
                ),
                outgoing,
                connections: Arc::new(Semaphore::new(config.max_connections)),
                name: self.name,
                config,
                codecs,
                codec: ipchannel_codec::MSGPACK,
                wire,
                transport,
                claims,
                tasks,
                events,
                router,
                calls: Calls::default(),
                retries: RetryBudget::default(),
                served: TaskTracker::new(),
                closing: AtomicBool::new(false),
                phase: watch::Sender::new(Phase::Joining),
                work: Notify::new(),
                state: Mutex::new(State {
                    me: None,
                    roster: Roster::new(),
                    election,
                    seat: None,
                    hosting: None,
                    suspects: Default::default(),
                    callers: Default::default(),
                }),
            }
        });
        (node, driver.expect("made with the node"))
    }
}

impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder").field("name", &self.name).field("config", &self.config).finish_non_exhaustive()
    }
}

/// What a frame may hold beside what a message counts.
const FRAME_ROOM: usize = 64;
