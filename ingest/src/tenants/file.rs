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

/// How much of the machine a reading may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Haste {
    /// Somebody waits for it.
    All,
    /// Requests are served at the same time.
    OneThread,
}

/// Fewer files than this are read before a thread has begun.
const FILES_FOR_A_THREAD: usize = 100;

pub(super) fn read(path: &Path, haste: Haste) -> Loaded {
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
        Ok(files) => parts(&files, haste)
            .into_iter()
            .for_each(|part| all.take(part)),
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
    all.inputs.append(&mut all.files);
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

/// What one file holds, before it is compared with the others.
struct Part {
    file: PathBuf,
    text: String,
    /// Each with the place of its name.
    tenants: Vec<(String, usize)>,
    endpoints: Vec<Placed>,
    inputs: Vec<PathBuf>,
    problems: Vec<Problem>,
}

/// All files, in their order.
fn parts(files: &[PathBuf], haste: Haste) -> Vec<Part> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let threads = match haste {
        Haste::All => cores.min(files.len() / FILES_FOR_A_THREAD),
        Haste::OneThread => 1,
    };
    let all = |files: &[PathBuf]| files.iter().map(|file| part(file)).collect::<Vec<_>>();
    if threads < 2 {
        return all(files);
    }
    let shares = files.chunks(files.len().div_ceil(threads));
    std::thread::scope(|scope| {
        let begun: Vec<_> = shares
            .map(|share| (share, scope.spawn(move || all(share))))
            .collect();
        let ended = begun.into_iter();
        ended
            .flat_map(|(share, thread)| thread.join().unwrap_or_else(|_| all(share)))
            .collect()
    })
}

fn part(file: &Path) -> Part {
    let (text, unread) = match fs::read_to_string(file) {
        Ok(text) => (text, None),
        Err(error) => (String::new(), Some(error)),
    };
    let mut part = Part {
        file: file.to_owned(),
        text: String::new(),
        tenants: Vec::new(),
        endpoints: Vec::new(),
        inputs: Vec::new(),
        problems: Vec::new(),
    };
    if let Some(error) = unread {
        let (text, cure) = if error.kind() == io::ErrorKind::InvalidData {
            ("is not UTF-8".to_owned(), "save it as UTF-8")
        } else {
            (format!("can't be read ({error})"), "check its permissions")
        };
        part.problems.push(Problem {
            file: file.to_owned(),
            line: None,
            text,
            cure: cure.into(),
        });
        return part;
    }
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
        part.document(document.get_ref(), &mut reading);
    }
    part.inputs = reading.inputs;
    part.problems = reading.problems;
    part.text = text;
    part
}

impl Part {
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
        self.tenants.push((name.to_owned(), fields.at));
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
        let tables = fields.tables("endpoints", reading).into_iter();
        let placed = tables.map(|table| endpoint::read(&tenant, table, reading));
        self.endpoints.extend(placed);
    }
}

#[derive(Default)]
struct Collected {
    /// To the place of its file among `files`.
    tenants: FxHashMap<String, usize>,
    ids: FxHashMap<String, usize>,
    /// Token to the place of its endpoint's name among `names`.
    tokens: FxHashMap<String, usize>,
    /// Of all endpoints, right or not; of one without an id none.
    names: Vec<Option<String>>,
    files: Vec<PathBuf>,
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

    /// Adds a file, and notes what stands in another one already.
    fn take(&mut self, part: Part) {
        let mut reading = Reading::new(&part.file, &part.text);
        reading.problems = part.problems;
        let own = self.files.len();
        self.files.push(part.file.clone());
        for (name, at) in part.tenants {
            if let Some(other) = self.tenants.get(&name) {
                let text = format!("tenant `{name}`: stands in {} too", self.shown(*other));
                reading.problem(at, text, "keep one tenant in one file");
            }
            self.tenants.insert(name, own);
        }
        for placed in part.endpoints {
            self.endpoint((placed, own), &mut reading);
        }
        self.problems.append(&mut reading.problems);
        self.inputs.extend(part.inputs);
    }

    fn shown(&self, file: usize) -> std::path::Display<'_> {
        let file = self.files.get(file).map_or(Path::new(""), PathBuf::as_path);
        file.display()
    }

    fn endpoint(&mut self, (placed, file): (Placed, usize), reading: &mut Reading<'_>) {
        let name = placed.id.as_ref().map(|(id, _)| id.clone());
        let shown = |name: &Option<String>| match name {
            Some(id) => format!("endpoint `{id}`"),
            None => "an endpoint without an id".to_owned(),
        };
        if let Some((id, at)) = placed.id
            && let Some(other) = self.ids.insert(id, file)
        {
            let text = format!("{} stands in {} already", shown(&name), self.shown(other));
            reading.problem(at, text, "give every endpoint its own id");
        }
        let own = self.names.len();
        for (token, at) in placed.tokens {
            if let Some(other) = self.tokens.insert(token, own) {
                let other = self.names.get(other).unwrap_or(&name);
                let text = format!("{}: has a token that {} has", shown(&name), shown(other));
                reading.problem(at, text, "make another with `waybill tenants new-token`");
            }
        }
        self.names.push(name);
        self.endpoints.extend(placed.endpoint.map(Arc::new));
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
