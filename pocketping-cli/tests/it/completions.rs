//! `completions`: the scripts, in the shells that are there.

use std::net::TcpListener;
use std::path::Path;
use std::process::Command;

use pocketping_mock_server::{Contract, MockServer};
use serde_json::Value;

use crate::pty::Pty;
use crate::run::{Ended, at, pocketping, run};

/// Presses the tab key in bash behind these words, with the settings of a command. The words it offers, and what was said.
fn tab(settings: &Command, typed: &[&str]) -> (Vec<String>, String) {
    const SCRIPT: &str = r#"
        set -e
        source <(pocketping completions bash)
        [[ "$(complete -p pocketping)" == *"-F _clap_complete_pocketping pocketping" ]]
        COMP_WORDS=(pocketping "$@")
        COMP_CWORD=$#
        _clap_complete_pocketping pocketping "${COMP_WORDS[$COMP_CWORD]}" "${COMP_WORDS[$COMP_CWORD-1]}"
        for word in "${COMPREPLY[@]}"; do echo "$word"; done
    "#;
    let mut bash = Command::new("bash");
    bash.args(["--norc", "-c", SCRIPT, "bash"]).args(typed).env("PATH", path());
    for (name, value) in settings.get_envs() {
        match value {
            Some(value) => bash.env(name, value),
            None => bash.env_remove(name),
        };
    }
    let Ended { code, stdout, stderr } = run(bash);
    assert_eq!(code, 0, "{typed:?}: {stderr}");
    (stdout.lines().map(str::to_owned).collect(), stderr)
}

/// Where shells find the binary, before anything else of its name.
fn path() -> String {
    let binary = Path::new(env!("CARGO_BIN_EXE_pocketping")).parent().unwrap();
    format!("{}:{}", binary.display(), std::env::var("PATH").unwrap())
}

#[test]
fn commands_flags_and_values_are_completed_without_a_server() {
    let settings = pocketping(&[]);
    let offered = |typed: &[&str]| {
        let (words, stderr) = tab(&settings, typed);
        assert_eq!(stderr, "");
        words
    };
    assert_eq!(offered(&["sess"]), ["sessions"]);
    assert_eq!(offered(&["webhooks", ""])[..6], ["create", "list", "delete", "sign", "verify", "trigger"]);
    assert_eq!(offered(&["sessions", "list", "--status", ""]), ["active", "closed"]);
    assert_eq!(offered(&["sessions", "list", "--unans"]), ["--unanswered"]);
    assert_eq!(offered(&["-o", "nd"]), ["ndjson"]);
    for place in [&[][..], &["sessions"], &["sessions", "list"], &["mock"], &["mock", "stories"], &["webhooks", "list"]]
    {
        assert_eq!(offered(&[place, &["--outp"]].concat()), ["--output"], "{place:?}");
    }
    assert_eq!(offered(&["help", "sess"]), ["sessions"]);
    assert_eq!(offered(&["help", "sessions", "cl"]), ["close"]);
    assert_eq!(offered(&["help", "mock", "st"]), ["stories"]);
    assert_eq!(offered(&["completions", ""])[..5], ["bash", "zsh", "fish", "powershell", "elvish"]);
    assert_eq!(
        offered(&["webhooks", "create", "https://a.test/", "--event", "message."]),
        ["message.created", "message.updated"]
    );
    assert_eq!(offered(&["webhooks", "trigger", "session.cl"]), ["session.closed"]);
    assert_eq!(offered(&["messages", "send", "s", "x", "--type", "o"]), ["operator"]);
    assert_eq!(offered(&["explain", "SESSION_N"]), ["SESSION_NOT_FOUND"]);
    assert!(offered(&["nonsense", "nothing"]).is_empty());
    // Tests run where the crate is.
    assert_eq!(offered(&["webhooks", "sign", "--secret-file", "Cargo.t"]), ["Cargo.toml"]);
    assert_eq!(offered(&["man", "--dir", "tests/i"]), ["tests/it/"]);
}

#[test]
fn ids_of_sessions_are_asked_of_the_server() {
    for contract in [Contract::Strict, Contract::Extended] {
        let server = MockServer::builder().contract(contract).demo_seed().start().unwrap();
        let settings = at(&server, &[]);
        for typed in [
            &["sessions", "get", "sess_a"][..],
            &["session", "close", "sess_"],
            &["messages", "list", "sess_abc1"],
            &["messages", "send", "s"],
            &["wait", "--session", "se"],
            &["listen", "-o", "json", "--session", ""],
        ] {
            let (words, stderr) = tab(&settings, typed);
            assert!(words.contains(&"sess_abc123".to_owned()), "{typed:?}: {words:?}");
            assert!(words.iter().all(|word| word.starts_with(typed[typed.len() - 1])), "{typed:?}: {words:?}");
            assert_eq!(stderr, "");
        }
        assert!(tab(&settings, &["sessions", "get", "nope"]).0.is_empty());
    }
}

#[test]
fn nothing_is_asked_without_a_key_or_of_a_server_that_is_not_the_environments() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let mut without_key = pocketping(&[]);
    without_key.env("POCKETPING_API_URL", &url);
    let mut with_key = pocketping(&[]);
    with_key.env("POCKETPING_API_URL", &url).env("POCKETPING_API_KEY", "k");
    for (settings, typed) in [
        (&without_key, &["sessions", "get", "s"][..]),
        (&with_key, &["--api-url", "http://localhost:1", "sessions", "get", "s"]),
        (&with_key, &["--api-key=other", "sessions", "get", "s"]),
        // A text is no session.
        (&with_key, &["messages", "send", "sess_1", "s"]),
    ] {
        assert_eq!(tab(settings, typed), (vec![], String::new()), "{typed:?}");
    }
    assert!(listener.accept().is_err(), "nobody connected");
}

#[test]
fn the_key_of_a_profile_counts_and_no_command_is_run_for_one() {
    let server = MockServer::builder().demo_seed().start().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let asked = folder.path().join("asked");
    let file = folder.path().join("config.toml");
    for (key, offered) in [
        (format!("api-key = \"{}\"", server.api_key()), vec!["sess_abc123".to_owned()]),
        (format!("credential-command = [\"touch\", \"{}\"]", asked.display()), vec![]),
    ] {
        // Others may read it: a warning elsewhere, and nothing here.
        std::fs::write(&file, format!("[profiles.default]\napi-url = \"{}\"\n{key}\n", server.url())).unwrap();
        let mut settings = pocketping(&[]);
        settings.env("POCKETPING_CONFIG_DIR", folder.path());
        assert_eq!(tab(&settings, &["sessions", "get", "sess_a"]), (offered, String::new()));
        assert_eq!(tab(&settings, &["profile", "use", "d"]), (vec!["default".to_owned()], String::new()));
        assert_eq!(tab(&settings, &["sessions", "identify", "s", "--name", "d"]), (vec![], String::new()));
    }
    assert!(!asked.exists(), "a person who types is not to be asked for a password");
}

#[test]
fn what_goes_wrong_is_not_said_and_does_not_hang() {
    let server = MockServer::builder().demo_seed().start().unwrap();
    let mut wrong_key = at(&server, &[]);
    wrong_key.env("POCKETPING_API_KEY", "wrong");
    // It takes connections and never answers.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut silent = pocketping(&[]);
    silent.env("POCKETPING_API_URL", format!("http://{}", listener.local_addr().unwrap()));
    silent.env("POCKETPING_API_KEY", "k");
    let mut unusable = pocketping(&[]);
    unusable.env("POCKETPING_API_URL", "nonsense").env("POCKETPING_API_KEY", "");
    for settings in [&wrong_key, &silent, &unusable] {
        assert_eq!(tab(settings, &["sessions", "get", "sess"]), (vec![], String::new()));
    }
    for value in ["", "tcsh", "bash"] {
        let mut command = pocketping(&["--", "pocketping"]);
        command.env("_POCKETPING_COMPLETE", value);
        assert_eq!(run(command).stderr, "", "{value}");
    }
}

#[test]
fn every_shell_has_a_script() {
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let ended = run(pocketping(&["completions", shell]));
        assert_eq!((ended.code, ended.stderr.as_str()), (0, ""));
        assert!(
            ended.stdout.contains("_POCKETPING_COMPLETE") && ended.stdout.contains("pocketping"),
            "{}",
            ended.stdout
        );
        let json = run(pocketping(&["completions", shell, "-o", "json"]));
        let json: Value = serde_json::from_str(&json.stdout).unwrap();
        assert_eq!(
            (json["shell"].as_str(), json["script"].as_str().map(str::trim)),
            (Some(shell), Some(ended.stdout.trim()))
        );
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("script");
        std::fs::write(&file, &ended.stdout).unwrap();
        let check = match shell {
            "bash" | "zsh" | "fish" => Command::new(shell).arg("-n").arg(&file).output(),
            // Elvish knows its editor only where a person types; there is no PowerShell.
            _ => continue,
        };
        // A shell that is not there cannot say.
        if let Ok(checked) = check {
            assert!(checked.status.success(), "{shell}: {}", String::from_utf8_lossy(&checked.stderr));
        }
    }
    let ended = run(pocketping(&["completions", "tcsh"]));
    assert_eq!(
        (ended.code, ended.stderr.contains("bash, zsh, fish, powershell, elvish")),
        (2, true),
        "{}",
        ended.stderr
    );
}

/// PowerShell itself is not there to be asked; this is what its script asks the program, and splits at the tab.
#[test]
fn powershell_is_answered_as_its_script_asks() {
    let script = run(pocketping(&["completions", "powershell"])).stdout;
    assert!(script.contains("$env:_POCKETPING_COMPLETE = \"powershell\";") && script.contains("& pocketping -- $args"));
    let server = MockServer::builder().demo_seed().start().unwrap();
    for (typed, offered) in [
        (&["sessions", "li"][..], "list\tList sessions, newest first\n"),
        (&["sessions", "get", "sess_a"], "sess_abc123\n"),
        (&["explain", "SESSION_N"], "SESSION_NOT_FOUND\n"),
        (&["nonsense", "nothing"], ""),
    ] {
        let mut command = at(&server, &[&["--", "pocketping"], typed].concat());
        command.env("_POCKETPING_COMPLETE", "powershell");
        let ended = run(command);
        assert_eq!((&*ended.stdout, &*ended.stderr), (offered, ""), "{typed:?}");
    }
}

/// Types in a shell as a person does, and presses the tab key.
fn typed_in(shell: &[&str], first: &[&str], settings: &Command, typed: &str, seen: &str) {
    let home = tempfile::tempdir().unwrap();
    let mut command = Command::new(shell[0]);
    command.args(&shell[1..]).env("PATH", path()).env("HOME", home.path());
    command.env("XDG_CONFIG_HOME", home.path()).env("XDG_DATA_HOME", home.path()).env("XDG_STATE_HOME", home.path());
    for (name, value) in settings.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    let mut pty = Pty::spawn(&command, 24, 100);
    for (n, line) in first.iter().chain(&["echo re''ady"]).enumerate() {
        if n == 0 {
            pty.wait_for("a prompt", |screen| !screen.is_empty());
        }
        pty.types(&format!("{line}\r"));
    }
    pty.sees("\nready");
    pty.types(typed);
    pty.sees(typed);
    pty.types("\t");
    pty.sees(seen);
}

#[test]
fn the_tab_key_completes_in_the_shells_that_are_there() {
    let server = MockServer::builder().demo_seed().start().unwrap();
    let settings = at(&server, &[]);
    let shells: [(&[&str], &[&str]); 3] = [
        (&["fish", "--no-config"], &["pocketping completions fish | source"]),
        (&["zsh", "-f"], &["autoload -U compinit && compinit -u", "source <(pocketping completions zsh)"]),
        (&["elvish", "-norc"], &["eval (pocketping completions elvish | slurp)"]),
    ];
    for (shell, first) in shells {
        // One that is not there cannot say.
        if Command::new(shell[0]).arg("-c").arg("exit").output().is_err() {
            continue;
        }
        typed_in(shell, first, &settings, "pocketping sessions expo", "pocketping sessions export");
        typed_in(shell, first, &settings, "pocketping sessions get sess_", "pocketping sessions get sess_abc123");
    }
}
