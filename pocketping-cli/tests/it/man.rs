//! `man`: a page for each command.

use std::collections::BTreeSet;
use std::fs;

use serde_json::Value;

use crate::run::{pocketping, run};

/// The commands below a command, as its help lists them.
fn below(words: &[String]) -> Vec<Vec<String>> {
    let args: Vec<_> = words.iter().map(String::as_str).chain(["-h"]).collect();
    let help = run(pocketping(&args)).stdout;
    let Some((_, list)) = help.split_once("\nCommands:\n") else { return Vec::new() };
    let names = list.lines().take_while(|line| !line.is_empty()).filter(|line| !line.starts_with("   "));
    let names = names.filter_map(|line| line.split_whitespace().next()).filter(|name| *name != "help");
    names.map(|name| [words, &[name.to_owned()]].concat()).collect()
}

#[test]
fn each_command_has_a_page_and_it_is_the_same_every_time() {
    let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let deeper = one.path().join("share/man1");
    let ended = run(pocketping(&["man", "--dir", deeper.to_str().unwrap(), "-o", "json"]));
    assert_eq!((ended.code, ended.stderr.as_str()), (0, ""));
    let list: Vec<Value> = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!(run(pocketping(&["man", "--dir", other.path().to_str().unwrap()])).code, 0);

    let mut expected = BTreeSet::new();
    let mut todo = vec![Vec::new()];
    while let Some(words) = todo.pop() {
        todo.extend(below(&words));
        let name = [&["pocketping".to_owned()], &words[..]].concat().join("-");
        let page = fs::read_to_string(deeper.join(format!("{name}.1"))).unwrap();
        let lines: Vec<_> = page.lines().filter(|line| !line.starts_with(".ie") && !line.starts_with(".el")).collect();
        assert!(lines[0].starts_with(&format!(".TH {name} 1 ")), "{}", lines[0]);
        assert!(!lines[0].contains("20"), "no date: {}", lines[0]);
        assert_eq!(lines[1], ".SH NAME");
        for part in [".SH SYNOPSIS", ".SH DESCRIPTION"] {
            assert!(lines.contains(&part), "{name}: {part}");
        }
        assert_eq!(fs::read_to_string(other.path().join(format!("{name}.1"))).unwrap(), page, "{name}");
        let printed = run(pocketping(&[&["man"], &words.iter().map(String::as_str).collect::<Vec<_>>()[..]].concat()));
        assert_eq!((printed.code, printed.stdout.trim_end()), (0, page.trim_end()), "{name}");
        expected.insert(name);
    }
    assert!(expected.contains("pocketping-webhooks-trigger") && expected.contains("pocketping-man"), "{expected:?}");
    let names: BTreeSet<_> = list.iter().map(|page| page["name"].as_str().unwrap().to_owned()).collect();
    assert_eq!(names, expected, "and no others");
    assert_eq!(fs::read_dir(&deeper).unwrap().count(), expected.len());
}

#[test]
fn a_page_is_json_where_that_is_asked_for_and_what_is_not_there_is_named() {
    let ended = run(pocketping(&["man", "sessions", "list", "-o", "json"]));
    let page: Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!((page["name"].as_str(), page["section"].as_u64()), (Some("pocketping-sessions-list"), Some(1)));
    assert!(page["roff"].as_str().unwrap().contains(".SH OPTIONS"));
    // In the singular it is the same command.
    assert_eq!(run(pocketping(&["man", "session", "list", "-q"])).stdout, "pocketping-sessions-list\n");
    for (args, code, named) in [
        (&["man", "nope"][..], 2, "pocketping has no command \"nope\"; it has sessions, messages"),
        (&["man", "sessions", "nope"], 2, "pocketping sessions has no command \"nope\"; it has list"),
        (&["man", "demo", "nope"], 2, "it has none"),
        (&["man", "demo", "--dir", "x"], 2, "--dir"),
        (&["man", "--dir", "/dev/null/x"], 3, "/dev/null/x cannot be written"),
    ] {
        let ended = run(pocketping(args));
        assert_eq!((ended.code, ended.stdout.as_str()), (code, ""), "{args:?}: {}", ended.stderr);
        assert!(ended.stderr.contains(named), "{args:?}: {}", ended.stderr);
    }
}
