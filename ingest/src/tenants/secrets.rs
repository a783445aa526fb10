//! The `[[tenants.….endpoints.secrets]]` tables of the tenants file.

use std::{env::VarError, fs, io};

use schemas::Provider;

use super::{
    Secret,
    fields::{Fields, Reading},
};
use crate::providers::ahamove;

const SECRET_KEYS: &[&str] = &[
    "id",
    "value",
    "value_file",
    "value_env",
    "api_key",
    "scheme",
];

/// Reads the secrets of one endpoint of a carrier, which accepts these schemes. A secret of another
/// scheme waits for the day on which it is accepted, as long as not all of them do.
pub(super) fn read(
    fields: &Fields<'_>,
    (provider, accepted): (Option<Provider>, &[String]),
    reading: &mut Reading<'_>,
) -> Vec<Secret> {
    let mut secrets: Vec<Secret> = Vec::new();
    let (mut accepts_one, mut unaccepted) = (false, Vec::new());
    for table in fields.tables("secrets", reading) {
        let fields = Fields::new(
            table.value,
            format!("a secret of {}", fields.place),
            table.at,
        );
        fields.only(SECRET_KEYS, reading);
        let word = scheme(&fields, provider, reading);
        let scheme = word.map(|(_, scheme)| scheme);
        match word {
            Some((at, scheme)) if !accepted.iter().any(|accepted| accepted == scheme) => {
                unaccepted.push((at, scheme));
            }
            Some(_) | None => accepts_one = true,
        }
        let id = fields.needed(
            "id",
            "name it, by the month it was made for example",
            reading,
        );
        let api_key = fields.text("api_key", reading);
        if let (Some(key), Some(carrier)) = (&api_key, provider)
            && carrier != Provider::Lalamove
        {
            let text = format!("{}: `api_key` has no meaning for {carrier}", fields.place);
            reading.problem(key.at, text, "remove it");
        }
        let (Some(id), Some(value)) = (id, secret_value(&fields, reading)) else {
            continue;
        };
        if scheme == Some(ahamove::BASIC) && !value.expose().contains(':') {
            let text = format!("{}: is no user:password", fields.place);
            reading.problem(fields.at, text, "write both with a colon between them");
        }
        if secrets.iter().any(|other| other.id == id.value) || id.value.is_empty() {
            let text = format!("{}: its id `{}` is empty or taken", fields.place, id.value);
            reading.problem(id.at, text, "give every secret of an endpoint its own id");
        }
        secrets.push(Secret {
            id: id.value.to_owned(),
            value,
            api_key: api_key.map(|key| key.value.to_owned()),
            scheme,
        });
    }
    for (at, scheme) in unaccepted.into_iter().filter(|_| !accepts_one) {
        let text = format!(
            "a secret of {}: the endpoint does not accept `{scheme}`, nor another secret",
            fields.place
        );
        reading.problem(at, text, "add it to `schemes`, or remove the secret");
    }
    secrets
}

/// The rule that a secret goes with, known to the carrier, and where it stands.
fn scheme(
    fields: &Fields<'_>,
    provider: Option<Provider>,
    reading: &mut Reading<'_>,
) -> Option<(usize, &'static str)> {
    let word = fields.text("scheme", reading)?;
    let provider = provider?;
    if provider != Provider::Ahamove {
        let text = format!("{}: `scheme` has no meaning for {provider}", fields.place);
        reading.problem(word.at, text, "remove it");
        return None;
    }
    let mut all = ahamove::SCHEMES.iter().copied();
    let Some(scheme) = all.find(|scheme| *scheme == word.value) else {
        let text = format!(
            "{}: {provider} has no scheme `{}`",
            fields.place, word.value
        );
        let cure = format!("write one of {}", ahamove::SCHEMES.join(", "));
        reading.problem(word.at, text, cure);
        return None;
    };
    Some((word.at, scheme))
}

fn secret_value(
    fields: &Fields<'_>,
    reading: &mut Reading<'_>,
) -> Option<runtime::settings::Secret> {
    let one = "give exactly one of `value`, `value_file` and `value_env`";
    let given = [
        fields
            .text("value", reading)
            .map(|text| (text.at, Ok(text.value.to_owned()))),
        fields.text("value_file", reading).map(|name| {
            let path = reading.beside(name.value);
            let read = fs::read_to_string(path).map(|text| text.trim_end().to_owned());
            (name.at, read.map_err(|error| no_file(name.value, &error)))
        }),
        fields.text("value_env", reading).map(|name| {
            let read = std::env::var(name.value);
            (
                name.at,
                read.map_err(|error| no_variable(name.value, &error)),
            )
        }),
    ];
    let mut given = given.into_iter().flatten();
    let (Some((at, value)), None) = (given.next(), given.next()) else {
        reading.problem(
            fields.at,
            format!("{}: has not one value", fields.place),
            one,
        );
        return None;
    };
    match value {
        Ok(value) if value.is_empty() => {
            reading.problem(at, format!("{}: is empty", fields.place), "fill it in");
            None
        }
        Ok(value) => Some(runtime::settings::Secret::new(value)),
        Err((why, cure)) => {
            reading.problem(at, format!("{}: {why}", fields.place), cure);
            None
        }
    }
}

/// What is wrong, and its cure.
type Unread = (String, String);

fn no_file(name: &str, error: &io::Error) -> Unread {
    let is = |kind| error.kind() == kind;
    let cure = if is(io::ErrorKind::NotFound) {
        "create the file, or correct its name"
    } else if is(io::ErrorKind::InvalidData) {
        "write the secret as UTF-8 text"
    } else {
        "let this process read the file"
    };
    let why = format!("can't read `value_file` {name:?} ({error})");
    (why, cure.to_owned())
}

fn no_variable(name: &str, error: &VarError) -> Unread {
    let why = match error {
        VarError::NotPresent => "is not set",
        VarError::NotUnicode(_) => "is not UTF-8",
    };
    let cure = format!("set {name} where this process is started");
    (format!("variable `{name}` {why}"), cure)
}
