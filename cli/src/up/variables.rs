//! How everything is reached, as environment variables: for the services, for our own commands, and
//! for whoever sources `waybill.env`.

use std::collections::BTreeMap;

use local_stack::{Part, Stack};

use super::{
    Folder, SERVICES,
    analysts::{Analysts, DATABASE},
    inherited,
    keeper::Keeper,
};
use crate::settings::{self, Settings};

const MAPPING: &str = "WAYBILL__MAPPING__PATH";

/// Which port is whose; the stack takes the first five.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ports(u16);

impl From<u16> for Ports {
    fn from(base: u16) -> Self {
        Self(base)
    }
}

impl Ports {
    const INGEST: u16 = 5;
    const ADMIN: u16 = 6;

    fn ingest(self) -> u16 {
        self.0.saturating_add(Self::INGEST)
    }

    pub(super) fn ingest_url(self) -> String {
        format!("http://127.0.0.1:{}", self.ingest())
    }

    /// Of the service at this place among [`SERVICES`].
    pub(super) fn admin(self, service: usize) -> u16 {
        let place = u16::try_from(service).unwrap_or(u16::MAX);
        self.0.saturating_add(Self::ADMIN).saturating_add(place)
    }
}

/// All but the pids, which change.
#[derive(Clone, Debug)]
pub(crate) struct Variables {
    settings: Vec<(String, String)>,
    addresses: Vec<(String, String)>,
}

impl Variables {
    pub(super) fn of(
        stack: &Stack,
        (folder, analysts): (&Folder, &Analysts),
        ports: Ports,
    ) -> Self {
        let path = |path: &std::path::Path| path.display().to_string();
        let settings = [
            ("KAFKA__BOOTSTRAP_SERVERS", stack.kafka_bootstrap()),
            ("TOPICS__PREFIX", "waybill.".to_owned()),
            ("TOPICS__PARTITIONS", "4".to_owned()),
            ("TOPICS__REPLICATION", "1".to_owned()),
            ("TOPICS__MIN_INSYNC_REPLICAS", "1".to_owned()),
            ("REGISTRY__URL", stack.registry_url()),
            ("CLICKHOUSE__URL", stack.clickhouse_url()),
            ("CLICKHOUSE__DATABASE", DATABASE.to_owned()),
            ("CLICKHOUSE__USER", stack.clickhouse_user().to_owned()),
            ("CLICKHOUSE__PASSWORD", String::new()),
            ("HTTP__LISTEN", format!("127.0.0.1:{}", ports.ingest())),
            ("TENANTS__PATH", path(folder.tenants())),
            ("PRIVACY__KEY_FILE", path(&folder.privacy_key())),
            ("SPOOL__DIR", path(&folder.spool())),
            ("STATE__DIR", path(&folder.state())),
            ("BLOBS__URL", folder.blobs_url().to_owned()),
            ("INSTANCE__ID", "local".to_owned()),
        ];
        let mut addresses = vec![("WAYBILL_INGEST_URL".to_owned(), ports.ingest_url())];
        addresses.extend(SERVICES.iter().enumerate().map(|(place, service)| {
            let name = format!("WAYBILL_ADMIN_{}", service.to_uppercase());
            (name, format!("http://127.0.0.1:{}", ports.admin(place)))
        }));
        addresses.extend(analysts.passwords());
        let settings = settings.map(|(name, value)| (format!("WAYBILL__{name}"), value));
        // a replay by another mapping than the normalizer's would undo what it reads
        let mapping = inherited().remove_entry(MAPPING);
        let settings: Vec<_> = settings.into_iter().chain(mapping).collect();
        Self {
            settings,
            addresses,
        }
    }

    /// What a service is started with: what this process was given, and ours over it.
    pub(super) fn for_service(&self, admin_port: u16) -> BTreeMap<String, String> {
        let mut variables = self.over_inherited();
        variables
            .entry("WAYBILL__TELEMETRY__LOG_FORMAT".to_owned())
            .or_insert_with(|| "text".to_owned());
        variables.insert(
            "WAYBILL__ADMIN__LISTEN".to_owned(),
            format!("127.0.0.1:{admin_port}"),
        );
        variables
    }

    pub(super) fn settings(&self) -> anyhow::Result<Settings> {
        settings::of_variables(None, self.over_inherited())
    }

    /// A key can be given in two forms, and only one of them may stand.
    fn over_inherited(&self) -> BTreeMap<String, String> {
        let mut variables = inherited();
        for (name, value) in &self.settings {
            let stem = name.strip_suffix("_FILE").unwrap_or(name);
            variables.remove(stem);
            variables.remove(&format!("{stem}_FILE"));
            variables.insert(name.clone(), value.clone());
        }
        variables
    }

    /// Everything, for `waybill.env`. A program that is dead just now has no pid.
    pub(super) fn with_pids(&self, stack: &Stack, keeper: &Keeper) -> Vec<(String, String)> {
        let services = keeper.pids().map(|(name, pid)| (name.to_uppercase(), pid));
        let parts = Part::ALL.map(|part| (part.name().to_uppercase(), stack.pid(part)));
        let pids = services
            .chain(parts)
            .filter_map(|(name, pid)| Some((format!("WAYBILL_PID_{name}"), pid?.to_string())));
        self.settings
            .iter()
            .chain(&self.addresses)
            .cloned()
            .chain(pids)
            .collect()
    }
}
