//! Trunkline: GitOps for SIP trunks. `ARCHITECTURE.md` is the map.

pub mod api;
pub mod apply;
pub mod cli;
pub mod diag;
pub mod engine;
pub mod locate;
pub mod manifest;
pub mod model;
pub mod net;
pub mod plan;
pub mod port;
pub mod reconcile;
pub mod routing;
pub mod sip;
pub mod source;
pub mod store;
pub mod transaction;
pub mod validate;
