//! `Surface`: the sides of the server.

use http::Method;

/// A side of the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Surface {
    /// The documented API, and its socket.
    Contract,
    /// The visitor's side, with its socket and its event stream.
    Widget,
    /// The management API.
    Management,
    /// What the server delivers to webhooks.
    Webhook,
    /// `/_mock`. No fault happens to it, and the journal does not record it.
    Control,
    /// The page at `/`, and what it asks again and again to show what there is. Nothing happens to it, nothing records or
    /// counts it: who watches a server is no part of what it is watched for.
    Page,
}

impl Surface {
    /// Those that clients come to.
    pub(crate) const CALLED: [Self; 4] = [Self::Contract, Self::Widget, Self::Management, Self::Control];
    /// Those that faults happen to.
    pub(crate) const FAULTY: [Self; 4] = [Self::Contract, Self::Widget, Self::Management, Self::Webhook];

    /// The side that a request leads to.
    pub(crate) fn of(method: &Method, path: &str) -> Self {
        let is_below = |at: &str| path.strip_prefix(at).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
        // Whoever sends to `/` has a wrong address, and will look for it.
        let reads = method == Method::GET || method == Method::HEAD;
        if reads && (path == "/" || is_below("/_page")) {
            Self::Page
        } else if is_below("/_mock") {
            Self::Control
        } else if is_below("/api/v1") {
            Self::Management
        } else if is_below("/pocketping") || is_below("/api/widget") {
            Self::Widget
        } else {
            Self::Contract
        }
    }

    /// Its name, as it is written in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Contract => "contract",
            Self::Widget => "widget",
            Self::Management => "management",
            Self::Webhook => "webhook",
            Self::Control => "control",
            Self::Page => "page",
        }
    }
}
