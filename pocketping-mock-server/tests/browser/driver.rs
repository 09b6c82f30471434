//! A headless Chromium, driven over its own protocol.

#![allow(dead_code, reason = "not every test that includes it needs all of it")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use fantoccini::elements::Element;
use fantoccini::wd::WebDriverCompatibleCommand;
use fantoccini::{Client, ClientBuilder, Locator};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};

/// A browser with a window.
pub(crate) struct Browser {
    client: Client,
    driver: Driver,
    /// Its profile, gone with it.
    _profile: tempfile::TempDir,
}

/// The process that drives it; gone with it.
struct Driver {
    process: Child,
    port: u16,
}

impl Drop for Driver {
    fn drop(&mut self) {
        // It ends its browser before it answers. One that a failed test left would knock at the ports of later servers.
        if let Ok(mut stream) = TcpStream::connect(("127.0.0.1", self.port)) {
            drop(stream.set_read_timeout(Some(Duration::from_secs(10))));
            drop(stream.write_all(b"GET /shutdown HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"));
            drop(stream.read_to_end(&mut Vec::new()));
        }
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

impl Browser {
    /// Starts one; `None` where there is none to start and nobody insists.
    pub(crate) async fn start() -> Option<Self> {
        let Some((process, port)) = started() else {
            let insists = std::env::var("POCKETPING_REQUIRE_BROWSER").is_ok_and(|value| value == "1");
            assert!(!insists, "chromedriver is not there, and POCKETPING_REQUIRE_BROWSER=1 insists on it");
            eprintln!(
                "SKIPPED: there is no chromedriver; install chromium and chromium-driver to run the browser tests"
            );
            return None;
        };
        let driver = Driver { process, port };
        let profile = tempfile::tempdir().unwrap();
        let arguments = [
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-lcd-text",
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
        let capabilities = json!({"goog:chromeOptions": {"args": arguments}, "timeouts": {"script": 20_000},
                                  "goog:loggingPrefs": {"browser": "ALL"}});
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

    /// Waits until an expression is true in the page.
    pub(crate) async fn until(&self, expression: &str) {
        let wait = format!(
            "new Promise((resolve, reject) => {{
                 const end = Date.now() + 15000;
                 const look = () => {{
                     if ({expression}) return resolve(true);
                     if (Date.now() > end) return reject(document.body.innerText);
                     setTimeout(look, 20);
                 }};
                 look();
             }})"
        );
        self.run(&wait).await;
    }

    /// Waits until this text is to be seen in what the selector names.
    pub(crate) async fn shows(&self, selector: &str, text: &str) {
        let (selector, text) = (json!(selector), json!(text));
        self.until(&format!("document.querySelector({selector})?.innerText.includes({text})")).await;
    }

    /// Presses keys where the focus is, as a keyboard does.
    pub(crate) async fn press(&self, keys: &str) {
        self.client.active_element().await.unwrap().send_keys(keys).await.unwrap();
    }

    pub(crate) async fn click(&self, selector: &str) {
        let element = self.found(selector).await;
        // Out from under what stays at the window's edge, as a person scrolls.
        self.run(&format!("document.querySelector({}).scrollIntoView({{block: 'nearest'}})", json!(selector))).await;
        element.click().await.unwrap();
    }

    /// Writes into a field.
    pub(crate) async fn fill(&self, selector: &str, text: &str) {
        self.found(selector).await.send_keys(text).await.unwrap();
    }

    /// What a selector names, as soon as it is to be seen.
    async fn found(&self, selector: &str) -> Element {
        self.until(&format!("document.querySelector({})?.checkVisibility()", json!(selector))).await;
        self.client.find(Locator::Css(selector)).await.unwrap()
    }

    /// A window of this size, in light or dark.
    pub(crate) async fn looks(&self, width: u32, height: u32, scheme: &str) {
        let size = json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": false});
        self.devtools("Emulation.setDeviceMetricsOverride", size).await;
        let media = json!({"features": [{"name": "prefers-color-scheme", "value": scheme}]});
        self.devtools("Emulation.setEmulatedMedia", media).await;
    }

    async fn devtools(&self, command: &str, params: Value) {
        self.client.issue_cmd(Own("goog/cdp/execute", json!({"cmd": command, "params": params}))).await.unwrap();
    }

    /// What the console was told since the last call.
    pub(crate) async fn console(&self) -> Vec<String> {
        let told = self.client.issue_cmd(Own("se/log", json!({"type": "browser"}))).await.unwrap();
        let told = told.as_array().unwrap().iter();
        told.map(|entry| format!("{} {}", entry["level"].as_str().unwrap(), entry["message"].as_str().unwrap()))
            .collect()
    }

    /// Keeps a picture of the window.
    pub(crate) async fn picture(&self, path: &Path) {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, self.client.screenshot().await.unwrap()).unwrap();
    }

    pub(crate) async fn close(self) {
        self.client.close().await.unwrap();
        drop(self.driver);
    }
}

/// A driver, and the port it says it has taken; none where there is no such program. It takes a port that is free for IPv6, and ends
/// when that is taken for IPv4, as one of the many servers of these tests may have: then another one is asked for.
fn started() -> Option<(Child, u16)> {
    loop {
        let mut driver = Command::new("chromedriver").arg("--port=0").stdout(Stdio::piped()).spawn().ok()?;
        let mut lines = BufReader::new(driver.stdout.take().unwrap()).lines().map_while(Result::ok);
        let mut said = String::new();
        let port = lines.by_ref().find_map(|line| {
            said.push_str(&line);
            line.split_once("successfully on port ")?.1.trim_end_matches('.').parse().ok()
        });
        if let Some(port) = port {
            // Whatever else it says is read and dropped, or it would wait for a reader.
            thread::spawn(move || lines.for_each(drop));
            return Some((driver, port));
        }
        driver.wait().unwrap();
        assert!(said.contains("port not available"), "chromedriver says no port: {said}");
    }
}

/// A command of chromedriver's own.
#[derive(Debug)]
struct Own(&'static str, Value);

impl WebDriverCompatibleCommand for Own {
    fn endpoint(&self, base: &url::Url, session: Option<&str>) -> Result<url::Url, url::ParseError> {
        base.join(&format!("session/{}/{}", session.unwrap_or_default(), self.0))
    }

    fn method_and_body(&self, _: &url::Url) -> (http::Method, Option<String>) {
        (http::Method::POST, Some(self.1.to_string()))
    }
}
