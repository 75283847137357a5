//! Who hosts an ipchannel and who holds which id.

pub mod machine;
pub mod seat;
