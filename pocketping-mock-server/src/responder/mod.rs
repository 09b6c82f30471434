//! The scripted AI: answers as `ai` when nobody did in time.
//!
//! One timer runs per session, from the first unanswered message of its visitor. An answer, a close or switching the AI
//! off ends it.

mod rules;
mod run;
mod timers;

pub use rules::{Responder, RulesError};

pub(crate) use run::run;
pub(crate) use timers::{Due, Timers};
