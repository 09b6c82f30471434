//! Ids as they are typed: by themselves, in a file (`@file`), or on standard input (`-`).

use crate::error::CliError;
use crate::input::Source;

/// The most that is read; half a million ids.
const MOST: u64 = 16 << 20;

/// Whether one id stands there, by itself.
pub(crate) fn is_one(args: &[String]) -> bool {
    matches!(args, [arg] if arg != "-" && !arg.starts_with('@'))
}

/// The ids, in the order given; those that are there twice stay twice.
pub(crate) fn read(args: &[String]) -> Result<Vec<String>, CliError> {
    if args.iter().filter(|arg| *arg == "-").count() > 1 {
        return Err(CliError::usage("`-` was given twice; standard input can be read once"));
    }
    let mut ids = Vec::new();
    for arg in args {
        match arg.strip_prefix('@') {
            Some("") => return Err(CliError::usage("`@` needs the name of a file behind it")),
            Some(file) => ids.extend(lines(Source::file(file))?),
            None if arg == "-" => ids.extend(lines(Source::Stdin)?),
            None => ids.push(arg.clone()),
        }
    }
    Ok(ids)
}

fn lines(source: Source<'_>) -> Result<Vec<String>, CliError> {
    ids_of(&source.text(MOST)?, &source.name())
}

/// The ids of a text, one a line; empty lines and those that begin with `#` are none.
fn ids_of(text: &str, name: &str) -> Result<Vec<String>, CliError> {
    let mut ids = Vec::new();
    for (n, line) in text.trim_start_matches('\u{feff}').lines().enumerate() {
        let id = line.trim();
        if id.is_empty() || id.starts_with('#') {
            continue;
        }
        if id.contains(|c: char| c.is_whitespace() || c.is_control()) {
            let message = format!("line {} of {name} is no id; one id a line is read", n + 1);
            return Err(CliError::usage(message).with_hint("`pocketping sessions list -q` prints ids alone"));
        }
        ids.push(id.to_owned());
    }
    Ok(ids)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_one_id_a_line() {
        let read = |text: &str| ids_of(text, "list");
        let ids = read("\u{feff}a\r\n\n  b \n# c\n\t#d\nb").unwrap();
        assert_eq!(ids, ["a", "b", "b"]);
        assert!(read("").unwrap().is_empty());
        let error = read("a\nb\tactive\n").unwrap_err();
        assert_eq!(
            (error.exit(), error.to_string().as_str()),
            (crate::error::Exit::Usage, "line 2 of list is no id; one id a line is read")
        );
    }

    #[test]
    fn one_id_by_itself_is_known() {
        let is = |args: &[&str]| is_one(&args.iter().map(|arg| (*arg).to_owned()).collect::<Vec<_>>());
        assert!(is(&["a"]));
        assert!(!is(&["-"]) && !is(&["@a"]) && !is(&["a", "b"]) && !is(&[]));
    }
}
