//! `Visit`: how a visitor comes to the website.

use pocketping_sdk::{Identity, Metadata, ProjectId, VisitorId};
use serde_json::Value;

/// How a visitor comes to the website.
///
/// ```
/// use pocketping_mock_server::{MockServer, Visit};
///
/// let server = MockServer::start();
/// let session = server.visitor_opens_session(Visit::new().page_url("https://example.com/pricing"));
/// assert_eq!(session.metadata.page_url.as_deref(), Some("https://example.com/pricing"));
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
#[must_use]
pub struct Visit {
    pub(super) visitor_id: Option<VisitorId>,
    pub(super) project_id: Option<ProjectId>,
    pub(super) metadata: Metadata,
    pub(super) identity: Option<Identity>,
    pub(super) is_online: Option<bool>,
}

impl Visit {
    /// A new visitor on no page in particular.
    pub fn new() -> Self {
        Self::default()
    }

    /// Comes back as a visitor who was here before.
    pub fn visitor(mut self, id: impl Into<VisitorId>) -> Self {
        self.visitor_id = Some(id.into());
        self
    }

    /// The page the visitor is on.
    pub fn page_url(mut self, url: impl Into<String>) -> Self {
        self.metadata.page_url = Some(url.into());
        self
    }

    /// The visitor's browser.
    pub fn user_agent(mut self, user_agent: impl Into<String>) -> Self {
        self.metadata.user_agent = Some(user_agent.into());
        self
    }

    /// Anything else about the visit, as a field of the session's `metadata`.
    pub fn metadata(mut self, key: impl Into<String>, value: impl Into<Value>) -> Self {
        self.metadata.extra.insert(key.into(), value.into());
        self
    }

    /// All of the metadata at once.
    pub(crate) fn all_metadata(mut self, metadata: Metadata) -> Self {
        self.metadata = metadata;
        self
    }

    /// The website the visitor is on.
    pub(crate) fn project(mut self, id: ProjectId) -> Self {
        self.project_id = Some(id);
        self
    }

    /// Who the visitor is, where that is known.
    pub(crate) fn identity(mut self, identity: Option<Identity>) -> Self {
        self.identity = identity;
        self
    }

    /// Whether the visitor's browser is there.
    pub(crate) fn online(mut self) -> Self {
        self.is_online = Some(true);
        self
    }
}
