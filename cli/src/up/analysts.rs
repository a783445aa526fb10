//! A ClickHouse user for each tenant, who sees that tenant's rows. The local server reads its users at
//! start only, so they are made before it; a tenant that is added later has one after the next start.

use std::{collections::BTreeMap, fs, io::ErrorKind};

use anyhow::Context as _;

use super::Folder;
use crate::{
    WrongUse,
    commands::new_token,
    env_file,
    grants::{Grant, Networks, Objects, password_variable},
    tenants,
};

/// The database of an installation on this machine.
pub(super) const DATABASE: &str = "waybill";

#[derive(Debug)]
pub(super) struct Analysts {
    grants: Vec<Grant>,
    passwords: BTreeMap<String, String>,
}

impl Analysts {
    /// For each tenant of the tenants file. Passwords are made once and kept in the folder.
    pub(super) fn prepare(folder: &Folder) -> anyhow::Result<Self> {
        let names = tenants::names(folder.tenants())?;
        let path = folder.analysts();
        let mut passwords = match fs::read_to_string(&path) {
            Ok(text) => env_file::read(&text),
            Err(error) if error.kind() == ErrorKind::NotFound => BTreeMap::new(),
            Err(error) => return Err(error).with_context(|| format!("reading {}", path.display())),
        };
        let known = passwords.len();
        let mut grants: Vec<Grant> = Vec::with_capacity(names.len());
        let mut variables: BTreeMap<String, &str> = BTreeMap::new();
        for tenant in &names {
            let variable = password_variable(tenant);
            if let Some(other) = variables.insert(variable.clone(), tenant) {
                return Err(WrongUse(format!(
                    "the tenants {other} and {tenant} would share the variable {variable}: rename one"
                ))
                .into());
            }
            let password = match passwords.get(&variable) {
                Some(password) => password,
                None => passwords.entry(variable).or_insert(new_token()?),
            };
            let user = format!("analyst_{tenant}");
            grants.push(Grant::new(DATABASE, tenant, &user, password)?);
        }
        if passwords.len() > known {
            let all: Vec<(String, String)> = passwords.clone().into_iter().collect();
            env_file::write(&path, &all).with_context(|| format!("writing {}", path.display()))?;
        }
        // one of a tenant that is gone is kept for its return, and not told
        passwords.retain(|variable, _| variables.contains_key(variable));
        Ok(Self { grants, passwords })
    }

    /// For the server's file of users.
    pub(super) fn users_xml(&self) -> String {
        let objects = Objects::embedded();
        let users = self
            .grants
            .iter()
            .map(|grant| grant.user_xml(&objects, Networks::Loopback));
        users.collect()
    }

    /// For `waybill.env`.
    pub(super) fn passwords(&self) -> impl Iterator<Item = (String, String)> {
        self.passwords.clone().into_iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(tenants: &[&str]) -> String {
        let tenant = |(number, name): (usize, &&str)| {
            format!(
                "[tenants.{name}]\n[[tenants.{name}.endpoints]]\nid = \"e{number}\"\n\
                 provider = \"ordatic\"\ntoken = \"token-of-twenty-two-chars-{number}\"\n\
                 verification = \"off\"\n"
            )
        };
        tenants.iter().enumerate().map(tenant).collect()
    }

    fn prepared(root: &tempfile::TempDir, tenants: &[&str]) -> anyhow::Result<Analysts> {
        let path = root.path().join("tenants.toml");
        fs::write(&path, file(tenants)).unwrap();
        let folder = Folder::prepare(root.path(), Some(path), "http://127.0.0.1:1").unwrap();
        Analysts::prepare(&folder)
    }

    #[test]
    fn each_tenant_has_a_user_whose_password_stays() {
        let root = tempfile::tempdir().unwrap();
        let one = prepared(&root, &["acme"]).unwrap();
        let two = prepared(&root, &["acme", "rival-foods"]).unwrap();
        let password = |of: &Analysts, variable: &str| of.passwords[variable].clone();
        let acme = "WAYBILL_ANALYST_PASSWORD_ACME";
        assert_eq!(password(&one, acme), password(&two, acme));
        let rival = password(&two, "WAYBILL_ANALYST_PASSWORD_RIVAL_FOODS");
        assert_ne!(rival, password(&two, acme));
        let users = two.users_xml();
        assert!(users.contains("<analyst_acme>") && users.contains("<analyst_rival-foods>"));
        assert!(!users.contains(&rival));
        assert!(
            !prepared(&root, &["acme"])
                .unwrap()
                .passwords
                .contains_key(&rival)
        );
    }

    #[test]
    fn two_tenants_with_one_variable_are_refused_by_name() {
        let root = tempfile::tempdir().unwrap();
        let error = prepared(&root, &["a-b", "a_b"]).unwrap_err();
        assert!(
            error.is::<WrongUse>() && error.to_string().contains("a-b"),
            "{error}"
        );
    }
}
