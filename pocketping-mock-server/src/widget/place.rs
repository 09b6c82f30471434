//! `Place`: which project a widget's address leads to.

use axum::extract::{FromRequestParts, RawPathParams};
use http::request::Parts;
use http::{HeaderName, header::HOST};
use pocketping_sdk::ProjectId;
use url::form_urlencoded::byte_serialize;

use crate::app::App;
use crate::store::{Rejection, TenantId};

/// Which project a widget's address leads to, and how that address begins.
#[derive(Clone, Debug)]
pub(super) struct Place {
    pub(super) tenant: TenantId,
    pub(super) project: ProjectId,
    /// The widget's endpoint, as the client reached it.
    pub(super) endpoint: String,
}

impl FromRequestParts<App> for Place {
    type Rejection = Rejection;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Rejection> {
        let params = RawPathParams::from_request_parts(parts, app)
            .await
            .map_err(|_| Rejection::Invalid("the project id in the path is not UTF-8".to_owned()))?;
        let named = params.iter().find(|(name, _)| *name == "projectId").map(|(_, id)| ProjectId::from(id));
        let (tenant, project) = app.place(named.as_ref())?;
        let mount = match &named {
            Some(id) => format!("/api/widget/{}", byte_serialize(id.as_str().as_bytes()).collect::<String>()),
            None => "/pocketping".to_owned(),
        };
        Ok(Self { tenant, project, endpoint: format!("{}{mount}", origin(parts)) })
    }
}

/// The server's address as the client wrote it: files are fetched from there.
fn origin(parts: &Parts) -> String {
    let text = |name: HeaderName| parts.headers.get(name).and_then(|value| value.to_str().ok());
    let scheme = match text(HeaderName::from_static("x-forwarded-proto")) {
        Some("https") => "https",
        _ => "http",
    };
    format!("{scheme}://{}", text(HOST).unwrap_or("localhost"))
}
