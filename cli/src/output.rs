//! Everything that a command says: results on standard output, the course of things on standard error.

use std::{
    fmt::Display,
    io::{self, Write},
};

use comfy_table::{Table, presets::UTF8_BORDERS_ONLY};
use serde::Serialize;

/// A line of the result. Whoever reads us may leave early, as `head` does; that is no failure.
pub(crate) fn line(text: impl Display) {
    writeln!(io::stdout().lock(), "{text}").ok();
}

/// A line about what is being done.
pub(crate) fn note(text: impl Display) {
    writeln!(io::stderr().lock(), "{text}").ok();
}

/// The result for a program.
pub(crate) fn json(value: &impl Serialize) -> anyhow::Result<()> {
    line(serde_json::to_string_pretty(value)?);
    Ok(())
}

/// Rows under their headings.
pub(crate) fn table<R>(headings: &[&str], rows: impl IntoIterator<Item = R>)
where
    R: IntoIterator<Item = String>,
{
    let mut table = Table::new();
    table
        .load_preset(UTF8_BORDERS_ONLY)
        .set_header(headings.iter().copied());
    for row in rows {
        table.add_row(row);
    }
    line(table);
}

/// A title above what follows.
pub(crate) fn title(text: impl Display) {
    line(format_args!("\n{text}"));
}

/// A cell for what may be missing.
pub(crate) fn or_dash(value: Option<impl Display>) -> String {
    value.map_or_else(|| "–".to_owned(), |value| value.to_string())
}
