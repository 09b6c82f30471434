//! The demo: the README's first command.

use std::io::{BufRead, BufReader, Read};
use std::process::{Command, Stdio};

use crate::run::{pocketping, run};

#[test]
fn it_shows_a_whole_conversation_and_ends_by_itself() {
    let ended = run(pocketping(&["demo"]));
    assert_eq!((ended.code, ended.stderr.as_str()), (0, ""));
    let lines: Vec<_> = ended.stdout.lines().map(str::trim).collect();
    let commands: Vec<_> = lines.iter().filter_map(|line| line.strip_prefix("$ ")).collect();
    assert_eq!(
        commands,
        [
            "pocketping sessions list --unanswered",
            "pocketping messages list sess_1",
            "pocketping messages send sess_1 'Yes, webhooks are part of every plan.'",
            "pocketping sessions identify sess_1 --email alice@example.com --name Alice --metadata plan=pro",
            "pocketping sessions ai sess_2 off",
            "pocketping messages send sess_2 'Thank you, that page is back.'",
            "pocketping sessions close sess_1",
            "pocketping sessions list --status active",
        ]
    );
    let live = lines.iter().filter(|line| line.starts_with('\u{26a1}')).count();
    assert_eq!(live, 10, "{}", ended.stdout);
    let same = run(pocketping(&["demo", "-o", "json"]));
    assert_eq!(same.stdout.lines().count(), ended.stdout.lines().count(), "prose is for people, whatever the format");
    for event in
        ["session.created sess_1", "message.created sess_2 visitor:", "session.updated sess_1", "session.closed sess_1"]
    {
        assert!(ended.stdout.contains(event), "{event} in {}", ended.stdout);
    }
}

#[test]
fn it_can_stay_up_to_be_tried_by_hand() {
    let mut child = pocketping(&["demo", "--keep"]).stdout(Stdio::piped()).spawn().unwrap();
    let mut reader = BufReader::new(child.stdout.take().unwrap());
    let mut settings = String::new();
    for line in reader.by_ref().lines() {
        let line = line.unwrap();
        if let Some(exported) = line.trim().strip_prefix("export ") {
            settings = exported.to_owned();
        }
        if line.contains("stays up") {
            break;
        }
    }
    let mut by_hand = pocketping(&["sessions", "list", "--status", "closed"]);
    for setting in settings.split(' ') {
        let (name, value) = setting.split_once('=').unwrap();
        by_hand.env(name, value);
    }
    let ended = run(by_hand);
    let interrupted = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(interrupted.success());
    assert!(child.wait().unwrap().success(), "Ctrl-C ends it in order");
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert!(ended.stdout.starts_with("sess_1\tclosed\tno\t"), "{}", ended.stdout);
}
