//! Everything that a command says: results on standard output, the course of things on standard error.

use std::{
    borrow::Cow,
    fmt::Display,
    io::{self, Write},
};

use comfy_table::{Table, presets::UTF8_BORDERS_ONLY};
use serde::Serialize;

/// A line of the result. Whoever reads us may leave early, as `head` does; that is no failure.
pub(crate) fn line(text: impl Display) {
    writeln!(io::stdout().lock(), "{}", harmless(&text.to_string())).ok();
}

/// A line about what is being done.
pub(crate) fn note(text: impl Display) {
    writeln!(io::stderr().lock(), "{}", harmless(&text.to_string())).ok();
}

/// As JSON writes it, a text in which nothing moves the cursor, sets a title or turns the direction of writing: carriers'
/// words, and whatever strangers put in their place, stand in what we say.
fn harmless(text: &str) -> Cow<'_, str> {
    let is_harmful = |c: char| {
        c.is_control() && c != '\n'
            || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}')
            || matches!(c, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    if !text.contains(is_harmful) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if is_harmful(c) {
            shown.push_str(&format!("\\u{:04x}", u32::from(c)));
        } else {
            shown.push(c);
        }
    }
    Cow::Owned(shown)
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
        // A cell that begins new lines could pass for rows of its own.
        let cells = row.into_iter();
        table.add_row(cells.map(|cell| harmless(&cell).replace('\n', "\\n")));
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_steer_a_terminal_is_shown_instead() {
        assert_eq!(harmless("a\nb é 香港 🚚"), "a\nb é 香港 🚚");
        assert_eq!(
            harmless("\u{1b}]0;x\u{7}\r\u{9b}2J\u{202e}z"),
            "\\u001b]0;x\\u0007\\u000d\\u009b2J\\u202ez"
        );
    }
}
