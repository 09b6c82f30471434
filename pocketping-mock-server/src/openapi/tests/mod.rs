//! The descriptions against the server: its routes, its answers, its frames; and each against itself.

mod contract;
mod control;
mod descriptions;
mod documents;
mod player;
mod routes;
mod served;
mod sockets;
mod widget;
