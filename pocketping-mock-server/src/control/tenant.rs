//! Whose tables a control call is about: the first key's, or those of the `tenant` or `key` it names.

use axum::extract::{FromRequestParts, RawQuery};
use http::request::Parts;
use url::form_urlencoded;

use crate::app::App;
use crate::store::{Rejection, TenantId};

#[derive(Clone, Debug)]
pub(super) struct Tenant(pub(super) TenantId);

impl FromRequestParts<App> for Tenant {
    type Rejection = Rejection;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Rejection> {
        let query = RawQuery::from_request_parts(parts, app).await;
        let RawQuery(query) = query.unwrap_or_else(|never| match never {});
        let query = query.unwrap_or_default();
        let pairs = form_urlencoded::parse(query.as_bytes());
        let (mut tenant, mut key) = (None, None);
        for (name, value) in pairs {
            match name.as_ref() {
                "tenant" => tenant = Some(value.into_owned()),
                "key" => key = Some(value.into_owned()),
                _ => {}
            }
        }
        match (tenant, key) {
            (Some(_), Some(_)) => Err(Rejection::Invalid("`tenant` and `key` cannot both be given".to_owned())),
            (Some(name), None) => app.tenant_named(&name).map(Self),
            (None, Some(key)) => app.tenant_of(&key).map(Self),
            (None, None) => Ok(Self(app.first_tenant.clone())),
        }
    }
}
