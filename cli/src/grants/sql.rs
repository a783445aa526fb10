//! The statements for a server that keeps its users itself.

use schemas::clickhouse::quoted;

use super::{BOUNDS, FIXED, Grant, Objects, PROFILE};

impl Grant {
    /// In an order in which an end at any place shows nobody too much: rights go first and come
    /// last. `operator` is who asks, and goes on seeing everything: on a server that shows no rows to
    /// users without a policy, the first policy would blind the sink.
    pub(crate) fn statements(&self, objects: &Objects, operator: &str) -> Vec<String> {
        let (database, user) = (quoted(&self.database), quoted(&self.user));
        let operator = quoted(operator);
        let mut statements = vec![
            profile(),
            format!(
                "CREATE USER IF NOT EXISTS {user} IDENTIFIED WITH sha256_hash BY '{}' \
                 SETTINGS PROFILE {PROFILE}",
                self.password_sha256
            ),
            format!("ALTER USER {user} SETTINGS PROFILE {PROFILE}"),
            format!("REVOKE ALL ON {database}.* FROM {user}"),
        ];
        for table in &objects.tables {
            let (name, condition) = (quoted(&table.name), self.condition(table));
            let policy = |kind: &str| quoted(&format!("waybill_{kind}_{}", self.user));
            // the first one opens these rows; the second keeps all others shut, whatever else is
            // ever opened to this user
            statements.extend([
                format!(
                    "CREATE ROW POLICY OR REPLACE {} ON {database}.{name} USING {condition} \
                     AS PERMISSIVE TO {user}",
                    policy("own")
                ),
                format!(
                    "CREATE ROW POLICY OR REPLACE {} ON {database}.{name} USING {condition} \
                     AS RESTRICTIVE TO {user}",
                    policy("only")
                ),
                format!(
                    "CREATE ROW POLICY OR REPLACE `waybill_operator` ON {database}.{name} USING 1 \
                     AS PERMISSIVE TO {operator}"
                ),
            ]);
        }
        let rights = objects
            .names()
            .map(|name| format!("GRANT SELECT ON {database}.{} TO {user}", quoted(name)));
        statements.extend(rights);
        statements
    }
}

fn profile() -> String {
    let bounds = BOUNDS
        .iter()
        .map(|(name, most, least)| format!("{name} = {most} MIN {least} MAX {most}"));
    let fixed = FIXED
        .iter()
        .map(|(name, value)| format!("{name} = '{}' CONST", value.replace('\'', "\\'")));
    let settings: Vec<String> = bounds.chain(fixed).collect();
    format!(
        "CREATE SETTINGS PROFILE OR REPLACE {PROFILE} SETTINGS {}",
        settings.join(", ")
    )
}
