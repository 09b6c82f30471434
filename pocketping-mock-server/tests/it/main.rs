//! The server from the outside: literal HTTP and frames against literal JSON, without the SDK's client.

#![allow(clippy::unwrap_used, reason = "tests")]

mod additions;
mod consistency;
mod control;
mod deliveries;
mod deployed;
mod deployed_delivery;
mod events;
mod faults;
mod journal;
mod lifecycle;
mod management;
mod metrics;
mod page;
mod paging;
mod receiver;
mod reference;
mod refusals;
mod responder;
mod scenarios;
mod seeds;
mod socket;
mod strict;
mod time;
mod widget;
mod wire;
