//! The names of all tenants of a tenants file, those without an endpoint too, whom ingest has no use for.

use std::{collections::BTreeSet, fs, path::Path};

use anyhow::Context as _;
use toml::{Table, Value};

use crate::sender;

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
