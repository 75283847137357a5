//! Whole channels of many processes, over memory and on a paused clock: what a user sees.

#![expect(clippy::unwrap_used, reason = "a test ends where something is not as it must be")]

mod calls;
mod leaving;
mod messages;
mod world;
