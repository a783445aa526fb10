//! `waybill tenants grant`

use anyhow::Context as _;
use clap::ValueEnum;
use serde::Deserialize;
use serde_json::json;

use crate::{
    Verdict, WrongUse,
    clickhouse::Clickhouse,
    commands::new_token,
    grants::{Grant, Objects, PROFILE, password_variable},
    output,
    settings::Place,
    tenants,
};

/// Make a ClickHouse user who sees one tenant's rows and nothing else
///
/// Makes a read-only ClickHouse user who sees the rows of one tenant, in every view, and nothing else.
/// Its queries are bounded in memory, time and threads, and it can't lift the bounds. Run it again after
/// `waybill clickhouse migrate`, so that new views are granted too.
///
/// The password is taken from WAYBILL_ANALYST_PASSWORD_<TENANT>, or made and printed once.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  waybill tenants grant acme --user acme_bi\n  \
    waybill tenants grant acme --user acme_bi --dry-run\n  \
    waybill tenants grant acme --user acme_bi --format users-xml > users.d/acme_bi.xml"
)]
pub(crate) struct Args {
    /// Name of the tenant, as in the tenants file
    #[arg(value_name = "TENANT")]
    tenant: String,

    /// Name of the user
    #[arg(long, value_name = "NAME")]
    user: String,

    /// Only print what would be run
    #[arg(long)]
    dry_run: bool,

    /// sql runs statements; users-xml prints the entry for servers whose users stand in files
    #[arg(long, value_enum, default_value_t = Format::Sql)]
    format: Format,

    /// Print JSON
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    place: Place,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    Sql,
    UsersXml,
}

pub(crate) async fn run(args: Args) -> anyhow::Result<Verdict> {
    let settings = args.place.settings()?;
    if let Some(path) = settings.tenants_path() {
        known(&args.tenant, path)?;
    }
    let variable = password_variable(&args.tenant);
    let given = args.place.variables()?.remove(&variable);
    let is_given = given.is_some();
    let password = match given {
        Some(password) => password,
        None => new_token()?,
    };
    let access = settings.clickhouse();
    let grant = Grant::new(&access.database, &args.tenant, &args.user, &password)?;
    let objects = Objects::embedded();
    if args.format == Format::UsersXml {
        let text = grant.file_xml(&objects);
        if args.json {
            let password = (!is_given).then_some(&password);
            output::json(&json!({"users_xml": text, "password": password}))?;
        } else {
            output::line(text.trim_end());
            say_password(&args.user, &password, is_given.then_some(&variable));
        }
        return Ok(Verdict::Good);
    }

    let operator = if access.user.is_empty() {
        "default"
    } else {
        &access.user
    };
    let statements = grant.statements(&objects, operator);
    let exists = if args.dry_run {
        false
    } else {
        let exists = exists(&Clickhouse::new(access), &args.user).await?;
        execute(&Clickhouse::new(access), &statements, &args.user).await?;
        exists
    };
    // a user that was there keeps its password
    let fresh = (!exists && !is_given && !args.dry_run).then_some(&password);
    if args.json {
        let done = json!({
            "user": args.user, "tenant": args.tenant, "dry_run": args.dry_run, "existed": exists,
            "statements": statements, "password": fresh,
        });
        output::json(&done)?;
        return Ok(Verdict::Good);
    }
    for statement in &statements {
        output::line(format_args!("{statement};"));
    }
    if args.dry_run {
        output::note("nothing was run; leave out --dry-run to run it");
        return Ok(Verdict::Good);
    }
    say_done(&args, &objects, statements.len());
    if exists {
        output::note(format_args!(
            "{} was there and keeps its password",
            args.user
        ));
    } else {
        say_password(&args.user, &password, is_given.then_some(&variable));
    }
    Ok(Verdict::Good)
}

fn say_done(args: &Args, objects: &Objects, statements: usize) {
    output::note(format_args!(
        "ran {statements} statements: {} reads {} views and the {} tables behind them, and sees the \
         rows of {} only",
        args.user,
        objects.views.len(),
        objects.tables.len(),
        args.tenant,
    ));
}

fn say_password(user: &str, password: &str, variable: Option<&String>) {
    match variable {
        Some(variable) => {
            output::note(format_args!("the password of {user} is that of {variable}"))
        }
        None => output::note(format_args!(
            "the password of {user}, shown this once: {password}"
        )),
    }
}

/// A typing mistake would make a user who sees nothing.
fn known(tenant: &str, path: &std::path::Path) -> anyhow::Result<()> {
    let names = tenants::names(path)?;
    if names.contains(tenant) {
        return Ok(());
    }
    let names: Vec<String> = names.into_iter().collect();
    let names = names.join(", ");
    Err(WrongUse(format!(
        "no tenant {tenant} in {}; there are: {names}",
        path.display()
    ))
    .into())
}

#[derive(Deserialize)]
struct User {
    is_ours: bool,
}

/// A user that somebody else made has rights of its own, which we neither know nor take away.
async fn exists(clickhouse: &Clickhouse, user: &str) -> anyhow::Result<bool> {
    let users: Vec<User> = clickhouse
        .rows(
            "SELECT name IN (SELECT user_name FROM system.settings_profile_elements \
             WHERE inherit_profile = {profile:String}) AS is_ours \
             FROM system.users WHERE name = {user:String}",
            &[("user", user), ("profile", PROFILE)],
        )
        .await?;
    match users.first() {
        None => Ok(false),
        Some(found) if found.is_ours => Ok(true),
        Some(_) => Err(WrongUse(format!(
            "the user {user} was not made by this command and may have other rights: choose another \
             --user"
        ))
        .into()),
    }
}

/// The server has nowhere to put users that are made by statements.
const ACCESS_STORAGE_MISSING: [u32; 2] = [495, 514];

async fn execute(clickhouse: &Clickhouse, statements: &[String], user: &str) -> anyhow::Result<()> {
    for statement in statements {
        let Err(error) = clickhouse.execute(statement).await else {
            continue;
        };
        if error
            .code()
            .is_some_and(|code| ACCESS_STORAGE_MISSING.contains(&code))
        {
            return Err(error).context(format!(
                "this server keeps its users in files: put the output of `waybill tenants grant … \
                 --user {user} --format users-xml` into its users.d folder and restart it"
            ));
        }
        let words: Vec<&str> = statement.split(' ').take(4).collect();
        return Err(error).context(format!(
            "{} … failed; what ran before it shows nobody anything, so correct the cause and run \
             this again",
            words.join(" ")
        ));
    }
    Ok(())
}
