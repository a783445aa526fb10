//! ClickHouse out of `libchdb`: `clickhouse local`, told to open its ports and to run a query that
//! never ends.

use std::ffi::OsString;
use std::fs;
use std::path::Path;

use sha2::{Digest, Sha256};

use crate::child::Invocation;
use crate::disk;
use crate::error::{Error, While};
use crate::launcher;
use crate::options::ClickhouseOptions;
use crate::part::Part;
use crate::place::{Place, write_private};

const ADMIN: &str = "waybill";
const NOBODY: &str = "default";
const QUERY: &str = "SYSTEM START LISTEN QUERIES ALL; \
    SELECT sleepEachRow(3) FROM system.numbers FORMAT Null SETTINGS max_block_size=1";

impl ClickhouseOptions {
    /// Who may do everything.
    pub fn user(&self) -> &'static str {
        if self.password.is_some() {
            ADMIN
        } else {
            NOBODY
        }
    }
}

pub(crate) fn invocation(
    library: &Path,
    place: &Place,
    options: &ClickhouseOptions,
) -> Result<Invocation, Error> {
    let folder = place.folder(Part::Clickhouse);
    fs::create_dir_all(&folder).doing(|| format!("creating {}", folder.display()))?;
    let (config, users) = (folder.join("config.xml"), folder.join("users.xml"));
    write_private(
        &config,
        &config_xml(&folder.join("data"), &users, place, options),
    )?;
    write_private(&users, &users_xml(options))?;
    let mut config_file = OsString::from("--config-file=");
    config_file.push(&config);
    Ok(Invocation {
        part: Part::Clickhouse,
        program: launcher::find()?,
        args: vec![
            "clickhouse".into(),
            library.into(),
            folder.clone().into(),
            disk::KEY_VARIABLE.into(),
            disk::key_file(place)?.into(),
            config_file,
            format!("--query={QUERY}").into(),
        ],
        folder,
        log: place.log(Part::Clickhouse),
    })
}

/// Two traps. A small pool starts no mutation at all unless the limits under `merge_tree` shrink with it.
/// And ClickHouse would count the memory of its whole cgroup, ours and Kafka's included, as its own.
fn config_xml(data: &Path, users: &Path, place: &Place, options: &ClickhouseOptions) -> String {
    let (http, tcp) = (place.ports.clickhouse_http(), place.ports.clickhouse_tcp());
    let memory = options.memory_bytes_max;
    let data = escape(&data.display().to_string());
    let users = escape(&users.display().to_string());
    format!(
        "<clickhouse>
  <path>{data}/</path>
  <listen_host>127.0.0.1</listen_host>
  <http_port>{http}</http_port>
  <tcp_port>{tcp}</tcp_port>
  <log-level>warning</log-level>
  <logger><console>1</console></logger>
  <timezone>UTC</timezone>
  <max_server_memory_usage>{memory}</max_server_memory_usage>
  <memory_worker_use_cgroup>0</memory_worker_use_cgroup>
  <mark_cache_size>{cache}</mark_cache_size>
  <background_pool_size>4</background_pool_size>
  <background_schedule_pool_size>4</background_schedule_pool_size>
  <background_common_pool_size>2</background_common_pool_size>
  <background_fetches_pool_size>1</background_fetches_pool_size>
  <background_move_pool_size>1</background_move_pool_size>
  <merge_tree>
    <number_of_free_entries_in_pool_to_execute_mutation>1\
</number_of_free_entries_in_pool_to_execute_mutation>
    <number_of_free_entries_in_pool_to_lower_max_size_of_merge>2\
</number_of_free_entries_in_pool_to_lower_max_size_of_merge>
    <number_of_free_entries_in_pool_to_execute_optimize_entire_partition>1\
</number_of_free_entries_in_pool_to_execute_optimize_entire_partition>
  </merge_tree>
  {storage}
  <user_directories><users_xml><path>{users}</path></users_xml></user_directories>
  <access_control_improvements>
    <select_from_system_db_requires_grant>true</select_from_system_db_requires_grant>
    <select_from_information_schema_requires_grant>true\
</select_from_information_schema_requires_grant>
  </access_control_improvements>
</clickhouse>
",
        cache = memory / 32,
        storage = if options.is_encrypted {
            disk::storage_xml()
        } else {
            String::new()
        },
    )
}

fn users_xml(options: &ClickhouseOptions) -> String {
    const EVERYONE: &str = "<networks><ip>127.0.0.1</ip><ip>::1</ip></networks>\
        <quota>default</quota>";
    const ALL: &str = "<profile>default</profile><access_management>1</access_management>";
    // what the query that opens the ports needs
    const PORTS_ONLY: &str = "<profile>ports</profile><grants>\
        <query>GRANT SYSTEM LISTEN ON *.*</query>\
        <query>GRANT SELECT ON system.numbers</query></grants>";
    let admin = match &options.password {
        None => format!("<{NOBODY}><no_password/>{EVERYONE}{ALL}</{NOBODY}>"),
        Some(password) => format!(
            "<{NOBODY}><no_password/>{EVERYONE}{PORTS_ONLY}</{NOBODY}>\n    \
             <{ADMIN}><password_sha256_hex>{}</password_sha256_hex>{EVERYONE}{ALL}</{ADMIN}>",
            hex::encode(Sha256::digest(password))
        ),
    };
    format!(
        "<clickhouse>
  <profiles>
    <default><max_memory_usage>{query_memory}</max_memory_usage></default>
    <ports/>
    {profiles}
  </profiles>
  <quotas><default/></quotas>
  <users>
    {admin}
    {users}
  </users>
</clickhouse>
",
        query_memory = options.memory_bytes_max / 4 * 3,
        profiles = options.profiles_xml,
        users = options.users_xml,
    )
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn with_a_password_only_the_admin_may_do_anything() {
        let options = ClickhouseOptions {
            password: Some("a<b&c".into()),
            ..Default::default()
        };
        let text = users_xml(&options);
        // printf 'a<b&c' | sha256sum
        let hash = "6525f1d0da996ad2d1e8fd39fb6970e9768fd70fe24c17ae0bae7f99ab3fc2d2";
        let password = format!("<waybill><password_sha256_hex>{hash}</password_sha256_hex>");
        assert!(text.contains(&password), "{text}");
        assert!(!text.contains("a<b") && !text.contains("a&lt;b"), "{text}");
        assert_eq!(text.matches("<access_management>").count(), 1, "{text}");
        assert_eq!(options.user(), "waybill");
    }
}
