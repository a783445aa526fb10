//! `waybill.env`: what one needs to reach a running installation, as `NAME=value` lines that a shell
//! can source. It holds passwords, so nobody else may read it, not even for a moment.

use std::{
    collections::BTreeMap,
    fs::{self, OpenOptions},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::Path,
};

/// The variables of a file's text; comments and blank lines are left out.
pub(crate) fn read(text: &str) -> BTreeMap<String, String> {
    text.lines()
        .map(str::trim)
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.strip_prefix("export ").unwrap_or(line).split_once('='))
        .map(|(name, value)| (name.trim().to_owned(), unquoted(value.trim())))
        .collect()
}

/// One line for each variable, in the order given.
pub(crate) fn text(variables: &[(String, String)]) -> String {
    let lines = variables
        .iter()
        .map(|(name, value)| format!("{name}={}\n", quoted(value)));
    lines.collect()
}

/// Replaces the file as a whole: a reader sees the old one or the new one.
pub(crate) fn write(path: &Path, variables: &[(String, String)]) -> io::Result<()> {
    write_private(path, text(variables).as_bytes())
}

/// Writes a file that only its owner can read, as a whole or not at all.
pub(crate) fn write_private(path: &Path, content: &[u8]) -> io::Result<()> {
    let new = path.with_extension("new");
    // One that is there already may be anybody's to read, or lead elsewhere.
    match fs::remove_file(&new) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&new)?;
    file.write_all(content)?;
    file.sync_all()?;
    fs::rename(new, path)
}

/// A shell takes it as it is between single quotes; most values need none.
fn quoted(value: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-./:,@%+=".contains(c);
    if value.chars().all(plain) {
        value.to_owned()
    } else {
        format!("'{}'", value.replace('\'', r"'\''"))
    }
}

fn unquoted(value: &str) -> String {
    let within = |quote: char| value.strip_prefix(quote)?.strip_suffix(quote);
    match (within('\''), within('"')) {
        (Some(inner), _) => inner.replace(r"'\''", "'"),
        (None, Some(inner)) => inner.to_owned(),
        (None, None) => value.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_a_value_holds_it_reads_back() {
        for value in [
            "plain-1.2:3",
            "",
            "a b",
            "it's",
            "$HOME `x` \"y\" \\ #",
            "a=b",
        ] {
            let text = text(&[("NAME".to_owned(), value.to_owned())]);
            assert_eq!(read(&text)["NAME"], value, "{text}");
        }
    }

    #[test]
    fn nobody_else_can_read_it_whatever_was_there_before() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("private.key");
        let left = folder.path().join("private.new");
        fs::write(&left, "old").unwrap();
        fs::set_permissions(&left, fs::Permissions::from_mode(0o666)).unwrap();
        write_private(&path, b"secret").unwrap();
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(
            (mode & 0o777, fs::read(&path).unwrap()),
            (0o600, b"secret".to_vec())
        );
        assert!(!left.exists());
    }

    #[test]
    fn comments_exports_and_blank_lines_are_understood() {
        let read = read("# A=1\n\nexport B=2\n C = \"3\" \nnothing\n");
        let expected = [("B", "2"), ("C", "3")].map(|(n, v)| (n.to_owned(), v.to_owned()));
        assert_eq!(read, BTreeMap::from(expected));
    }
}
