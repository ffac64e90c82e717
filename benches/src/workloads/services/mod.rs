//! Workloads that are whole services, on axum and tokio: feature `services`, since building these takes longer than all the rest.

use super::Workload;

mod order_service;
mod service_load;

pub(super) const ALL: &[Workload] = &[order_service::WORKLOAD, service_load::WORKLOAD];
