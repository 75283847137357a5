//! Start it in two terminals, or in ten: `cargo run --example hello`.

use ipchannel::{All, Channel};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let channel = Channel::open("hello")?;
    channel.on("message", |from, text: String| async move { println!("{} says {text}", from.id) });

    let id = channel.ready().await?;
    channel.to(All).send(&format!("hello, I am {id}"))?;

    tokio::signal::ctrl_c().await?;
    channel.close().await;
    Ok(())
}
