//! `waybill tenants check|new-token|grant`

mod grant;

use std::{fs::File, io::Read, path::PathBuf};

use anyhow::Context as _;
use clap::Subcommand;
use serde_json::json;

use crate::{Verdict, output};

#[derive(Debug, Subcommand)]
#[command(after_help = "Example:\n  waybill tenants check tenants.toml")]
pub(crate) enum Command {
    /// Say everything that is wrong with a tenants file, or that nothing is
    ///
    /// Ingest refuses a bad file whole and keeps the old one; this tells beforehand.
    #[command(after_help = "Example:\n  waybill tenants check tenants.toml")]
    Check {
        /// The tenants file, or a folder of them
        file: PathBuf,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Print a token for the address of a new endpoint
    #[command(after_help = "Example:\n  waybill tenants new-token")]
    NewToken {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    Grant(grant::Args),
}

const TOKEN_BYTES: usize = 24;

pub(super) async fn run(command: Command) -> anyhow::Result<Verdict> {
    match command {
        Command::Check { file, json } => check(&file, json),
        Command::NewToken { json } => {
            let token = new_token()?;
            if json {
                output::json(&json!({"token": token}))?;
            } else {
                output::line(token);
            }
            Ok(Verdict::Good)
        }
        Command::Grant(args) => grant::run(args).await,
    }
}

/// Text that nobody guesses and every URL takes.
pub(crate) fn new_token() -> anyhow::Result<String> {
    let mut bytes = [0; TOKEN_BYTES];
    let mut source = File::open("/dev/urandom").context("opening /dev/urandom")?;
    source
        .read_exact(&mut bytes)
        .context("reading /dev/urandom")?;
    Ok(hex::encode(bytes))
}

fn check(file: &std::path::Path, json: bool) -> anyhow::Result<Verdict> {
    match ingest::tenants::load(file) {
        Ok(tenants) => {
            let endpoints = tenants.endpoints();
            if json {
                let listed = endpoints.iter().map(|endpoint| {
                    json!({
                        "tenant": endpoint.tenant.id,
                        "endpoint": endpoint.id,
                        "provider": endpoint.provider,
                        "secrets": endpoint.secrets.len(),
                        "retired": endpoint.retired,
                    })
                });
                let listed: Vec<_> = listed.collect();
                output::json(&json!({"problems": [], "endpoints": listed}))?;
            } else {
                let rows = endpoints.iter().map(|endpoint| {
                    [
                        endpoint.tenant.id.to_string(),
                        endpoint.id.to_string(),
                        endpoint.provider.to_string(),
                        endpoint.secrets.len().to_string(),
                    ]
                });
                output::table(&["tenant", "endpoint", "carrier", "secrets"], rows);
            }
            Ok(Verdict::Good)
        }
        Err(problems) => {
            if json {
                let listed = problems.iter().map(|problem| {
                    json!({
                        "file": problem.file,
                        "line": problem.line,
                        "problem": problem.text,
                        "cure": problem.cure,
                    })
                });
                output::json(&json!({"problems": listed.collect::<Vec<_>>()}))?;
            } else {
                problems.iter().for_each(output::line);
            }
            Ok(Verdict::Bad)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_long_enough_fits_a_url_and_never_comes_twice() {
        let (one, two) = (new_token().unwrap(), new_token().unwrap());
        assert!(
            one.len() >= 22 && one.bytes().all(|b| b.is_ascii_alphanumeric()),
            "{one}"
        );
        assert_ne!(one, two);
    }
}
