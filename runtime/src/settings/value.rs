//! Text from the environment or a file, read as the type that the default has.

use toml::Value;

/// Reads `text` as a value of the default's type; the error never repeats the text.
///
/// A list is `a,b`, or a TOML array. The elements of a list whose default is empty are text.
pub(super) fn from_text(text: &str, default: &Value) -> Result<Value, &'static str> {
    match default {
        Value::String(_) => Ok(Value::String(text.to_owned())),
        Value::Integer(_) => text
            .trim()
            .parse()
            .map(Value::Integer)
            .map_err(|_| expected(default)),
        Value::Float(_) => text
            .trim()
            .parse()
            .map(Value::Float)
            .map_err(|_| expected(default)),
        Value::Boolean(_) => text
            .trim()
            .parse()
            .map(Value::Boolean)
            .map_err(|_| expected(default)),
        Value::Array(elements) => list(text.trim(), elements.first()),
        Value::Datetime(_) | Value::Table(_) => Err("can be given in a file only"),
    }
}

fn list(text: &str, element: Option<&Value>) -> Result<Value, &'static str> {
    if text.starts_with('[') {
        let value = toml::from_str::<toml::Table>(&format!("list = {text}"));
        return value
            .ok()
            .and_then(|mut table| table.remove("list"))
            .ok_or("must be a,b or a TOML array");
    }
    let text_element = Value::String(String::new());
    let element = element.unwrap_or(&text_element);
    let parts = text
        .split(',')
        .map(str::trim)
        .filter(|part| !part.is_empty());
    parts
        .map(|part| from_text(part, element))
        .collect::<Result<_, _>>()
        .map(Value::Array)
}

/// Whether a value from a TOML file has the default's type; a whole number may stand for a float.
pub(super) fn of_type(given: Value, default: &Value) -> Result<Value, &'static str> {
    match (given, default) {
        #[expect(clippy::cast_precision_loss, reason = "settings are small numbers")]
        (Value::Integer(whole), Value::Float(_)) => Ok(Value::Float(whole as f64)),
        (given, default) if given.same_type(default) => Ok(given),
        (_, default) => Err(expected(default)),
    }
}

fn expected(default: &Value) -> &'static str {
    match default {
        Value::String(_) => "must be text",
        Value::Integer(_) => "must be a whole number",
        Value::Float(_) => "must be a number",
        Value::Boolean(_) => "must be true or false",
        Value::Array(_) => "must be a list",
        Value::Datetime(_) => "must be a date",
        Value::Table(_) => "must be a table",
    }
}

/// The same value without what must not be shown: the password inside a URL, and its query.
pub(super) fn shown(value: &Value) -> Value {
    let Some((scheme, rest)) = value.as_str().and_then(|text| text.split_once("://")) else {
        return value.clone();
    };
    let (place, query) = match rest.split_once('?') {
        // Some take a key there.
        Some((place, _)) => (place, "?***"),
        None => (rest, ""),
    };
    let authority = place.split('/').next().unwrap_or(place);
    let user = authority.rsplit_once('@');
    let shown = match user.and_then(|(user, _)| user.split_once(':')) {
        Some((user, password)) => {
            let after = place.get(user.len() + 1 + password.len()..);
            format!("{user}:***{}", after.unwrap_or_default())
        }
        None => place.to_owned(),
    };
    Value::String(format!("{scheme}://{shown}{query}"))
}
