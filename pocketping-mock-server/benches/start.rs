//! From nothing to the first answer, in process, in memory, and as a binary: `cargo bench -p pocketping-mock-server
//! --features cli,memory --bench start`. Figures to read, not a test.

#![allow(clippy::unwrap_used, reason = "a benchmark")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Command, Stdio};

use divan::Bencher;
use pocketping_mock_server::MockServer;

fn main() {
    divan::main();
}

/// Asks for `/health` and reads the answer.
fn ask(address: &str) {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(b"GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

#[divan::bench(sample_count = 200, sample_size = 1)]
fn in_process(bencher: Bencher<'_, '_>) {
    // The server goes back to the bench, which drops it when the time was taken.
    bencher.bench(|| {
        let server = MockServer::start();
        ask(&server.address().to_string());
        server
    });
}

#[cfg(feature = "memory")]
#[divan::bench(sample_count = 200, sample_size = 1)]
fn in_memory(bencher: Bencher<'_, '_>) {
    use pocketping_sdk::Client;

    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    bencher.bench_local(|| {
        let server = MockServer::builder().in_memory().start().unwrap();
        let client = Client::builder().base_url(server.url()).api_key(server.api_key()).transport(server.transport());
        assert!(
            runtime.block_on(async { client.build().unwrap().sessions().list().await }).unwrap().sessions.is_empty()
        );
        server
    });
}

#[cfg(feature = "cli")]
#[divan::bench(sample_count = 50, sample_size = 1)]
fn as_a_binary(bencher: Bencher<'_, '_>) {
    /// Ends when it is dropped.
    struct Running(std::process::Child);
    impl Drop for Running {
        fn drop(&mut self) {
            drop(self.0.kill());
            drop(self.0.wait());
        }
    }

    bencher.bench(|| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_pocketping-mock-server"));
        let command = command.args(["--port", "0", "--api-key", "key"]).env_remove("POCKETPING_API_KEY");
        let mut running = Running(command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap());
        let mut line = String::new();
        BufReader::new(running.0.stdout.take().unwrap()).read_line(&mut line).unwrap();
        ask(line.trim().split_once("ready at http://").unwrap().1);
        running
    });
}
