//! The real binary against the reference server: what it prints, where, and how it ends.

#![allow(clippy::unwrap_used, reason = "tests")]

mod api;
mod chat;
mod classes;
mod completions;
mod cursor;
mod demo;
mod doctor;
mod environment;
mod everything;
mod export;
mod failures;
mod forward;
mod help;
mod inbox;
mod listen;
mod man;
mod mock;
mod output;
mod pty;
mod receiver;
mod replay;
mod run;
mod scenarios;
mod sessions;
mod settings;
mod signing;
mod stats;
mod stub;
mod tail;
mod terminal;
mod traced;
mod trigger;
mod wait;
