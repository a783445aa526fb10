//! An event as columns of `events`, each value in one form of text, so that what is read now can be laid
//! beside what was stored. Absent and empty are the same: nothing.

use std::collections::BTreeMap;

use schemas::DeliveryEvent;
use serde_json::{Map, Value};

/// Column to value.
pub(crate) type Reading = BTreeMap<String, String>;

/// What says which reading it is, and what a receipt never changes.
const NOT_COMPARED: [&str; 2] = ["mapping_version", "replay_id"];
/// The columns hold no other instants.
const INSTANT_MIN: i64 = -2_208_988_800_000_000;
const INSTANT_MAX: i64 = 10_413_791_999_999_999;

/// Of an event that was just made.
pub(super) fn fresh(event: &DeliveryEvent) -> Reading {
    let mut reading = Reading::new();
    if let Ok(Value::Object(fields)) = serde_json::to_value(event) {
        for (name, value) in fields {
            match value {
                Value::Array(items) => arrays(&name, &items, &mut reading),
                Value::Object(map) if name == "attributes" => attributes(map, &mut reading),
                other @ (Value::Null
                | Value::Bool(_)
                | Value::Number(_)
                | Value::String(_)
                | Value::Object(_)) => scalar(&name, &other, &mut reading),
            }
        }
    }
    reading.retain(|column, _| !NOT_COMPARED.contains(&column.as_str()));
    reading
}

fn attributes(map: Map<String, Value>, reading: &mut Reading) {
    for (name, value) in map {
        if let Value::String(value) = value {
            reading.insert(format!("attributes.{name}"), value);
        }
    }
}

/// A value, or a record whose fields stand in columns of their own.
fn scalar(name: &str, value: &Value, reading: &mut Reading) {
    match value {
        Value::Object(fields) => match money(fields) {
            Some((amount, currency)) => {
                put(reading, format!("{name}_amount"), amount);
                put(reading, format!("{name}_currency"), Some(currency));
            }
            None => {
                for (inner, value) in fields {
                    scalar(&format!("{name}_{inner}"), value, reading);
                }
            }
        },
        other @ (Value::Null
        | Value::Bool(_)
        | Value::Number(_)
        | Value::String(_)
        | Value::Array(_)) => put(reading, name.to_owned(), text(name, other)),
    }
}

fn put(reading: &mut Reading, column: String, value: Option<String>) {
    if let Some(value) = value {
        reading.insert(column, value);
    }
}

/// A list of records: one array for each field.
fn arrays(name: &str, items: &[Value], reading: &mut Reading) {
    let mut columns: BTreeMap<String, Vec<Option<String>>> = BTreeMap::new();
    for item in items {
        for (field, value) in item.as_object().into_iter().flatten() {
            // the money of a part of a price is the part
            let stem = match field.as_str() {
                "money" => format!("{name}."),
                field => format!("{name}.{field}_"),
            };
            let as_money = value.as_object().and_then(money);
            if field == "money" || field == "cash_on_delivery" {
                let (amount, currency) = as_money.unzip();
                let cells = [("amount", amount.flatten()), ("currency", currency)];
                for (part, cell) in cells {
                    columns
                        .entry(format!("{stem}{part}"))
                        .or_default()
                        .push(cell);
                }
            } else {
                let cell = text(field, value);
                columns
                    .entry(format!("{name}.{field}"))
                    .or_default()
                    .push(cell);
            }
        }
    }
    for (column, cells) in columns {
        reading.insert(column, list(&cells));
    }
}

fn list(cells: &[Option<String>]) -> String {
    let cells: Vec<String> = cells
        .iter()
        .map(|cell| {
            cell.as_ref()
                .map_or_else(|| "–".to_owned(), |cell| format!("{cell:?}"))
        })
        .collect();
    cells.join(", ")
}

/// Of a stored row, as JSON with instants as seconds and decimals as text.
pub(super) fn stored(row: &Map<String, Value>) -> Reading {
    let mut reading = Reading::new();
    for (column, value) in row {
        match value {
            Value::Array(cells) if cells.is_empty() => {}
            Value::Array(cells) => {
                let cells: Vec<Option<String>> =
                    cells.iter().map(|cell| stored_text(column, cell)).collect();
                reading.insert(column.clone(), list(&cells));
            }
            Value::Object(map) => attributes(map.clone(), &mut reading),
            other @ (Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_)) => {
                put(&mut reading, column.clone(), stored_text(column, other))
            }
        }
    }
    reading.retain(|column, _| !NOT_COMPARED.contains(&column.as_str()));
    reading
}

fn is_instant(column: &str) -> bool {
    column.ends_with("_at")
        || column.ends_with(".at")
        || column == "at"
        || column.ends_with("window_start")
        || column.ends_with("window_end")
}

/// Instants as microseconds within what a column holds.
fn text(column: &str, value: &Value) -> Option<String> {
    match value {
        Value::Null | Value::Array(_) | Value::Object(_) => None,
        Value::Bool(yes) => Some(yes.to_string()),
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => match number.as_i64() {
            Some(micros) if is_instant(column) => {
                Some(micros.clamp(INSTANT_MIN, INSTANT_MAX).to_string())
            }
            Some(whole) => Some(whole.to_string()),
            None => number.as_f64().map(|number| number.to_string()),
        },
    }
}

fn stored_text(column: &str, value: &Value) -> Option<String> {
    match value {
        Value::String(seconds) if is_instant(column) => Some(micros(seconds).to_string()),
        Value::String(amount) if column.ends_with("amount") => Some(plain(amount)),
        other @ (Value::Null
        | Value::Bool(_)
        | Value::Number(_)
        | Value::String(_)
        | Value::Array(_)
        | Value::Object(_)) => text("", other),
    }
}

/// `1650553157.000001` in microseconds.
fn micros(seconds: &str) -> i64 {
    let (sign, digits) = match seconds.strip_prefix('-') {
        Some(digits) => (-1, digits),
        None => (1, seconds),
    };
    let (whole, part) = digits.split_once('.').unwrap_or((digits, ""));
    let whole: i64 = whole.parse().unwrap_or_default();
    let part: i64 = format!("{part:0<6}").parse().unwrap_or_default();
    sign * (whole * 1_000_000 + part)
}

/// A decimal without zeros at its end.
fn plain(amount: &str) -> String {
    match amount.split_once('.') {
        Some(_) => amount
            .trim_end_matches('0')
            .trim_end_matches('.')
            .to_owned(),
        None => amount.to_owned(),
    }
}

/// Amount and currency as the columns hold them: four decimals, rounded; too large is nothing.
fn money(fields: &Map<String, Value>) -> Option<(Option<String>, String)> {
    let number = |name: &str| fields.get(name).and_then(Value::as_i64);
    let (amount, scale) = (number("amount")?, number("scale")?);
    let currency = fields.get("currency")?.as_str()?.to_owned();
    Some((decimal(amount, scale), currency))
}

fn decimal(amount: i64, scale: i64) -> Option<String> {
    const LARGEST: i128 = 999_999_999_999_999_999;
    let scale = u32::try_from(scale).ok().filter(|scale| *scale <= 18)?;
    let amount = i128::from(amount);
    let unscaled = match 4_u32.checked_sub(scale) {
        Some(up) => amount * 10_i128.pow(up),
        None => {
            let power = 10_i128.pow(scale - 4);
            (amount + power / 2 * amount.signum()) / power
        }
    };
    if unscaled.abs() > LARGEST {
        return None;
    }
    let (sign, digits) = (if unscaled < 0 { "-" } else { "" }, unscaled.abs());
    Some(plain(&format!(
        "{sign}{}.{:04}",
        digits / 10_000,
        digits % 10_000
    )))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn of_row(row: &Value) -> Reading {
        stored(row.as_object().unwrap())
    }

    #[test]
    fn an_amount_reads_as_its_column_holds_it() {
        let check = |amount: i64, scale: i64, expected: Option<&str>| {
            assert_eq!(
                decimal(amount, scale).as_deref(),
                expected,
                "{amount} e-{scale}"
            );
        };
        check(1230, 2, Some("12.3"));
        check(-5, 1, Some("-0.5"));
        check(123_455, 5, Some("1.2346"));
        check(100, 0, Some("100"));
        check(i64::MAX, 0, None);
        check(1, 19, None);
        assert_eq!(plain("12.3000"), "12.3");
        assert_eq!(plain("100"), "100");
    }

    #[test]
    fn an_instant_reads_alike_from_both_sides() {
        assert_eq!(micros("1650553157.000001"), 1_650_553_157_000_001);
        assert_eq!(micros("-1.5"), -1_500_000);
        assert_eq!(
            text("occurred_at", &json!(i64::MAX)),
            Some(INSTANT_MAX.to_string())
        );
    }

    #[test]
    fn null_empty_and_missing_are_the_same() {
        let full = of_row(&json!({"status": null, "stops.index": [], "attributes": {}}));
        assert_eq!(full, Reading::new());
    }

    #[test]
    fn arrays_keep_what_is_missing_in_its_place() {
        let row = of_row(&json!({"stops.index": [0, 1], "stops.id": [null, "a"]}));
        let mut reading = Reading::new();
        let items = [
            json!({"index": 0, "id": null}),
            json!({"index": 1, "id": "a"}),
        ];
        arrays("stops", &items, &mut reading);
        assert_eq!(reading, row);
    }

    #[test]
    fn money_inside_lists_takes_the_names_of_its_columns() {
        let mut reading = Reading::new();
        let money = json!({"amount": 1230, "scale": 2, "currency": "HKD"});
        arrays(
            "price_parts",
            &[json!({"name": "base", "money": money})],
            &mut reading,
        );
        arrays(
            "stops",
            &[
                json!({"cash_on_delivery": money}),
                json!({"cash_on_delivery": null}),
            ],
            &mut reading,
        );
        let row = of_row(&json!({
            "price_parts.name": ["base"], "price_parts.amount": ["12.3"],
            "price_parts.currency": ["HKD"], "stops.cash_on_delivery_amount": ["12.3000", null],
            "stops.cash_on_delivery_currency": ["HKD", null],
        }));
        assert_eq!(reading, row);
    }
}
