//! `Place`: which project a widget's address leads to.

use axum::extract::{FromRequestParts, RawPathParams};
use http::request::Parts;
use http::{HeaderName, header::HOST};
use pocketping_sdk::ProjectId;
use url::Url;

use crate::app::App;
use crate::http::{is_of_this_machine, note_tenant};
use crate::store::{Rejection, TenantId};

/// The longest `Host` that is taken.
const MOST_HOST: usize = 255;

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
            .map_err(|_| Rejection::Invalid("the path is not UTF-8".to_owned()))?;
        let named = params.iter().find(|(name, _)| *name == "projectId").map(|(_, id)| ProjectId::from(id));
        let (tenant, project) = app.place(named.as_ref())?;
        note_tenant(&parts.extensions, &tenant);
        let mut endpoint = app.public_url.clone().unwrap_or_else(|| origin(parts, app));
        let segments = named.iter().flat_map(|id| ["api", "widget", id.as_str()]);
        if let Ok(mut path) = endpoint.path_segments_mut() {
            path.pop_if_empty().extend(segments.chain(named.is_none().then_some("pocketping")));
        }
        Ok(Self { tenant, project, endpoint: endpoint.into() })
    }
}

/// The server's address as the client wrote it, since that is how its browser reaches the server; on a server that only
/// this machine can reach it must be a name of this machine, for operators are shown addresses made of it.
fn origin(parts: &Parts, app: &App) -> Url {
    let text = |name: HeaderName| parts.headers.get(name).and_then(|value| value.to_str().ok());
    let scheme = match text(HeaderName::from_static("x-forwarded-proto")) {
        Some("https") => "https",
        _ => app.own_url.scheme(),
    };
    let host = text(HOST).filter(|host| host.len() <= MOST_HOST);
    let said = host.and_then(|host| Url::parse(&format!("{scheme}://{host}")).ok());
    let is_plain = |url: &Url| url.path() == "/" && url.query().is_none() && url.username().is_empty();
    let said = said.filter(|url| is_plain(url) && (!app.is_loopback || is_of_this_machine(url)));
    said.unwrap_or_else(|| app.own_url.clone())
}
