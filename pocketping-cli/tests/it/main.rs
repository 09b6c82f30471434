//! The real binary against the reference server: what it prints, where, and how it ends.

#![allow(clippy::unwrap_used, reason = "tests")]

mod cursor;
mod demo;
mod environment;
mod failures;
mod forward;
mod help;
mod listen;
mod mock;
mod output;
mod receiver;
mod replay;
mod run;
mod scenarios;
mod sessions;
mod tail;
mod wait;
