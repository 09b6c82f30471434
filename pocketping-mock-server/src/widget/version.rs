//! Version negotiation: every call says the widget's version, and is told how that stands.

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::{HeaderName, StatusCode};
use serde_json::json;

use crate::app::App;
use crate::http::{Answer, insert};
use crate::versions::Standing;

pub(super) const VERSION: HeaderName = HeaderName::from_static("x-pocketping-version");
/// What is answered: standing, oldest, newest, sentence.
pub(super) const ANSWERS: [&str; 4] = [
    "x-pocketping-version-status",
    "x-pocketping-min-version",
    "x-pocketping-latest-version",
    "x-pocketping-version-message",
];

/// Serves what may be served, and says how the widget's version stands wherever there is something to say.
pub(super) async fn negotiate(State(app): State<App>, request: Request, next: Next) -> Response {
    let said = request.headers().get(VERSION).and_then(|value| value.to_str().ok());
    let standing = app.versions.standing(said);
    let message = app.versions.message(standing);
    let (min, latest) = (app.versions.min.map(|v| v.to_string()), app.versions.latest.map(|v| v.to_string()));
    let mut response = if standing == Standing::Unsupported {
        let body = json!({"error": "unsupported widget version", "message": message,
                          "minVersion": min, "latestVersion": latest});
        Answer::json(StatusCode::UPGRADE_REQUIRED, &body).into_response()
    } else {
        next.run(request).await
    };
    if min.is_some() || latest.is_some() {
        let told = [Some(standing.as_str().to_owned()), min, latest, message];
        for (name, value) in ANSWERS.into_iter().zip(told) {
            if let Some(value) = value {
                insert(response.headers_mut(), HeaderName::from_static(name), &value);
            }
        }
    }
    response
}
