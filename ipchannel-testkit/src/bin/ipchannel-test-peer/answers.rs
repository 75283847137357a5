//! Calls, and the answers to them.

use std::time::Duration;

use ipchannel::{Channel, Error, Sender};
use ipchannel_testkit::protocol::{CallError, Report};

use crate::out::Out;

/// Answers `double`, `fail`, `panic`, and `sleep` (for so many milliseconds).
pub(crate) fn install(channel: &Channel) {
    channel.answer("double", |_: Sender, value: u64| async move { Ok::<u64, String>(2 * value) });
    channel.answer("fail", |_: Sender, value: u64| async move { Err::<u64, String>(format!("no {value}")) });
    channel.answer("panic", |_: Sender, value: u64| async move {
        assert!(value == u64::MAX, "told to panic");
        Ok::<u64, String>(value)
    });
    channel.answer("sleep", |_: Sender, value: u64| async move {
        tokio::time::sleep(Duration::from_millis(value)).await;
        Ok::<u64, String>(value)
    });
}

pub(crate) fn call(channel: Channel, to: u32, event: String, value: u64, deadline: Duration, out: Out) {
    tokio::spawn(async move {
        let result = channel.to(to).deadline(deadline).call::<u64, u64>(&event, &value).await;
        out.tell(Report::Called { event, value, result: result.map_err(|error| kind(&error)) });
    });
}

fn kind(error: &Error) -> CallError {
    match error {
        _ if error.is_timeout() => CallError::Timeout,
        _ if error.is_unhandled() => CallError::Unhandled,
        _ if error.is_remote() => CallError::Remote(error.to_string()),
        _ if error.is_unreachable() => CallError::Unreachable,
        _ if error.is_closed() => CallError::Closed,
        _ => CallError::Other(error.to_string()),
    }
}
