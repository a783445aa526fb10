//! What one tenant's analyst may read, as SQL and as an entry of users.xml. Pure: text out.
//!
//! Access is granted object by object, never by `*`: a table that comes later stays closed until
//! somebody decides on its rows. Every table that a view reads has a row policy, because views run
//! with the rights of whoever asks. Raw bodies are in no table, and no right to read files, URLs or
//! other sources is given.

mod objects;
mod sql;
mod xml;

use schemas::TenantId;
use sha2::{Digest, Sha256};

use crate::WrongUse;

pub(crate) use objects::Objects;
pub(crate) use xml::{Networks, profile as profile_xml};

/// The settings profile of all analysts.
pub(crate) const PROFILE: &str = "waybill_analyst";

const GIB: u64 = 1 << 30;
const MIB: u64 = 1 << 20;

/// What an analyst can set within bounds: name, default and largest, smallest. None of them may be
/// 0, which means "without limit" to the server.
const BOUNDS: &[(&str, u64, u64)] = &[
    ("max_memory_usage", GIB, MIB),
    ("max_execution_time", 60, 1),
    ("max_threads", 4, 1),
    ("max_final_threads", 4, 1),
];
/// What an analyst can't set at all: the limits of all queries together, and the ways around others.
const FIXED: &[(&str, &str)] = &[
    // queries only, with settings that stay within the bounds: what Grafana and drivers need
    ("readonly", "2"),
    ("max_memory_usage_for_user", "2147483648"),
    // a dashboard asks everything at once
    ("max_concurrent_queries_for_user", "32"),
    // a query would be counted only once it had taken this much
    ("max_untracked_memory", "4194304"),
    ("timeout_overflow_mode", "throw"),
    ("max_execution_time_leaf", "60"),
    ("allow_ddl", "0"),
    ("allow_introspection_functions", "0"),
    // these read the marks and projections of a table past its row policies; `0` leaves no row of them
    ("additional_table_filters", BEHIND_POLICIES),
    // one tenant's answers would be handed to another
    ("query_cache_share_between_users", "0"),
];

/// The table functions that show what lies in parts, each by the name under which a filter finds it.
const BEHIND_POLICIES: &str = "{'_table_function.mergeTreeIndex':'0',\
    '_table_function.mergeTreeProjection':'0','_table_function.mergeTreeTextIndex':'0',\
    '_table_function.mergeTreeAnalyzeIndexes':'0','_table_function.mergeTreeAnalyzeIndexesUUID':'0'}";

/// Who is to see what.
#[derive(Clone, Debug)]
pub(crate) struct Grant {
    pub(crate) database: String,
    pub(crate) tenant: TenantId,
    pub(crate) user: String,
    /// SHA-256 of the password, lower-case hex; the password itself reaches no log of the server.
    pub(crate) password_sha256: String,
}

const NAME_BYTES_MAX: usize = 100;

impl Grant {
    /// Refuses names that would mean something else in SQL or XML than here.
    pub(crate) fn new(
        database: &str,
        tenant: &str,
        user: &str,
        password: &str,
    ) -> Result<Self, WrongUse> {
        let word = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        let is_name = |name: &str| {
            name.len() <= NAME_BYTES_MAX
                && name.bytes().all(word)
                && name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
        };
        let tenant = TenantId::new(tenant)
            .ok()
            .filter(|id| id.as_str().bytes().all(word))
            .ok_or_else(|| {
                WrongUse("a tenant's name is made of A-Z, a-z, 0-9, - and _".to_owned())
            })?;
        if !is_name(user) {
            return Err(WrongUse(
                "--user: use up to 100 of A-Z, a-z, 0-9, - and _, and begin with a letter".into(),
            ));
        }
        if !is_name(database) {
            return Err(WrongUse(
                "clickhouse.database: use A-Z, a-z, 0-9, - and _, and begin with a letter".into(),
            ));
        }
        Ok(Self {
            database: database.to_owned(),
            tenant,
            user: user.to_owned(),
            password_sha256: hex::encode(Sha256::digest(password)),
        })
    }

    /// The condition of the rows of a table. A table without a tenant has nothing of any.
    fn condition(&self, table: &objects::Table) -> String {
        if table.has_tenant {
            format!("tenant_id = '{}'", self.tenant)
        } else {
            "1".to_owned()
        }
    }
}

/// The variable that holds the password of a tenant's analyst.
pub(crate) fn password_variable(tenant: &str) -> String {
    let word = tenant.to_uppercase().replace('-', "_");
    format!("WAYBILL_ANALYST_PASSWORD_{word}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grant() -> Grant {
        Grant::new("waybill", "acme-1", "analyst_acme-1", "hunter-2").unwrap()
    }

    #[test]
    fn names_that_could_be_read_as_something_else_are_refused() {
        for (database, tenant, user) in [
            ("waybill", "a' OR '1", "u"),
            ("waybill", "acme", "u`"),
            ("waybill", "acme", "1u"),
            ("waybill", "acme", ""),
            ("a.b", "acme", "u"),
            ("waybill", "", "u"),
        ] {
            assert!(
                Grant::new(database, tenant, user, "p").is_err(),
                "{tenant} {user}"
            );
        }
    }

    #[test]
    fn rights_come_last_and_every_object_is_named() {
        let statements = grant().statements(&Objects::embedded(), "waybill");
        let first_grant = statements
            .iter()
            .position(|statement| statement.starts_with("GRANT"))
            .unwrap();
        assert!(
            statements[first_grant..]
                .iter()
                .all(|s| s.starts_with("GRANT SELECT ON "))
        );
        assert!(statements.iter().all(|s| !s.contains(".* TO")));
        let objects = Objects::embedded();
        for table in &objects.tables {
            let policies = statements
                .iter()
                .filter(|s| s.contains("ROW POLICY") && s.contains(&format!(".`{}`", table.name)));
            assert_eq!(policies.count(), 3, "{}", table.name);
        }
        assert!(!statements.join(";").contains("hunter-2"));
    }

    #[test]
    fn the_entry_of_a_file_has_a_filter_for_every_table_and_a_right_for_every_object() {
        let objects = Objects::embedded();
        let text = grant().user_xml(&objects, Networks::Everywhere);
        for table in &objects.tables {
            assert!(
                text.contains(&format!("<{}><filter>", table.name)),
                "{text}"
            );
        }
        let rights = objects.tables.len() + objects.views.len();
        assert_eq!(text.matches("GRANT SELECT ON `waybill`.`").count(), rights);
        assert!(!text.contains("hunter-2") && text.contains(&grant().password_sha256));
    }

    #[test]
    fn no_limit_can_be_set_to_none() {
        assert!(
            BOUNDS
                .iter()
                .all(|(_, most, least)| *least > 0 && least <= most)
        );
        let profile = profile_xml();
        for (name, ..) in BOUNDS {
            assert!(profile.contains(&format!("<{name}><min>")), "{profile}");
        }
        for (name, _) in FIXED {
            assert!(
                profile.contains(&format!("<{name}><const/></{name}>")),
                "{profile}"
            );
        }
    }

    #[test]
    fn the_password_stands_in_a_variable_of_the_tenants_name() {
        let check = |tenant: &str, expected: &str| assert_eq!(password_variable(tenant), expected);
        check("acme", "WAYBILL_ANALYST_PASSWORD_ACME");
        check("acme-foods", "WAYBILL_ANALYST_PASSWORD_ACME_FOODS");
    }
}
