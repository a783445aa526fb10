//! The listener for operators: `/healthz`, `/readyz`, `/metrics`.
