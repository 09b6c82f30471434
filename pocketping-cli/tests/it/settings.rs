//! Where keys and addresses come from, and that none is sent where it does not belong.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use pocketping_mock_server::{Contract, MockServer};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::run::{Ended, Nobody, error_of, pocketping, run, run_with_input};

/// A machine of its own, with nothing configured.
struct Home(TempDir);

impl Home {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn file(&self) -> PathBuf {
        self.0.path().join("pocketping/config.toml")
    }

    fn text(&self) -> String {
        fs::read_to_string(self.file()).unwrap()
    }

    fn write(&self, text: &str) {
        fs::create_dir_all(self.file().parent().unwrap()).unwrap();
        fs::write(self.file(), text).unwrap();
        close(&self.file());
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = pocketping(args);
        command.env("POCKETPING_CONFIG_DIR", self.0.path().join("pocketping"));
        command
    }

    fn run(&self, args: &[&str]) -> Ended {
        run(self.command(args))
    }

    fn login(&self, url: &str, key: &str, args: &[&str]) -> Ended {
        run_with_input(self.command(&[&["login", "--with-token", "--api-url", url, "-o", "json"], args].concat()), key)
    }

    /// What `config show` says of a setting: value, source, name.
    fn shown(&self, args: &[&str], setting: &str) -> Value {
        let ended = self.run(&[&["config", "show", "-o", "json"], args].concat());
        let settings: Vec<Value> = serde_json::from_str(&ended.stdout).expect(&ended.stderr);
        let found = settings.iter().find(|shown| shown["setting"] == setting).unwrap();
        json!([found["value"], found["source"], found["name"]])
    }
}

#[cfg(unix)]
fn mode(path: &Path) -> u32 {
    std::os::unix::fs::PermissionsExt::mode(&fs::metadata(path).unwrap().permissions()) & 0o777
}

/// As the program writes it.
fn close(path: &Path) {
    #[cfg(unix)]
    fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
}

const KEY: &str = "sk_live_0123456789abcdef";

fn server() -> MockServer {
    MockServer::builder().api_key(KEY).demo_seed().start().unwrap()
}

#[test]
fn a_key_the_server_takes_is_kept_for_its_owner_only() {
    for contract in [Contract::Strict, Contract::Extended] {
        let server = MockServer::builder().contract(contract).api_key(KEY).start().unwrap();
        let home = Home::new();
        let ended = home.login(server.url(), &format!("{KEY}\n"), &[]);
        assert_eq!(ended.code, 0, "{}", ended.stderr);
        let shown: Value = serde_json::from_str(&ended.stdout).unwrap();
        let expected = json!({
            "name": "default", "current": true, "apiUrl": server.url(), "apiKey": "sk_l…cdef", "plan": null,
        });
        assert_eq!(shown, expected);
        assert!(!ended.stderr.contains(KEY));
        let text = format!(
            "profile = \"default\"\n\n[profiles.default]\napi-url = \"{}\"\napi-key = \"{KEY}\"\n",
            server.url()
        );
        assert_eq!(home.text(), text);
        #[cfg(unix)]
        assert_eq!((mode(&home.file()), mode(home.file().parent().unwrap())), (0o600, 0o700));
        assert_eq!(home.run(&["sessions", "list"]).code, 0);
    }
}

#[test]
fn a_key_that_cannot_be_used_is_not_kept() {
    let server = server();
    let home = Home::new();
    let nobody = Nobody::new();
    for (url, key, code) in
        [(server.url(), "wrong", 4), (server.url(), "", 2), (server.url(), "two words", 3), (&nobody.url(), KEY, 9)]
    {
        let ended = home.login(url, key, &[]);
        assert_eq!((ended.code, ended.stdout.as_str(), home.file().exists()), (code, "", false), "{}", ended.stderr);
    }
    for (args, named) in [
        (&["login"][..], "--with-token"),
        (&["login", "--api-key", KEY, "--with-token"], "command line"),
        (&["login", "--credential-command", "it's"], "quote"),
        (&["login", "--with-token", "--profile", "a b"], "letters"),
    ] {
        let ended = home.run(args);
        assert!(ended.code == 2 && ended.stderr.contains(named), "{args:?}: {}", ended.stderr);
    }
}

#[test]
fn profiles_are_listed_used_shown_and_removed() {
    let (one, two) = (server(), server());
    let home = Home::new();
    assert_eq!(home.run(&["profile", "list", "-o", "json"]).stdout, "[]\n");
    home.login(one.url(), KEY, &["--profile", "one", "--plan", "pro"]);
    home.login(two.url(), KEY, &["--profile", "two"]);
    assert_eq!(home.run(&["profile", "list", "-q"]).stdout, "one\ntwo\n");
    assert_eq!(home.shown(&[], "api-url"), json!([one.url(), "profile", "one"]));
    assert_eq!(home.run(&["profile", "use", "two"]).code, 0);
    assert_eq!(home.shown(&[], "api-url"), json!([two.url(), "profile", "two"]));
    assert_eq!(home.shown(&["--profile", "one"], "plan"), json!(["pro", "profile", "one"]));
    let shown = home.run(&["profile", "show", "one"]).stdout;
    assert_eq!(shown, format!("name\tone\nin use\tno\nserver\t{}\nkey\tsk_l…cdef\nplan\tpro\n", one.url()));

    // Without a terminal nobody is asked.
    assert_eq!(home.run(&["profile", "remove", "two"]).code, 0);
    assert!(!home.text().contains("two"), "{}", home.text());
    for command in ["use", "show", "remove"] {
        let error = home.run(&["profile", command, "two", "-o", "json"]);
        assert_eq!((error.code, &error_of(&error.stderr)["code"]), (5, &json!("not_found")));
    }
    let ended = home.run(&["--profile", "two", "sessions", "list"]);
    assert!(ended.code == 3 && ended.stderr.contains("there are one"), "{}", ended.stderr);
}

#[test]
fn a_stronger_source_wins_and_is_named() {
    let home = Home::new();
    home.write("# mine\n[profiles.default]\napi-url = \"http://profile\"\napi-key = \"0123456789abcdefgh\" # old\n");
    assert_eq!(home.shown(&[], "profile"), json!(["default", "default", null]));
    assert_eq!(home.shown(&[], "api-url"), json!(["http://profile", "profile", "default"]));
    assert_eq!(home.shown(&[], "api-key"), json!(["0123…efgh", "profile", "default"]));
    assert_eq!(home.shown(&[], "plan"), json!([null, null, null]));

    let env_file = home.0.path().join("of the project");
    fs::write(&env_file, "OTHER='x'\nexport POCKETPING_API_URL=\"http://file\" # here\nPOCKETPING_PLAN=team\n")
        .unwrap();
    let env_file = env_file.to_str().unwrap();
    let with_file = ["--env-file", env_file];
    let named = format!("POCKETPING_API_URL in {env_file}");
    assert_eq!(home.shown(&with_file, "api-url"), json!(["http://file", "env-file", named]));
    assert_eq!(home.shown(&with_file, "plan")[0], "team");

    let mut command = home.command(&[&["config", "show", "-o", "tsv"], &with_file[..]].concat());
    command.env("POCKETPING_API_URL", "http://environment");
    let ended = run(command);
    let line = "api-url\thttp://environment\tenvironment\tPOCKETPING_API_URL\n";
    assert!(ended.stdout.contains(line), "{}", ended.stdout);

    let flag = [&with_file[..], &["--api-url", "http://flag"]].concat();
    assert_eq!(home.shown(&flag, "api-url"), json!(["http://flag", "flag", "--api-url"]));
    // A `.env` file that nobody named is not read.
    fs::write(home.0.path().join(".env"), "POCKETPING_PLAN=free\n").unwrap();
    let mut command = home.command(&["config", "show"]);
    command.current_dir(home.0.path());
    assert!(!run(command).stdout.contains("free"));

    // What was written by hand stays.
    assert_eq!(home.run(&["profile", "use", "default"]).code, 0);
    assert!(home.text().contains("# mine\n") && home.text().contains("# old"), "{}", home.text());
}

#[test]
fn the_key_of_a_profile_is_sent_to_its_own_server_only() {
    let (own, other) = (server(), server());
    let home = Home::new();
    home.login(own.url(), KEY, &[]);
    let ended = home.run(&["--api-url", other.url(), "sessions", "list"]);
    assert_eq!(ended.code, 3);
    assert!(ended.stderr.contains(own.url()) && ended.stderr.contains("--api-url"), "{}", ended.stderr);
    assert!(other.journal().requests().is_empty());
    // Another path of the same server is the same server, and a key that was named goes where it was told to.
    assert_eq!(home.run(&["--api-url", &format!("{}/v1", own.url()), "sessions", "list"]).code, 0);
    assert_eq!(home.run(&["--api-url", other.url(), "--api-key", KEY, "sessions", "list"]).code, 0);
}

#[test]
#[cfg(unix)]
fn a_vault_is_asked_for_the_key() {
    let server = server();
    let home = Home::new();
    let login = |command: &str| home.run(&["login", "--api-url", server.url(), "--credential-command", command]);
    for (command, named) in [
        ("no-such-program-anywhere", "cannot be run"),
        ("false", "failed (exit status: 1)"),
        ("true", "printed nothing"),
        ("printf 'a\\nb'", "more than one line"),
    ] {
        let ended = login(command);
        assert!(ended.code == 3 && ended.stderr.contains(named), "{command}: {}", ended.stderr);
    }
    let ended = login(&format!("printf '%s\\n' {KEY}"));
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert!(home.text().contains(&format!("credential-command = [\"printf\", '%s\\n', \"{KEY}\"]")), "{}", home.text());
    assert_eq!(home.run(&["sessions", "list"]).code, 0);
    // It is asked once, and what it was told is not repeated.
    let asked = home.0.path().join("asked");
    let script = format!("echo asked >> {}; echo {KEY}", asked.display());
    let ended = home.run(&["login", "--api-url", server.url(), "--credential-command", &format!("sh -c '{script}'")]);
    assert!(ended.code == 0 && !ended.stdout.contains(KEY), "{}{}", ended.stdout, ended.stderr);
    fs::remove_file(&asked).unwrap();
    assert_eq!(home.run(&["stats"]).code, 0);
    assert_eq!(fs::read_to_string(&asked).unwrap(), "asked\n");
    assert_eq!(home.shown(&[], "api-key"), json!(["told by `sh`", "profile", "default"]));
    // It is run only when its key is needed.
    home.write("[profiles.default]\ncredential-command = [\"false\"]\n");
    assert_eq!(home.shown(&[], "api-key"), json!(["told by `false`", "profile", "default"]));
    assert_eq!(home.run(&["--api-url", server.url(), "--api-key", KEY, "sessions", "list"]).code, 0);
}

#[test]
fn a_file_that_cannot_be_used_is_named_and_its_keys_are_not() {
    let home = Home::new();
    for (text, named) in [
        ("profile = 1\n", "line 1"),
        ("\n[profiles.a]\napi_key = \"sk_secret\"\n", "line 3"),
        ("[profiles.a]\napi-key = \"sk_secret\ntwo", "line 3"),
        ("[profiles.a]\napi-key = \"sk_secret\"\ncredential-command = [\"x\"]\n", "one of them is the key"),
        ("[profiles.a]\ncredential-command = []\n", "list of a program"),
        ("[profiles.a]\ncredential-command = \"pass show\"\n", "line 2"),
        ("profile = \"b\"\n[profiles.a]\n", "no profile \"b\""),
    ] {
        home.write(text);
        for command in [&["sessions", "list"][..], &["config", "show"]] {
            let ended = home.run(command);
            assert!(ended.code == 3 && ended.stderr.contains(named), "{text}: {}", ended.stderr);
            assert!(!ended.stderr.contains("sk_secret"), "{}", ended.stderr);
        }
        assert_eq!(home.text(), text, "it was left as it is");
    }
    let bad = home.0.path().join("bad");
    fs::write(&bad, "# Ours\nPOCKETPING_API_KEY='sk_secret\n").unwrap();
    for (path, named) in [(bad.to_str().unwrap(), "line 2 cannot be read"), ("/nowhere/env", "/nowhere/env")] {
        home.write("");
        let ended = home.run(&["--env-file", path, "sessions", "list"]);
        assert!(ended.code == 3 && ended.stderr.contains(named), "{}", ended.stderr);
        assert!(!ended.stderr.contains("sk_secret"), "{}", ended.stderr);
    }
}

#[test]
#[cfg(unix)]
fn a_file_that_others_may_read_is_warned_of_and_closed_when_it_is_written() {
    let server = server();
    let home = Home::new();
    home.login(server.url(), KEY, &[]);
    fs::set_permissions(home.file(), std::os::unix::fs::PermissionsExt::from_mode(0o644)).unwrap();
    let ended = home.run(&["sessions", "list", "-q"]);
    assert_eq!((ended.code, ended.stdout.as_str()), (0, "sess_abc123\n"));
    assert!(
        ended.stderr.starts_with("warning: others may read") && ended.stderr.contains("chmod 600"),
        "{}",
        ended.stderr
    );
    home.run(&["profile", "use", "default"]);
    assert_eq!(mode(&home.file()), 0o600);
    assert_eq!(home.run(&["sessions", "list"]).stderr, "");
}

#[test]
fn calls_of_one_machine_keep_to_the_limit_together() {
    for contract in [Contract::Strict, Contract::Extended] {
        let server = MockServer::builder().contract(contract).api_key(KEY).api_key("other").start().unwrap();
        let home = Home::new();
        let call = |key: &str, args: &[&str]| {
            let mut command = home.command(&[&["sessions", "list", "-o", "json"], args].concat());
            command.env("POCKETPING_API_URL", server.url()).env("POCKETPING_API_KEY", key);
            command.env("POCKETPING_PLAN", "1/min").env("POCKETPING_STATE_DIR", home.0.path().join("state"));
            run(command)
        };
        assert_eq!(call(KEY, &[]).code, 0);
        // As many wait already as have their turn within the time of a call.
        let [limit] = &*std::fs::read_dir(home.0.path().join("state/limits")).unwrap().collect::<Vec<_>>() else {
            panic!("one key, one file");
        };
        let path = limit.as_ref().unwrap().path();
        let spent = std::fs::read_to_string(&path).unwrap();
        let parts: Vec<_> = spent.split_whitespace().collect();
        std::fs::write(&path, format!("{:<79}\n", format!("{} -12 {}", parts[0], parts[2]))).unwrap();
        let ended = call(KEY, &[]);
        let error = error_of(&ended.stderr);
        assert_eq!((ended.code, &error["code"], &error["outcome"]), (7, &json!("rate_limited"), &json!("not_sent")));
        assert_eq!(call(KEY, &["--no-shared-limit"]).code, 0);
        assert_eq!(call("other", &[]).code, 0, "another key has a limit of its own");
        assert_eq!(server.journal().requests().len(), 3);
    }
}

#[test]
#[cfg(unix)]
fn where_nothing_can_be_kept_a_call_counts_for_itself() {
    let server = server();
    let home = Home::new();
    let call = |args: &[&str]| {
        let mut command = home.command(&[&["sessions", "list", "-q"], args].concat());
        command.env("POCKETPING_API_URL", server.url()).env("POCKETPING_API_KEY", KEY);
        command.env("POCKETPING_PLAN", "1/min").env("POCKETPING_STATE_DIR", "/dev/null");
        run(command)
    };
    let ended = call(&[]);
    assert_eq!((ended.code, ended.stdout.as_str()), (0, "sess_abc123\n"));
    assert!(ended.stderr.starts_with("warning: ") && ended.stderr.contains("--no-shared-limit"), "{}", ended.stderr);
    assert_eq!(call(&["--no-shared-limit"]).stderr, "");
}

#[cfg(unix)]
#[test]
fn links_to_one_file_have_one_lock() {
    let server = server();
    let (home, other) = (Home::new(), Home::new());
    home.write("");
    fs::create_dir_all(other.file().parent().unwrap()).unwrap();
    std::os::unix::fs::symlink(home.file(), other.file()).unwrap();
    std::thread::scope(|scope| {
        for (n, home) in [&home, &other].into_iter().cycle().take(8).enumerate() {
            let server = &server;
            scope.spawn(move || {
                let ended = home.login(server.url(), KEY, &["--profile", &format!("shop-{n}")]);
                assert_eq!(ended.code, 0, "{}", ended.stderr);
            });
        }
    });
    assert_eq!(other.run(&["profile", "list", "-q"]).stdout.lines().count(), 8, "{}", home.text());
}

#[test]
fn a_profile_that_is_removed_meanwhile_is_not_in_use() {
    let server = server();
    for _ in 0..4 {
        let home = Home::new();
        assert_eq!(home.login(server.url(), KEY, &["--profile", "kept"]).code, 0);
        assert_eq!(home.login(server.url(), KEY, &["--profile", "shop"]).code, 0);
        let (used, removed) = std::thread::scope(|scope| {
            let used = scope.spawn(|| home.run(&["profile", "use", "shop"]));
            let removed = scope.spawn(|| home.run(&["profile", "remove", "shop", "--yes"]));
            (used.join().unwrap(), removed.join().unwrap())
        });
        assert!([0, 5].contains(&used.code) && removed.code == 0, "{} {}", used.stderr, removed.stderr);
        assert!(!home.text().contains("shop"), "{}", home.text());
    }
}

#[test]
fn logins_at_the_same_moment_keep_all_their_profiles() {
    let server = server();
    let home = Home::new();
    let names: Vec<String> = (0..8).map(|n| format!("shop-{n}")).collect();
    std::thread::scope(|scope| {
        for name in &names {
            scope.spawn(|| {
                let ended = home.login(server.url(), KEY, &["--profile", name]);
                assert_eq!(ended.code, 0, "{}", ended.stderr);
            });
        }
    });
    let kept = home.run(&["profile", "list", "-q"]);
    assert_eq!(kept.stdout.lines().collect::<Vec<_>>(), names, "{}", kept.stderr);
}
