//! `Routes`: a router that knows the paths it was given, so that a description of the API can be compared with it.

use axum::Router;
use axum::routing::MethodRouter;

use crate::app::App;

/// Routes, and the paths they were given.
#[derive(Clone, Debug, Default)]
pub(crate) struct Routes {
    router: Router<App>,
    #[cfg(test)]
    paths: Vec<&'static str>,
}

impl Routes {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    pub(crate) fn route(mut self, path: &'static str, methods: MethodRouter<App>) -> Self {
        self.router = self.router.route(path, methods);
        #[cfg(test)]
        self.paths.push(path);
        self
    }

    pub(crate) fn merge(mut self, other: Self) -> Self {
        self.router = self.router.merge(other.router);
        #[cfg(test)]
        self.paths.extend(other.paths);
        self
    }

    pub(crate) fn into_router(self) -> Router<App> {
        self.router
    }

    /// The paths, as they were given.
    #[cfg(test)]
    pub(crate) fn paths(&self) -> &[&'static str] {
        &self.paths
    }
}
