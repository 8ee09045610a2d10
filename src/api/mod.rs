//! The daemon over HTTP: status, live resources, calls, plans. Reads values from the loop and hands
//! it approvals; decides nothing itself.

mod access;
mod bounded;
mod dto;
mod events;
mod live;
mod plans;
mod problem;
mod time;

pub use access::{Access, Token, TokenError};
pub use plans::MAX_PLAN_BYTES;
pub use problem::Problem;
pub use time::rfc3339;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::{get, post};
use tokio::net::TcpListener;

use crate::reconcile::Handle;

/// Bodies of requests that carry no manifests, in bytes.
const MAX_BODY_BYTES: usize = 64 * 1024;

/// Answers requests until `stop` ends; those in progress are finished.
pub async fn serve(
    listener: TcpListener,
    handle: Handle,
    access: Access,
    stop: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    axum::serve(bounded::Bounded::new(listener), router(handle, access))
        .with_graceful_shutdown(stop)
        .await
}

fn router(handle: Handle, access: Access) -> Router {
    let plans = Router::new()
        .route("/api/v1/plans", post(plans::create))
        .layer(DefaultBodyLimit::max(MAX_PLAN_BYTES));
    let api = Router::new()
        .route("/api/v1/status", get(live::status))
        .route("/api/v1/resources", get(live::resources))
        .route("/api/v1/observed", get(live::observed))
        .route("/api/v1/calls", get(live::calls))
        .route("/api/v1/events", get(events::events))
        .route("/api/v1/history", get(live::history))
        .route("/api/v1/plans/{digest}/approve", post(plans::approve))
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
        .merge(plans)
        .fallback(problem::not_found)
        .method_not_allowed_fallback(problem::method_not_allowed)
        .layer(axum::middleware::from_fn_with_state(access, access::check));
    // Probes carry no token and tell nothing that would need one.
    Router::new()
        .route("/healthz", get(live::healthz))
        .route("/readyz", get(live::readyz))
        .merge(api)
        .with_state(handle)
}
