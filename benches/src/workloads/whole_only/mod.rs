//! Workloads that take longer to build than all the rest, on axum and tokio, and regex: feature `whole`, which a first table does without.

use super::Workload;

mod log_scan;
mod order_service;
mod service_load;

pub(super) const ALL: &[Workload] = &[log_scan::WORKLOAD, order_service::WORKLOAD, service_load::WORKLOAD];
