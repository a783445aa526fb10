//! The entries for a server whose users stand in files.

use std::fmt::Write as _;

use super::{BOUNDS, FIXED, Grant, Objects, PROFILE};
use schemas::clickhouse::quoted;

/// From where a user may come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Networks {
    /// This machine only.
    Loopback,
    /// Wherever the server can be reached from.
    Everywhere,
}

/// Inside `<profiles>`.
pub(crate) fn profile() -> String {
    let mut values = String::new();
    let mut constraints = String::new();
    for (name, most, least) in BOUNDS {
        write!(values, "<{name}>{most}</{name}>").ok();
        write!(
            constraints,
            "<{name}><min>{least}</min><max>{most}</max></{name}>"
        )
        .ok();
    }
    for (name, value) in FIXED {
        write!(values, "<{name}>{value}</{name}>").ok();
        write!(constraints, "<{name}><const/></{name}>").ok();
    }
    format!("<{PROFILE}>{values}<constraints>{constraints}</constraints></{PROFILE}>\n")
}

impl Grant {
    /// Inside `<users>`.
    pub(crate) fn user_xml(&self, objects: &Objects, networks: Networks) -> String {
        let user = &self.user;
        let networks = match networks {
            Networks::Loopback => "<ip>127.0.0.1</ip><ip>::1</ip>",
            Networks::Everywhere => "<ip>::/0</ip>",
        };
        let database = &self.database;
        let mut rights = String::new();
        for name in objects.names() {
            let (database, name) = (quoted(database), quoted(name));
            write!(
                rights,
                "<query>GRANT SELECT ON {database}.{name}</query>\n      "
            )
            .ok();
        }
        let mut filters = String::new();
        for table in &objects.tables {
            let (name, condition) = (&table.name, self.condition(table));
            write!(
                filters,
                "<{name}><filter>{condition}</filter></{name}>\n      "
            )
            .ok();
        }
        format!(
            "    <{user}>
      <password_sha256_hex>{}</password_sha256_hex>
      <networks>{networks}</networks>
      <profile>{PROFILE}</profile><quota>default</quota>
      <grants>{}</grants>
      <databases><{database}>{}</{database}></databases>
    </{user}>\n",
            self.password_sha256,
            rights.trim_end(),
            filters.trim_end(),
        )
    }

    /// A whole file for the server's `users.d`.
    pub(crate) fn file_xml(&self, objects: &Objects) -> String {
        format!(
            "<clickhouse>\n  <profiles>\n    {}  </profiles>\n  <users>\n{}  </users>\n</clickhouse>\n",
            profile(),
            self.user_xml(objects, Networks::Everywhere)
        )
    }
}
