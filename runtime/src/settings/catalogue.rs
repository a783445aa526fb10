//! Every group of settings of every program.
//!
//! One environment serves all of them, so each must tell a name that belongs to another program
//! (ignored) from a name that belongs to nobody (refused).

/// One group, and the keys of it that anybody has.
#[derive(Debug, Clone, Copy)]
pub struct Group {
    /// As in TOML: lower case.
    pub name: &'static str,
    /// Keys of all programs together; a program that has the group has at least one of them.
    pub keys: &'static [&'static str],
}

/// All groups, those that every service has first.
pub const GROUPS: &[Group] = &[
    Group {
        name: "kafka",
        keys: &[
            "bootstrap_servers",
            "security_protocol",
            "sasl_mechanism",
            "sasl_username",
            "sasl_password",
            "ssl_ca_location",
        ],
    },
    Group {
        name: "topics",
        keys: &["prefix", "partitions", "replication", "min_insync_replicas"],
    },
    Group {
        name: "admin",
        keys: &["listen"],
    },
    Group {
        name: "instance",
        keys: &["id"],
    },
    Group {
        name: "telemetry",
        keys: &["otlp_endpoint", "trace_ratio", "log_format", "log_level"],
    },
    Group {
        name: "service",
        keys: &["shutdown_seconds"],
    },
    Group {
        name: "http",
        keys: &[
            "listen",
            "workers",
            "body_bytes_max",
            "body_seconds_max",
            "in_flight_bytes_max",
            "tenant_in_flight_bytes_max",
            "connections_max",
            "trusted_proxies",
            "tls_certificate",
            "tls_key",
            "durable_ms_max",
            "keep_alive_seconds",
            "stop_wait_seconds",
        ],
    },
    Group {
        name: "tenants",
        keys: &["path"],
    },
    Group {
        name: "spool",
        keys: &[
            "dir",
            "bytes_max",
            "free_bytes_min",
            "after_ms",
            "drain_per_second",
        ],
    },
    Group {
        name: "blobs",
        keys: &["url"],
    },
    Group {
        name: "privacy",
        keys: &["key"],
    },
    Group {
        name: "retention",
        keys: &["raw_hours"],
    },
    Group {
        name: "mapping",
        keys: &["path"],
    },
    Group {
        name: "state",
        keys: &["dir"],
    },
    Group {
        name: "window",
        keys: &[
            "hold_ms",
            "hold_ms_by_provider",
            "retain_hours",
            "abandon_hours",
            "waiting_max",
            "waiting_tenant_max",
            "waiting_all_max",
        ],
    },
    Group {
        name: "registry",
        keys: &["url", "username", "password"],
    },
    Group {
        name: "clickhouse",
        keys: &["url", "database", "cluster", "user", "password"],
    },
    Group {
        name: "sink",
        keys: &[
            "flush_ms",
            "slow_flush_ms",
            "batch_rows_max",
            "batch_bytes_max",
        ],
    },
];

/// Keys whose value is never shown. [`super::check_defaults`] compares them with the types.
pub const SECRETS: &[(&str, &str)] = &[
    ("kafka", "sasl_password"),
    ("privacy", "key"),
    ("registry", "password"),
    ("clickhouse", "password"),
];

/// The group of that name, if any program has it.
pub fn group(name: &str) -> Option<&'static Group> {
    GROUPS.iter().find(|group| group.name == name)
}

/// Whether any program has that key.
pub fn has(group_name: &str, key: &str) -> bool {
    group(group_name).is_some_and(|group| group.keys.contains(&key))
}

/// Whether the value of that key is never shown.
pub fn is_secret(group: &str, key: &str) -> bool {
    SECRETS.contains(&(group, key))
}
