use std::cell::Cell;
use std::future::ready;

use super::*;

fn no_descriptors() -> io::Error {
    Errno::MFILE.into()
}

#[tokio::test(start_paused = true)]
async fn without_descriptors_it_tries_a_few_times_and_recovers() {
    let (mut pause, tries, begun) = (Pause::default(), Cell::new(0), Instant::now());
    let accept = || {
        tries.set(tries.get() + 1);
        assert!(tries.get() < 1000, "it spins");
        let recovered = begun.elapsed() > Duration::from_secs(60);
        ready(if recovered { Ok(7) } else { Err(no_descriptors()) })
    };
    assert_eq!(accept_patiently(&mut pause, accept).await.unwrap(), 7);
    assert!((100..150).contains(&tries.get()), "{} tries in a minute", tries.get());
    assert_eq!((pause.failures, pause.until), (0, None));
}

#[tokio::test(start_paused = true)]
async fn a_pause_outlives_the_accept_that_began_it() {
    let (mut pause, tries, begun) = (Pause::default(), Cell::new(0), Instant::now());
    while begun.elapsed() < Duration::from_secs(60) {
        let accept = || {
            tries.set(tries.get() + 1);
            ready(Err::<(), _>(no_descriptors()))
        };
        let cancelled = tokio::time::timeout(Duration::from_millis(1), accept_patiently(&mut pause, accept)).await;
        assert!(cancelled.is_err());
    }
    assert!((100..150).contains(&tries.get()), "{} tries in a minute", tries.get());
}

#[tokio::test(start_paused = true)]
async fn what_never_passes_is_an_error_at_once() {
    let begun = Instant::now();
    let error = accept_patiently(&mut Pause::default(), || ready(Err::<(), _>(Errno::BADF.into()))).await.unwrap_err();
    assert_eq!(Errno::from_io_error(&error), Some(Errno::BADF));
    assert_eq!(begun.elapsed(), Duration::ZERO);
}
