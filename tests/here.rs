//! The channel of an executable is the same one, whichever way its processes were started.

#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "a test ends where something is not as it must be")]

use std::path::Path;
use std::process::Command;
use std::{env, fs};

const CHILD: &str = "IPCHANNEL_TEST_SAYS_ITS_CHANNEL";

/// What the others start: it says the name of its channel, and does nothing as a test.
#[tokio::test]
async fn child() {
    if env::var_os(CHILD).is_some() {
        println!("channel: {}", ipchannel::Channel::here().unwrap().name());
    }
}

fn channel_of(command: &mut Command, home: &Path) -> String {
    let output = command.env(CHILD, "1").env("IPCHANNEL_DIR", home.join("home")).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let line = text.lines().find_map(|line| line.split_once("channel: ")).unwrap_or_else(|| panic!("{text}"));
    line.1.to_owned()
}

#[test]
fn a_symlink_a_relative_path_spaces_and_another_parent_give_the_same_channel() {
    let temporary = tempfile::tempdir().unwrap();
    let home = temporary.path();
    let (folder, elsewhere) = (home.join("a folder"), home.join("elsewhere"));
    fs::create_dir(&folder).unwrap();
    fs::create_dir(&elsewhere).unwrap();
    let program = folder.join("the program");
    fs::copy(env::current_exe().unwrap(), &program).unwrap();
    std::os::unix::fs::symlink(&program, elsewhere.join("link")).unwrap();
    std::os::unix::fs::symlink(&folder, elsewhere.join("way")).unwrap();

    let args = ["--exact", "child", "--nocapture"];
    let shell = |script: &str| {
        let mut command = Command::new("sh");
        command.args(["-c", script]).current_dir(&folder);
        command
    };
    let names = [
        channel_of(Command::new(&program).args(args), home),
        channel_of(Command::new(elsewhere.join("link")).args(args), home),
        channel_of(Command::new(elsewhere.join("way/the program")).args(args), home),
        channel_of(&mut shell("'./the program' --exact child --nocapture"), home),
        channel_of(
            &mut shell("cd ../elsewhere && exec './way/../a folder/the program' --exact child --nocapture"),
            home,
        ),
        channel_of(&mut shell("(sh -c '../elsewhere/link --exact child --nocapture')"), home),
    ];
    let canonical = program.canonicalize().unwrap();
    assert!(names.iter().all(|name| Path::new(name) == canonical), "{names:?}");

    let other = folder.join("another program");
    fs::copy(&program, &other).unwrap();
    assert_ne!(channel_of(Command::new(&other).args(args), home), names[0]);
}
