//! The names of all tenants of a tenants file, those without an endpoint too, whom ingest has no use for.

use std::{collections::BTreeSet, fs, path::Path};

use anyhow::Context as _;
use serde::Deserialize;
use toml::{Table, Value};

use crate::{WrongUse, clickhouse::Clickhouse, sender, settings::Settings};

/// Refuses a name that nobody has: a typing error would read as "nothing is wrong". The store is asked first:
/// a tenant may have left the file, and a file that is broken is no reason not to look.
pub(crate) async fn must_exist(
    settings: &Settings,
    clickhouse: &Clickhouse,
    tenant: Option<&str>,
) -> anyhow::Result<()> {
    let Some(tenant) = tenant else {
        return Ok(());
    };
    #[derive(Deserialize)]
    struct Known {
        known: u8,
    }
    let sql = "SELECT count() > 0 AS known FROM (SELECT 1 FROM {database}.receipts_log \
        WHERE tenant_id = {tenant:String} LIMIT 1)";
    let found: Vec<Known> = clickhouse.rows(sql, &[("tenant", tenant)]).await?;
    if found.first().is_some_and(|row| row.known == 1) {
        return Ok(());
    }
    let names = settings
        .tenants_path()
        .map(names)
        .transpose()?
        .unwrap_or_default();
    if names.contains(tenant) {
        return Ok(());
    }
    let names: Vec<String> = names.into_iter().collect();
    let there = if names.is_empty() {
        "set WAYBILL__TENANTS__PATH to have them listed".to_owned()
    } else {
        format!("there are: {}", names.join(", "))
    };
    let text = format!("no tenant {tenant}, and no webhook was ever received for one; {there}");
    Err(WrongUse(text).into())
}

/// Of a file, or of the `*.toml` files of a folder. What is wrong with them is wrong use.
pub(crate) fn names(path: &Path) -> anyhow::Result<BTreeSet<String>> {
    sender::tenants(path)?;
    let reading = || format!("reading {}", path.display());
    let mut files = Vec::new();
    if fs::metadata(path).with_context(reading)?.is_dir() {
        for entry in fs::read_dir(path).with_context(reading)? {
            let file = entry.with_context(reading)?.path();
            let name = file.file_name().unwrap_or_default().to_string_lossy();
            if name.ends_with(".toml") && !name.starts_with('.') {
                files.push(file);
            }
        }
    } else {
        files.push(path.to_owned());
    }
    let mut names = BTreeSet::new();
    for file in files {
        let text = fs::read_to_string(&file).with_context(reading)?;
        let table: Table = toml::from_str(&text).with_context(reading)?;
        let tenants = table.get("tenants").and_then(Value::as_table);
        names.extend(tenants.into_iter().flat_map(Table::keys).cloned());
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tenant_without_an_endpoint_is_one_all_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
        write("a.toml", "[tenants.acme]\nname = \"Acme\"\n");
        write("b.toml", "[tenants.rival]\n[tenants.third]\n");
        write(".hidden.toml", "[tenants.nobody]\n");
        let all = names(folder.path()).unwrap();
        assert_eq!(
            all.into_iter().collect::<Vec<_>>(),
            ["acme", "rival", "third"]
        );
        assert_eq!(names(&folder.path().join("a.toml")).unwrap().len(), 1);
        assert!(names(&folder.path().join("c.toml")).is_err());
    }
}
