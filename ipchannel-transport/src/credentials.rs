/// Who a process is, as the system says and not as it claims itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Credentials {
    /// The user. This decides who gets in.
    pub uid: u32,
    /// The process: for people to read. Nothing may depend on it, since it is unknown or another one across pid
    /// namespaces, and numbers are re-used.
    pub pid: Option<u32>,
}

impl Credentials {
    /// Of this user and process.
    pub fn new(uid: u32, pid: Option<u32>) -> Self {
        Credentials { uid, pid }
    }

    /// The (effective) user and id of this process.
    ///
    /// # Platform-specific behavior
    /// `None` where users have no number.
    #[cfg(unix)]
    pub fn of_this_process() -> Option<Self> {
        Some(Credentials { uid: rustix::process::geteuid().as_raw(), pid: Some(std::process::id()) })
    }

    /// The (effective) user and id of this process.
    ///
    /// # Platform-specific behavior
    /// `None` where users have no number.
    #[cfg(not(unix))]
    pub fn of_this_process() -> Option<Self> {
        None
    }
}
