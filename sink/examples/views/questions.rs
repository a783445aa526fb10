//! What is asked of each view, of whom, and how long it may take on two cores.

/// Tables whose size and parts are shown.
pub(crate) const WATCHED: [&str; 5] = [
    "events_log",
    "receipts_log",
    "orders_log",
    "set_aside_log",
    "first_loads_log",
];

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scope {
    /// A tenant with less than one in a hundred rows.
    Small,
    /// The tenant with a fifth.
    Large,
    Day,
    All,
}

impl Scope {
    pub(crate) const fn label(self) -> &'static str {
        match self {
            Self::Small => "1% tenant",
            Self::Large => "20% tenant",
            Self::Day => "a day",
            Self::All => "all",
        }
    }

    pub(crate) fn filter(self, view: &str) -> String {
        let column = match view {
            "unaccounted" | "unreceived" => "received_at",
            "orders_behind" => "first_received_at",
            _ => "minute",
        };
        match self {
            Self::Small => "tenant_id = 'tenant-030'".into(),
            Self::Large => "tenant_id = 'tenant-000'".into(),
            Self::Day => format!("{column} >= '2026-08-24' AND {column} < '2026-08-25'"),
            Self::All => "1".into(),
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Goals for everybody.
    Quick,
    /// None for all tenants at once.
    Tenant,
    Accounting,
}

pub(crate) struct Question {
    pub(crate) view: &'static str,
    pub(crate) columns: &'static str,
    kind: Kind,
}

impl Question {
    pub(crate) const fn scopes(&self) -> &'static [Scope] {
        match self.kind {
            Kind::Quick | Kind::Tenant => &[Scope::Small, Scope::Large, Scope::All],
            Kind::Accounting => &[Scope::Small, Scope::Large, Scope::Day, Scope::All],
        }
    }

    pub(crate) fn sql(&self, scope: Scope) -> String {
        let (columns, view) = (self.columns, self.view);
        let filter = scope.filter(view);
        format!("SELECT {columns} FROM {{database}}.{view} WHERE {filter} GROUP BY ALL")
    }

    pub(crate) fn goal_ms(&self, scope: Scope) -> Option<f64> {
        match (scope, self.kind) {
            (Scope::Small, _) => Some(200.0),
            (Scope::Large, _) if self.view == "order_timeline" => Some(1000.0),
            (Scope::Large, _) => Some(500.0),
            (Scope::Day, _) => Some(1000.0),
            (Scope::All, Kind::Quick) => Some(2000.0),
            (Scope::All, Kind::Tenant) => None,
            (Scope::All, Kind::Accounting) if self.view == "unaccounted" => Some(3000.0),
            (Scope::All, Kind::Accounting) => Some(10_000.0),
        }
    }
}

pub(crate) fn all() -> Vec<Question> {
    let ask = |view, columns, kind| Question {
        view,
        columns,
        kind,
    };
    vec![
        ask("events", "provider, status, count()", Kind::Quick),
        ask("delivery_events", "order_status, count()", Kind::Tenant),
        ask("orders", "status, count(), avg(total_seconds)", Kind::Quick),
        ask(
            "deliveries",
            "status, count(), avg(total_seconds), sum(order_count)",
            Kind::Quick,
        ),
        ask(
            "order_timeline",
            "status, avg(seconds_since_previous), max(position)",
            Kind::Tenant,
        ),
        ask(
            "balances",
            "balance_currency, sum(balance_amount)",
            Kind::Tenant,
        ),
        ask(
            "receipts",
            "verdict, count(), sum(body_bytes)",
            Kind::Tenant,
        ),
        ask(
            "set_aside",
            "reason, count(), count(resolved_at)",
            Kind::Tenant,
        ),
        ask("unaccounted", "state, last_seen, count()", Kind::Accounting),
        ask("unreceived", "count(), sum(outcomes)", Kind::Accounting),
        ask("orders_behind", "count(), max(sequence)", Kind::Accounting),
        ask(
            "completeness",
            "sum(received), sum(in_events), sum(set_aside), sum(duplicates), sum(unaccounted)",
            Kind::Accounting,
        ),
        ask(
            "freshness",
            "sum(events), max(p99_seconds)",
            Kind::Accounting,
        ),
        ask(
            "provider_daily",
            "sum(deliveries), sum(delivered), max(p90_delivery_minutes)",
            Kind::Quick,
        ),
        ask("secret_use", "secret_id, sum(verified)", Kind::Quick),
    ]
}
