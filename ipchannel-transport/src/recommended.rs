/// The transport that this platform is best served with, and that channels use unless told otherwise.
///
/// # Platform-specific behavior
/// Unix sockets on every unix. On other platforms it answers everything with [`Unsupported`](crate::Unsupported).
pub type Recommended = crate::uds::Uds;
