//! Those who listen: many sockets in one process, which count what they are told.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use super::callers::address;
use super::{KEY, number, say};

/// Opens so many sockets, and then waits, as often as a line of the input says how many, until each was told so many
/// events.
pub(super) fn subscribe(url: &str, count: usize) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut opening = JoinSet::new();
        let mut sockets = Vec::new();
        for _ in 0..count {
            // No more at once than a listener's queue holds.
            if opening.len() == 64 {
                sockets.push(opening.join_next().await.unwrap().unwrap());
            }
            opening.spawn(open(address(url).to_owned()));
        }
        sockets.extend(opening.join_all().await);
        say("open");
        for line in std::io::stdin().lines() {
            let events = number(&line.unwrap());
            let mut reading: JoinSet<_> = sockets.drain(..).map(|socket| socket.told(events)).collect();
            while let Some(socket) = reading.join_next().await {
                sockets.push(socket.unwrap());
            }
            say("told");
        }
    });
}

/// A socket, and what of the next frame has come.
struct Subscriber {
    stream: TcpStream,
    bytes: Vec<u8>,
}

async fn open(address: String) -> Subscriber {
    let mut stream = TcpStream::connect(&address).await.unwrap();
    let upgrade = format!(
        "GET /ws HTTP/1.1\r\nHost: {address}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    );
    stream.write_all(upgrade.as_bytes()).await.unwrap();
    let mut bytes = Vec::new();
    while !bytes.ends_with(b"\r\n\r\n") {
        bytes.push(stream.read_u8().await.unwrap());
    }
    let auth = format!(r#"{{"type":"auth","apiKey":"{KEY}"}}"#);
    // A text, masked with zeros.
    let mut frame = vec![0x81, 0x80 | u8::try_from(auth.len()).unwrap(), 0, 0, 0, 0];
    frame.extend(auth.as_bytes());
    stream.write_all(&frame).await.unwrap();
    Subscriber { stream, bytes: Vec::new() }.told(1).await
}

impl Subscriber {
    /// Reads so many frames.
    async fn told(mut self, events: usize) -> Self {
        let mut left = events;
        while left > 0 {
            match length(&self.bytes) {
                Some(length) => {
                    self.bytes.drain(..length);
                    left -= 1;
                }
                None => assert!(self.stream.read_buf(&mut self.bytes).await.unwrap() > 0, "the socket ended"),
            }
        }
        self
    }
}

/// How long the first frame is, once it is whole.
fn length(bytes: &[u8]) -> Option<usize> {
    let whole = match bytes {
        [_, 126, high, low, ..] => 4 + usize::from(u16::from_be_bytes([*high, *low])),
        [_, short @ ..=125, ..] => 2 + usize::from(*short),
        _ => return None,
    };
    (bytes.len() >= whole).then_some(whole)
}
