//! The real parts, started at the first use and shared by the tests of one process.

use std::{
    process::{Command, Stdio},
    sync::OnceLock,
};

use local_stack::{Options, Silent, Stack};

use crate::children::binary;

/// The database that the analysts below may read: the server takes its users at start only, so it
/// can't be one that a test makes up.
pub const ANALYSTS_DATABASE: &str = "tenancy";
/// A user `tenancy_<tenant>` for each; nothing is ever received for the second.
pub const ANALYSTS_TENANTS: [&str; 2] = ["acme", "stranger"];
pub const ANALYSTS_PASSWORD: &str = "an-analysts-password";

static STACK: OnceLock<Stack> = OnceLock::new();

/// The stack of this test run. Its children hang on a pipe to this process and end with it.
pub fn shared() -> &'static Stack {
    STACK.get_or_init(|| {
        // Statics are not dropped: a fixed folder, emptied at the start, does not pile up.
        let folder = crate::children::target_folder().join("pipeline-stack");
        drop(std::fs::remove_dir_all(&folder));
        let mut options = Options::new(folder);
        for tenant in ANALYSTS_TENANTS {
            let entry = users_xml(tenant);
            let inside = |tag: &str| {
                let (_, rest) = entry.split_once(&format!("<{tag}>")).expect("an entry");
                rest.split_once(&format!("</{tag}>"))
                    .expect("an entry")
                    .0
                    .to_owned()
            };
            options.clickhouse.users_xml += &inside("users");
            options.clickhouse.profiles_xml = inside("profiles");
        }
        Stack::start(options, &Silent).expect("the stack starts")
    })
}

/// What an operator would put into the server's folder of users.
fn users_xml(tenant: &str) -> String {
    let user = format!("tenancy_{tenant}");
    let output = Command::new(binary("waybill"))
        .args([
            "tenants",
            "grant",
            tenant,
            "--user",
            &user,
            "--format",
            "users-xml",
        ])
        // not where a demo may have left the settings of its own system
        .current_dir(std::env::temp_dir())
        .env_clear()
        .env("WAYBILL__CLICKHOUSE__DATABASE", ANALYSTS_DATABASE)
        .env(
            format!("WAYBILL_ANALYST_PASSWORD_{}", tenant.to_uppercase()),
            ANALYSTS_PASSWORD,
        )
        .stdin(Stdio::null())
        .output()
        .expect("waybill starts");
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).expect("text")
}
