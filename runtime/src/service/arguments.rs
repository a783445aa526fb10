//! What a service can be told on its command line.

use std::ffi::OsString;
use std::path::PathBuf;

/// What to do.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Command {
    Run { config: Option<PathBuf> },
    PrintSettings { config: Option<PathBuf> },
    Help,
    Version,
}

/// Reads the arguments after the program's name.
pub(super) fn parse(arguments: impl Iterator<Item = OsString>) -> Result<Command, String> {
    let mut arguments = arguments;
    let mut config = None;
    let mut print = false;
    while let Some(argument) = arguments.next() {
        let text = argument.to_string_lossy();
        let path = match text.as_ref() {
            "--help" | "-h" => return Ok(Command::Help),
            "--version" | "-V" => return Ok(Command::Version),
            "--print-settings" => {
                print = true;
                continue;
            }
            "--config" => arguments.next().ok_or("--config needs a file")?,
            other => match other.strip_prefix("--config=") {
                Some(path) => path.into(),
                None => return Err(format!("unknown argument {other}")),
            },
        };
        if path.is_empty() {
            return Err("--config needs a file".to_owned());
        }
        if config.replace(PathBuf::from(path)).is_some() {
            return Err("--config given twice".to_owned());
        }
    }
    Ok(if print {
        Command::PrintSettings { config }
    } else {
        Command::Run { config }
    })
}

/// The text of `--help`.
pub(super) fn help(name: &str) -> String {
    format!(
        "Usage: {name} [--config FILE] [--print-settings]

Runs the {name} service of Waybill until SIGTERM or SIGINT.

  --config FILE      settings in TOML, over the defaults and below the environment
  --print-settings   print the settings in force as TOML, secrets hidden, and exit
  --version          print the version and exit
  --help             print this and exit

Every setting is also a variable WAYBILL__<GROUP>__<KEY>, or ..._FILE with the path of a file
that holds the value. The settings and their meaning: {name}/settings.default.toml

Exit codes: 0 stopped and drained, 1 failed, 2 wrong arguments or settings, 130 stopped at once.

Example:
  WAYBILL__KAFKA__BOOTSTRAP_SERVERS=127.0.0.1:9092 {name} --config /etc/waybill/{name}.toml
"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(arguments: &[&str], expected: Result<Command, &str>) {
        let found = parse(arguments.iter().map(OsString::from));
        assert_eq!(found, expected.map_err(str::to_owned), "{arguments:?}");
    }

    #[test]
    fn a_service_runs_unless_told_otherwise() {
        let config = Some(PathBuf::from("a.toml"));
        check(&[], Ok(Command::Run { config: None }));
        check(
            &["--config", "a.toml"],
            Ok(Command::Run {
                config: config.clone(),
            }),
        );
        check(
            &["--config=a.toml"],
            Ok(Command::Run {
                config: config.clone(),
            }),
        );
        check(
            &["--print-settings", "--config=a.toml"],
            Ok(Command::PrintSettings { config }),
        );
        check(&["--version"], Ok(Command::Version));
        check(&["--config", "a.toml", "-h"], Ok(Command::Help));
    }

    #[test]
    fn what_is_not_understood_is_refused() {
        check(&["--confg"], Err("unknown argument --confg"));
        check(&["--config"], Err("--config needs a file"));
        check(&["--config="], Err("--config needs a file"));
        check(&["--config=a", "--config=b"], Err("--config given twice"));
    }
}
