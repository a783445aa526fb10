//! The tenants file, or a folder of them, read as a whole: either everything is right, or every
//! problem is told and nothing is taken.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use rustc_hash::FxHashMap;
use schemas::{PiiRule, TenantId};
use toml::de::{DeTable, DeValue};

use super::{
    Carried, Endpoint, Problem, Tenant, Tenants,
    endpoint::{self, Placed},
    fields::{Fields, Reading},
};

const TENANT_KEYS: &[&str] = &["name", "pii", "requests_per_second", "burst", "endpoints"];

/// What a reading gave, and every file that it depended on.
pub(super) struct Loaded {
    pub(super) outcome: Result<Tenants, Vec<Problem>>,
    pub(super) inputs: Vec<PathBuf>,
}

pub(super) fn read(path: &Path) -> Loaded {
    let mut all = Collected {
        inputs: vec![path.to_owned()],
        ..Collected::default()
    };
    match files(path) {
        Ok(files) if files.is_empty() => {
            all.outside(
                path,
                "the folder holds no *.toml file".into(),
                "put the tenants file there",
            );
        }
        Ok(files) => files.iter().for_each(|file| all.file(file)),
        Err(error) => {
            all.outside(
                path,
                format!("can't be read ({error})"),
                "check `tenants.path`",
            );
        }
    }
    if all.problems.is_empty() && all.tenants.is_empty() {
        // An emptied file is more often an accident than a wish to answer 404 to every carrier.
        all.outside(path, "defines no tenant".into(), "add a [tenants.…] table");
    }
    let outcome = if all.problems.is_empty() {
        Ok(Tenants::new(all.endpoints))
    } else {
        Err(all.problems)
    };
    Loaded {
        outcome,
        inputs: all.inputs,
    }
}

/// The file itself, or the `*.toml` files in the folder by name; hidden ones are an editor's.
pub(super) fn files(path: &Path) -> io::Result<Vec<PathBuf>> {
    if !fs::metadata(path)?.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let mut files = Vec::new();
    for entry in fs::read_dir(path)? {
        let file = entry?.path();
        let hidden = file
            .file_name()
            .is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
        if !hidden
            && file
                .extension()
                .is_some_and(|extension| extension == "toml")
        {
            files.push(file);
        }
    }
    files.sort();
    Ok(files)
}

#[derive(Default)]
struct Collected {
    tenants: FxHashMap<String, PathBuf>,
    ids: FxHashMap<String, PathBuf>,
    /// Token to the endpoint that has it.
    tokens: FxHashMap<String, String>,
    endpoints: Vec<Arc<Endpoint>>,
    inputs: Vec<PathBuf>,
    problems: Vec<Problem>,
}

impl Collected {
    fn outside(&mut self, file: &Path, text: String, cure: &str) {
        self.problems.push(Problem {
            file: file.to_owned(),
            line: None,
            text,
            cure: cure.into(),
        });
    }

    fn file(&mut self, file: &Path) {
        self.inputs.push(file.to_owned());
        let text = match fs::read_to_string(file) {
            Ok(text) => text,
            Err(error) => {
                self.outside(
                    file,
                    format!("can't be read ({error})"),
                    "check its permissions",
                );
                return;
            }
        };
        let mut reading = Reading::new(file, &text);
        let (document, errors) = DeTable::parse_recoverable(&text);
        for error in &errors {
            let at = error.span().map_or(0, |span| span.start);
            reading.problem(
                at,
                format!("is not TOML ({})", error.message()),
                "correct the line",
            );
        }
        // What recovery made of a broken file would only give problems that are not there.
        if errors.is_empty() {
            self.document(document.get_ref(), &mut reading);
        }
        self.inputs.append(&mut reading.inputs);
        self.problems.append(&mut reading.problems);
    }

    fn document<'t>(&mut self, document: &'t DeTable<'t>, reading: &mut Reading<'_>) {
        Fields::new(document, "the file".into(), 0).only(&["tenants"], reading);
        let Some(tenants) = document.get("tenants") else {
            return;
        };
        let Some(table) = tenants.get_ref().as_table() else {
            reading.problem(
                tenants.span().start,
                "`tenants` is not a table",
                "write [tenants.NAME]",
            );
            return;
        };
        for (name, value) in table {
            let at = name.span().start;
            match value.get_ref() {
                DeValue::Table(table) => {
                    let fields = Fields::new(table, format!("tenant `{}`", name.get_ref()), at);
                    self.tenant(name.get_ref(), &fields, reading);
                }
                DeValue::String(_)
                | DeValue::Integer(_)
                | DeValue::Float(_)
                | DeValue::Boolean(_)
                | DeValue::Datetime(_)
                | DeValue::Array(_) => reading.problem(
                    at,
                    format!("`tenants.{}` is not a table", name.get_ref()),
                    "write [tenants.NAME]",
                ),
            }
        }
    }

    fn tenant(&mut self, name: &str, fields: &Fields<'_>, reading: &mut Reading<'_>) {
        fields.only(TENANT_KEYS, reading);
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        if name.is_empty() || name.len() > 64 || !name.bytes().all(fits) {
            let text = format!("{}: the name has the wrong form", fields.place);
            reading.problem(fields.at, text, "use up to 64 of A-Z, a-z, 0-9, - and _");
            return;
        }
        if let Some(other) = self
            .tenants
            .insert(name.to_owned(), reading.file.to_owned())
        {
            let text = format!("{}: stands in {} too", fields.place, other.display());
            reading.problem(fields.at, text, "keep one tenant in one file");
        }
        let Ok(id) = TenantId::new(name) else { return };
        let tenant = Arc::new(Tenant {
            id,
            name: fields
                .text("name", reading)
                .map(|name| name.value.to_owned()),
            pii: pii(fields, reading),
            requests_per_second: fields.count("requests_per_second", reading),
            burst: fields.count("burst", reading),
            traffic: Carried::default(),
        });
        for table in fields.tables("endpoints", reading) {
            if let Some(placed) = endpoint::read(&tenant, table, reading) {
                self.endpoint(placed, reading);
            }
        }
    }

    fn endpoint(&mut self, placed: Placed, reading: &mut Reading<'_>) {
        let Placed {
            endpoint,
            id_at,
            token_places,
        } = placed;
        let id = endpoint.id.to_string();
        if let Some(other) = self.ids.insert(id.clone(), reading.file.to_owned()) {
            let text = format!("endpoint `{id}` stands in {} already", other.display());
            reading.problem(id_at, text, "give every endpoint its own id");
        }
        let tokens = std::iter::once(&endpoint.token).chain(&endpoint.previous_tokens);
        for (token, at) in tokens.zip(token_places) {
            if let Some(other) = self.tokens.insert(token.clone(), id.clone()) {
                let text = format!("endpoint `{id}`: has a token that endpoint `{other}` has");
                reading.problem(at, text, "make another with `waybill tenants new-token`");
            }
        }
        self.endpoints.push(Arc::new(endpoint));
    }
}

fn pii(fields: &Fields<'_>, reading: &mut Reading<'_>) -> PiiRule {
    let Some(word) = fields.text("pii", reading) else {
        return PiiRule::Pseudonymise;
    };
    PiiRule::parse(word.value).unwrap_or_else(|| {
        let text = format!("{}: unknown rule `{}` for `pii`", fields.place, word.value);
        reading.problem(word.at, text, "write pseudonymise, keep or drop");
        PiiRule::Pseudonymise
    })
}
