//! Calls and their answers, and each way in which a call can fail: `cargo run --example request_reply`.
//!
//! The program starts a second process, itself, which answers.

use std::error::Error;
use std::process::{Child, Command};
use std::time::Duration;

use ipchannel::Channel;
use tokio::time::sleep;

type BoxError = Box<dyn Error + Send + Sync>;

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let mut args = std::env::args().skip(1);
    match (args.next().as_deref(), args.next()) {
        (Some("answer"), Some(directory)) => answer(&directory).await,
        _ => ask().await,
    }
}

/// The second process: answers until it is killed.
async fn answer(directory: &str) -> Result<(), BoxError> {
    let channel = open(directory)?;
    channel.answer("divide", |_, (a, b): (i64, i64)| async move { a.checked_div(b).ok_or("division by zero") });
    channel.answer("take your time", |_, ()| async {
        sleep(Duration::from_secs(1)).await;
        Ok::<(), String>(())
    });
    channel.answer("crash", |_, ()| async { std::process::abort() as Result<(), String> });
    channel.ready().await?;
    std::future::pending().await
}

/// The first process: has id 1, so the second has 2.
async fn ask() -> Result<(), BoxError> {
    let temporary = tempfile::tempdir()?;
    let directory = temporary.path().join("channels");
    let channel = open(&directory)?;
    channel.ready().await?;
    let _second = Killed(Command::new(std::env::current_exe()?).arg("answer").arg(directory).spawn()?);

    // It is not up yet: the request waits for it.
    let quotient: i64 = channel.to(2).call("divide", &(42, 6)).await?;
    println!("42 / 6            {quotient}");
    if quotient != 7 {
        return Err("a wrong answer".into());
    }

    let failed = channel.to(2).call::<_, i64>("divide", &(42, 0)).await;
    expect("42 / 0", failed, ipchannel::Error::is_remote)?;

    let wrong = channel.to(2).call::<_, String>("divide", &(42, 6)).await;
    expect("42 / 6 as text", wrong, ipchannel::Error::is_codec)?;

    let unknown = channel.to(2).deadline(Duration::from_millis(500)).call::<_, i64>("multiply", &(6, 7)).await;
    expect("6 * 7", unknown, ipchannel::Error::is_unhandled)?;

    let late = channel.to(2).deadline(Duration::from_millis(200)).call::<_, ()>("take your time", &()).await;
    expect("within 200 ms", late, ipchannel::Error::is_timeout)?;

    // To this very process, and not to a successor with its id.
    let second = channel.members().into_iter().find(|member| member.id() == 2).ok_or("2 is not here")?;
    let gone = channel.to(&second).call::<_, ()>("crash", &()).await;
    expect("its process dies", gone, ipchannel::Error::is_unreachable)?;

    channel.close().await;
    Ok(())
}

fn open(directory: impl Into<std::path::PathBuf>) -> Result<Channel, ipchannel::Error> {
    Channel::builder("request-reply")?.directory(directory).ignore_environment().open()
}

/// Each failure has its own kind.
fn expect<T>(
    what: &str,
    result: Result<T, ipchannel::Error>,
    kind: fn(&ipchannel::Error) -> bool,
) -> Result<(), BoxError> {
    match result {
        Err(error) if kind(&error) => println!("{what:<17} {error}"),
        Err(error) => return Err(error.into()),
        Ok(_) => return Err(format!("{what}: a failure was expected").into()),
    }
    Ok(())
}

/// A process that ends when this does.
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
