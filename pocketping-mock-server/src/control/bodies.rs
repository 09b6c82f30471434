//! The bodies that a visitor's calls and an operator's share.

use serde::Deserialize;

/// Something is said.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Words {
    pub(super) content: String,
}

/// The AI is switched on or off.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Ai {
    pub(super) enabled: bool,
}

/// Somebody types, or stopped.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct Typing {
    pub(super) is_typing: bool,
}
