use std::future::ready;

use tokio::time::sleep;

use super::*;

fn text(answered: Answered) -> Result<String, String> {
    answered.map(|payload| String::from_utf8(payload.data.to_vec()).unwrap())
}

impl Bench {
    /// What the callers heard, as text.
    fn heard(&self) -> Vec<(u64, Outcome, Result<String, String>)> {
        self.replies().into_iter().map(|(_, call, outcome, answered)| (call.0, outcome, text(answered))).collect()
    }
}

fn answered(call: u64, what: &str) -> (u64, Outcome, Result<String, String>) {
    (call, Outcome::Answered, Ok(what.to_owned()))
}

fn failed(call: u64, why: &str) -> (u64, Outcome, Result<String, String>) {
    (call, Outcome::Failed, Err(why.to_owned()))
}

#[tokio::test(start_paused = true)]
async fn an_answer_goes_to_its_caller_in_the_codec_of_the_call() {
    let bench = Bench::new();
    bench.answer("double", |_, n: u32| ready(Ok(2 * n)));
    let peers = [bench.peer(2), bench.peer(3)];
    peers[0].ask(7, "double", 21);
    peers[1].ask(7, "double", 4);
    bench.noted().await;
    for (to, call, outcome, answered) in bench.replies() {
        let expected = if to == peers[0].from { "42" } else { "8" };
        assert_eq!((call, outcome), (CallId(7), Outcome::Answered));
        assert_eq!(answered.as_ref().map(|payload| payload.codec), Ok(JSON));
        assert_eq!(text(answered), Ok(expected.to_owned()));
    }
}

#[tokio::test(start_paused = true)]
async fn calls_of_one_sender_are_answered_in_order() {
    let bench = Bench::new();
    bench.answer("wait", |_, ms: u64| async move {
        sleep(Duration::from_millis(ms)).await;
        Ok(ms)
    });
    let peer = bench.peer(2);
    [(1, 30), (2, 10), (3, 20)].into_iter().for_each(|(call, ms)| peer.ask(call, "wait", ms));
    bench.noted().await;
    assert_eq!(bench.heard(), [answered(1, "30"), answered(2, "10"), answered(3, "20")]);
    assert_eq!(peer.room(), ROOM);
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_fails_or_panics_reaches_the_caller_as_text() {
    let mut bench = Bench::new();
    bench.answer("n", |_, n: u32| async move {
        match n {
            1 => Err("no".to_owned()),
            2 => panic!("two"),
            n => Ok(n),
        }
    });
    let peer = bench.peer(2);
    (1..=3).for_each(|n| peer.ask(n, "n", n));
    bench.noted().await;
    assert_eq!(bench.heard(), [failed(1, "no"), failed(2, "the handler panicked: two"), answered(3, "3")]);
    assert_eq!(bench.event().await, "2 n: no");
    assert_eq!(bench.event().await, "2 n: the handler panicked: two");
}

#[tokio::test(start_paused = true)]
async fn the_latest_answer_counts() {
    let bench = Bench::new();
    let peer = bench.peer(2);
    let first = bench.answer("n", |_, _: u32| ready(Ok("first")));
    bench.answer("n", |_, _: u32| ready(Ok("second")));
    peer.ask(1, "n", 0);
    bench.noted().await;
    first.cancel();
    peer.ask(2, "n", 0);
    bench.noted().await;
    assert_eq!(bench.heard(), [answered(1, "\"second\""), answered(2, "\"second\"")]);
}

#[tokio::test(start_paused = true)]
async fn messages_are_not_answered_and_requests_not_handled() {
    let bench = Bench::new();
    bench.answer("n", |_, n: u32| ready(Ok(n)));
    let peer = bench.peer(2);
    peer.send("n", 1);
    bench.noted().await;
    assert_eq!(bench.heard(), []);
    bench.note("n");
    peer.ask(2, "n", 2);
    assert_eq!(bench.noted().await, ["2 says 1"]);
    assert_eq!(bench.heard(), [answered(2, "2")]);
}

#[tokio::test(start_paused = true)]
async fn a_request_nobody_answers_is_refused_at_half_its_time() {
    let mut bench = Bench::new();
    bench.note("n");
    let _messages = bench.inbox.stream::<u32>("n");
    let (peer, begun) = (bench.peer(2), now());
    peer.ask(1, "n", 1);
    assert_eq!(bench.event().await, "2 n: unhandled");
    assert_eq!(now() - begun, TTL / 2);
    assert_eq!(bench.heard(), [(1, Outcome::Unhandled, Err(String::new()))]);
    assert_eq!(peer.room(), ROOM);
    assert_eq!(bench.noted().await, [] as [&str; 0]);
}

#[tokio::test(start_paused = true)]
async fn a_request_waits_for_its_answer_to_be_set() {
    let bench = Bench::new();
    let peer = bench.peer(2);
    (1..=2).for_each(|n| peer.ask(n, "n", n));
    sleep(TTL / 2 - Duration::from_millis(1)).await;
    bench.answer("n", |_, n: u32| ready(Ok(n)));
    bench.noted().await;
    assert_eq!(bench.heard(), [answered(1, "1"), answered(2, "2")]);
    sleep(LONG).await;
    assert_eq!(bench.heard(), []);
}
