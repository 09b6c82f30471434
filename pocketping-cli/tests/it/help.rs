//! The help of the whole tree, in one place.

use std::fmt::Write;

use crate::everything::leaves;
use crate::run::{pocketping, run};

/// Everything that has a page: the program, its nouns, and the commands in the order of the help.
fn paths(leaves: &[String]) -> Vec<String> {
    let mut paths = vec![String::new()];
    for leaf in leaves {
        let noun = leaf.split(' ').next().unwrap_or_default().to_owned();
        for path in [noun, leaf.clone()] {
            if !paths.contains(&path) {
                paths.push(path);
            }
        }
    }
    paths
}

#[test]
fn the_whole_tree() {
    let leaves: Vec<_> = leaves(&[]).into_iter().map(|leaf| leaf.join(" ")).collect();
    let mut text = String::new();
    for path in paths(&leaves) {
        let words: Vec<_> = path.split_whitespace().chain(["-h"]).collect();
        let ended = run(pocketping(&words));
        assert_eq!((ended.code, ended.stderr.as_str()), (0, ""), "{path}");
        writeln!(text, "$ pocketping {}\n{}", words.join(" "), ended.stdout).unwrap();
        let is_leaf = leaves.contains(&path) && path != "demo";
        assert!(!is_leaf || ended.stdout.contains("Example: pocketping"), "{path} has an example");
    }
    insta::assert_snapshot!(text);
}

#[test]
fn an_example_can_be_copied_from_80_columns() {
    for leaf in leaves(&[]) {
        let words: Vec<_> = leaf.iter().map(String::as_str).chain(["--help"]).collect();
        let mut command = pocketping(&words);
        command.env("COLUMNS", "80");
        let ended = run(command);
        let from_first = ended.stdout.lines().skip_while(|line| !line.starts_with("Example:"));
        let lines: Vec<_> = from_first.take_while(|line| !line.is_empty()).collect();
        for (n, line) in lines.iter().enumerate() {
            let goes_on = lines.get(n + 1).is_some_and(|next| !next.starts_with("Example:"));
            assert!(line.chars().count() <= 80 && goes_on == line.ends_with('\\'), "{leaf:?}: {lines:#?}");
        }
    }
}

#[test]
fn nouns_may_be_said_in_the_singular() {
    for noun in ["session", "message", "webhook", "event"] {
        assert_eq!(run(pocketping(&[noun, "--help"])).code, 0, "{noun}");
    }
}
