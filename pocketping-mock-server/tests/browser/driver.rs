//! A headless Chromium, driven over its own protocol, and a server for the page it is to show.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::thread;

use fantoccini::{Client, ClientBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};

const PAGE: &str = include_str!("page.html");

/// Serves the page on a port of its own, for as long as the process lives.
pub(crate) fn serve_page() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            thread::spawn(move || {
                let mut head = Vec::new();
                let mut byte = [0];
                while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).is_ok_and(|read| read > 0) {
                    head.push(byte[0]);
                }
                let length = PAGE.len();
                // A browser that hangs up early is none of this test's business.
                drop(write!(
                    stream,
                    "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{PAGE}"
                ));
            });
        }
    });
    port
}

/// A browser with a window.
pub(crate) struct Browser {
    client: Client,
    driver: Driver,
    /// Its profile, gone with it.
    _profile: tempfile::TempDir,
}

/// The process that drives it; gone with it.
struct Driver(Child);

impl Drop for Driver {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

impl Browser {
    /// Starts one; `None` where there is none to start and nobody insists.
    pub(crate) async fn start() -> Option<Self> {
        let Ok(child) = Command::new("chromedriver").arg("--port=0").stdout(Stdio::piped()).spawn() else {
            let insists = std::env::var("POCKETPING_REQUIRE_BROWSER").is_ok_and(|value| value == "1");
            assert!(!insists, "chromedriver is not there, and POCKETPING_REQUIRE_BROWSER=1 insists on it");
            eprintln!(
                "SKIPPED: there is no chromedriver; install chromium and chromium-driver to run the browser tests"
            );
            return None;
        };
        let mut driver = Driver(child);
        let port = port_of(&mut driver.0);
        let profile = tempfile::tempdir().unwrap();
        let arguments = [
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
        ]
        .map(str::to_owned);
        let profile_argument = format!("--user-data-dir={}", profile.path().display());
        let arguments: Vec<_> = arguments.into_iter().chain([profile_argument]).collect();
        let capabilities = json!({"goog:chromeOptions": {"args": arguments}, "timeouts": {"script": 20_000}});
        let Value::Object(capabilities) = capabilities else { unreachable!() };
        let client = ClientBuilder::new(HttpConnector::new())
            .capabilities(capabilities)
            .connect(&format!("http://127.0.0.1:{port}"))
            .await
            .expect("chromium starts");
        Some(Self { client, driver, _profile: profile })
    }

    pub(crate) async fn goto(&self, url: &str) {
        self.client.goto(url).await.unwrap();
    }

    /// Runs an expression in the page and waits for what it promises.
    pub(crate) async fn run(&self, expression: &str) -> Value {
        let script = format!(
            "const done = arguments[arguments.length - 1];
             Promise.resolve().then(() => ({expression})).then((value) => done({{value}}), (error) => done({{error: String(error)}}));"
        );
        let told = self.client.execute_async(&script, Vec::new()).await.unwrap();
        assert_eq!(told.get("error"), None, "{expression}");
        told["value"].clone()
    }

    pub(crate) async fn close(self) {
        self.client.close().await.unwrap();
        drop(self.driver);
    }
}

/// The port the driver says it has taken.
fn port_of(driver: &mut Child) -> u16 {
    let mut lines = BufReader::new(driver.stdout.take().unwrap()).lines();
    let port = lines
        .by_ref()
        .map_while(Result::ok)
        .find_map(|line| line.split_once("successfully on port ")?.1.trim_end_matches('.').parse().ok());
    // Whatever else it says is read and dropped, or it would wait for a reader.
    thread::spawn(move || lines.map_while(Result::ok).for_each(drop));
    port.expect("chromedriver says its port")
}
