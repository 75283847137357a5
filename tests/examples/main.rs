//! The examples, run as people run them.
#![cfg(unix)]

mod program;

use program::Program;

#[test]
fn the_cluster_loses_nothing_when_its_host_is_killed() {
    let mut cluster = Program::start("cluster", &[]);
    cluster.hears("kill -9");
    cluster.hears("are complete again");
    cluster.hears("Nothing was lost, doubled or out of order, and no id changed.");
    assert!(cluster.ends().success());
}

#[test]
fn the_cluster_fails_when_a_worker_does() {
    let mut cluster = Program::start("cluster", &[]);
    let line = cluster.hears("four processes, pids ");
    let pid = line.split_whitespace().last().expect("a pid");
    program::signal("KILL", pid);
    assert!(!cluster.ends().success());
}

#[test]
fn each_call_of_request_reply_ends_as_it_should() {
    let mut calls = Program::start("request_reply", &[]);
    calls.hears("42 / 6            7");
    calls.hears("its process dies  delivery unknown");
    assert!(calls.ends().success());
}

#[test]
fn a_chat_shows_who_comes_and_goes_and_who_hosts() {
    let rooms = tempfile::tempdir().expect("a directory");
    let enter = |name| Program::start_in("chat", &["room", name], &rooms.path().join("rooms"));
    let mut ada = enter("ada");
    ada.hears("* you are 1");
    let mut bob = enter("bob");
    bob.hears("* you are 2");
    bob.hears("* ada [1] (host)");
    ada.hears("* bob [2] joined");

    ada.says("hello");
    bob.hears("ada [1]: hello");
    bob.says("/to 1 psst");
    ada.hears("bob [2] to you: psst");
    bob.says("/who");
    bob.hears("* bob [2]");
    bob.says("/nonsense");
    bob.hears("* /who, /to <id> <text>, /quit");

    ada.is_killed();
    bob.hears("* ada [1] is gone");
    bob.hears("* bob [2] hosts");
    let mut ada = enter("ada");
    ada.hears("* you are 1");
    bob.hears("* ada [1] joined");

    bob.says("/quit");
    assert!(bob.ends().success());
    ada.hears("* bob [2] left");
    ada.hears("* ada [1] hosts");
    ada.says_no_more();
    ada.hears("* you left");
    assert!(ada.ends().success());
}

#[test]
fn ctrl_c_leaves_the_chat_in_good_order() {
    let rooms = tempfile::tempdir().expect("a directory");
    let mut ada = Program::start_in("chat", &["room", "ada"], &rooms.path().join("rooms"));
    ada.hears("* you are 1");
    ada.says("/who");
    // When it listens to its input it listens to signals, too.
    ada.hears("* ada [1] (host)");
    ada.is_sent("INT");
    ada.hears("* you left");
    assert!(ada.ends().success());
}

#[test]
fn a_name_is_in_a_room_but_once() {
    let rooms = tempfile::tempdir().expect("a directory");
    let enter = || Program::start_in("chat", &["room", "ada"], &rooms.path().join("rooms"));
    let mut ada = enter();
    ada.hears("* you are 1");
    assert!(!enter().ends().success());
}

#[test]
fn hello_greets_all_that_are_there() {
    let home = tempfile::tempdir().expect("a directory");
    let mut first = Program::start_in("hello", &[], &home.path().join("channels"));
    first.hears("1 says hello, I am 1");
    let _second = Program::start_in("hello", &[], &home.path().join("channels"));
    first.hears("2 says hello, I am 2");
}
