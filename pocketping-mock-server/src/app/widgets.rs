//! What the widget's surface asks that is no operation on the tables.

use std::sync::Arc;

use pocketping_sdk::{ProjectId, SessionId};

use super::{App, State};
use crate::store::{After, Rejection, ScreenshotRequest, TenantId};
use crate::widgets::{First, Joined};

impl App {
    /// Adds a widget that shows this session. It is shown what changed since then, or else the last messages, and the
    /// rating it is still asked for; and hears then of everything.
    pub(crate) fn join(
        &self,
        tenant: &TenantId,
        project: &ProjectId,
        session: &SessionId,
        after: Option<&str>,
    ) -> Result<Joined, Rejection> {
        let mut state = self.lock();
        let State { store, widgets, .. } = &mut *state;
        let tables = store.tenant(tenant, &self.0.ids);
        tables.session_in(project, session)?;
        let messages = match after {
            Some(after) => tables.news(session, after, After::OfWidget)?,
            None => tables.recent(session)?,
        };
        let first = First {
            warning: tables.widget_version(session).and_then(|version| self.0.versions.warning(version)),
            messages,
            rating_asked: tables.rating_asked(session),
        };
        Ok(widgets.join(tenant, session, Some(project), first))
    }

    /// Hands out the screenshots that a session's browser is still asked for, each once: to one that hears.
    pub(crate) fn hand_out_screenshots(&self, tenant: &TenantId, session: &SessionId) -> Vec<ScreenshotRequest> {
        self.lock().store.tenant(tenant, &self.0.ids).hand_out_screenshots(session)
    }

    /// The tenant and the project that a widget's address leads to.
    pub(crate) fn place(&self, project: Option<&ProjectId>) -> Result<(TenantId, ProjectId), Rejection> {
        let mut state = self.lock();
        let Some(project) = project else {
            let tenant = &self.0.first_tenant;
            let project = state.store.tenant(tenant, &self.0.ids).project().id.clone();
            return Ok((Arc::clone(tenant), project));
        };
        let tenant = state.store.tenant_of_project(project).ok_or(Rejection::ProjectNotFound)?;
        Ok((Arc::clone(tenant), project.clone()))
    }
}
