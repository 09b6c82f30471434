//! `Front`: what every request passes before it is routed, and every answer after it: the journal, the headers and errors of the
//! contract, and a handler's panic. It stands before the router and not in it, where each layer is copied for each request.

use std::convert::Infallible;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::middleware::from_fn;
use axum::response::Response;
use bytes::Bytes;
use futures::FutureExt;
use http::{HeaderMap, Method};
use tower::{Layer, Service, ServiceExt, service_fn};
use tower_http::cors::CorsLayer;

use super::finish::{finish, panicked};
use super::recorded::{Noted, record, routed};
use crate::app::App;
use crate::surface::Surface;

/// The whole server as one service.
#[derive(Clone, Debug)]
pub(crate) struct Front {
    app: App,
    router: Router,
    /// The same, asked by a page of another origin whether it may.
    preflights: Router,
    /// What such a page may see of the contract's answers: the same for all, since all origins are welcome.
    cors: Arc<HeaderMap>,
}

impl Front {
    /// `cors` is the contract's.
    pub(crate) fn new(app: App, router: Router, cors: CorsLayer) -> Self {
        let nobody = service_fn(|_: Request| async { Ok::<_, Infallible>(Response::default()) });
        let answer: Option<Result<Response, Infallible>> =
            cors.layer(nobody).oneshot(Request::default()).now_or_never();
        let Some(Ok(answer)) = answer else { unreachable!("nobody is waited for") };
        let preflights = router.clone().layer(cors).layer(from_fn(routed));
        Self { app, router, preflights, cors: Arc::new(answer.into_parts().0.headers) }
    }

    async fn answer(self, request: Request) -> Response {
        let surface = Surface::of(request.method(), request.uri().path());
        let noted = Noted::default();
        record(&self.app, surface, &noted, request, |request| {
            finish(&self.app, surface, &noted, request, |request| async {
                match surface {
                    Surface::Contract => self.of_contract(request).await,
                    _ => survived(&self.router, request).await,
                }
            })
        })
        .await
    }

    /// An answer that pages of other origins may read.
    async fn of_contract(&self, request: Request) -> Response {
        if request.method() == Method::OPTIONS {
            return survived(&self.preflights, request).await;
        }
        let mut answer = survived(&self.router, request).await;
        let headers = answer.headers_mut();
        for (name, value) in &*self.cors {
            headers.append(name.clone(), value.clone());
        }
        answer
    }
}

/// The router's answer, or that of a handler that panicked.
async fn survived(router: &Router, request: Request) -> Response {
    match AssertUnwindSafe(router.clone().oneshot(request)).catch_unwind().await {
        Ok(Ok(answer)) => answer,
        Err(cause) => panicked(cause),
    }
}

impl<B> Service<http::Request<B>> for Front
where
    B: hyper::body::Body<Data = Bytes, Error: Into<axum::BoxError>> + Send + 'static,
{
    type Response = Response;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<B>) -> Self::Future {
        let (front, request) = (self.clone(), request.map(Body::new));
        Box::pin(async move { Ok(front.answer(request).await) })
    }
}
