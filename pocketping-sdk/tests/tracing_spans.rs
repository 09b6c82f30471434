//! Spans: one a call, one an attempt; the route as a template, and nothing of what was said.
//!
//! A process of its own: whether a span is on is remembered for the whole process, and a thread without a subscriber
//! that reaches it first turns it off for all.

use std::io;
use std::sync::{Arc, Mutex};

use pocketping_sdk::NewMessage;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::fmt::format::FmtSpan;

use scripted::{Script, Step, answer};

#[path = "it/scripted.rs"]
#[allow(dead_code, reason = "this test needs little of it")]
mod scripted;

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;
    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_and_its_attempts_are_spans_without_personal_data() {
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing_subscriber::filter::LevelFilter::TRACE)
        .with_span_events(FmtSpan::CLOSE)
        .with_writer(log.clone())
        .with_ansi(false)
        .finish();
    let guard = tracing::subscriber::set_default(subscriber);
    let script = Script::new([Step::Refused, answer(201, r#"{"id":"msg_1","content":"hunter2"}"#)]);
    script.client().session("sess_private").messages().send(NewMessage::operator("hunter2")).await.unwrap();
    drop(guard);

    let log = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert!(log.contains("http.route=/sessions/:sessionId/messages"), "{log}");
    assert!(log.contains("http.request.method=POST") && log.contains("pocketping.request_id=req_"), "{log}");
    assert!(log.contains("http.response.status_code=201") && log.contains("pocketping.attempts=2"), "{log}");
    assert!(log.contains("attempt=1") && log.contains("attempt=2"), "{log}");
    for private in ["hunter2", "sess_private", "Bearer"] {
        assert!(!log.contains(private), "{private} in {log}");
    }
}
