//! When an event may leave its window. Pure: what is known in, a named decision out.

use schemas::{DeliveryEvent, Kind};

/// Why an event left its window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// Its previous status is the one released before it, or it is the first and says so.
    Continues,
    /// It bears no status, and nothing earlier waits.
    NoStatus,
    /// Its time is our own receipt: waiting would tell nothing.
    Receipt,
    /// Its hold ended.
    HoldEnded,
    /// It sorts before an event that leaves.
    Swept,
    /// Too many of the order waited.
    Full,
    /// Too many of the tenant waited.
    TenantFull,
    /// Too many waited in all.
    AllFull,
}

impl Cause {
    pub const ALL: [Self; 8] = [
        Self::Continues,
        Self::NoStatus,
        Self::Receipt,
        Self::HoldEnded,
        Self::Swept,
        Self::Full,
        Self::TenantFull,
        Self::AllFull,
    ];

    pub fn label(self) -> &'static str {
        match self {
            Self::Continues => "continues",
            Self::NoStatus => "no_status",
            Self::Receipt => "receipt",
            Self::HoldEnded => "hold_ended",
            Self::Swept => "swept",
            Self::Full => "order_full",
            Self::TenantFull => "tenant_full",
            Self::AllFull => "all_full",
        }
    }
}

/// Whether the first event of a window leaves at once. `before` is the carrier's word of the last
/// released status that sorts before it.
pub fn leaves_at_once(event: &DeliveryEvent, before: Option<&str>) -> Option<Cause> {
    if event.status.is_none() {
        return Some(Cause::NoStatus);
    }
    let previous = event.provider_previous_status.as_deref();
    let continues = match before {
        Some(before) => previous == Some(before),
        None => previous == Some("") || event.kind == Kind::OrderCreated,
    };
    continues.then_some(Cause::Continues)
}
