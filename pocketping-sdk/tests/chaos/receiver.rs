//! A webhook receiver that often fails, over real sockets.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::plan::Draw;

/// How often one body is refused at most: a delivery has six attempts.
const MOST_REFUSALS: u32 = 3;

/// A delivery that was taken: the delivery's id where it has one, and its body.
pub(crate) type Taken = (Option<String>, Vec<u8>);

pub(crate) struct Receiver {
    pub(crate) url: String,
    taken: Arc<Mutex<Vec<Taken>>>,
}

impl Receiver {
    pub(crate) async fn start(seed: u64) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/hook", listener.local_addr().unwrap());
        let taken = Arc::<Mutex<Vec<Taken>>>::default();
        let refusals = Arc::new(Mutex::new((Draw::new(seed), HashMap::new())));
        let kept = Arc::clone(&taken);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(answer(stream, Arc::clone(&kept), Arc::clone(&refusals)));
            }
        });
        Self { url, taken }
    }

    pub(crate) fn taken(&self) -> Vec<Taken> {
        self.taken.lock().unwrap().clone()
    }
}

type Refusals = Arc<Mutex<(Draw, HashMap<Vec<u8>, u32>)>>;

async fn answer(mut stream: TcpStream, taken: Arc<Mutex<Vec<Taken>>>, refusals: Refusals) {
    let Some((id, body)) = read(&mut stream).await else { return };
    let refused = {
        let mut refusals = refusals.lock().unwrap();
        let drawn = refusals.0.below(4);
        let so_far = refusals.1.entry(body.clone()).or_default();
        let refused = drawn < 2 && *so_far < MOST_REFUSALS;
        *so_far += u32::from(refused);
        refused.then_some(drawn)
    };
    let status = match refused {
        Some(0) => return,
        Some(_) => "500 Internal Server Error",
        None => "204 No Content",
    };
    if refused.is_none() {
        taken.lock().unwrap().push((id, body));
    }
    // The server may be gone by now.
    drop(stream.write_all(format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n").as_bytes()).await);
}

/// Reads a request: the delivery's id and the body. `None` when it breaks off.
async fn read(stream: &mut TcpStream) -> Option<Taken> {
    let mut bytes = Vec::new();
    loop {
        if let Some(head) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            let text = std::str::from_utf8(&bytes[..head]).ok()?;
            let header = |wanted: &str| {
                let lines = text.lines().filter_map(|line| line.split_once(": "));
                lines.filter(|(name, _)| name.eq_ignore_ascii_case(wanted)).map(|(_, value)| value.to_owned()).next()
            };
            let length: usize = header("content-length")?.parse().ok()?;
            if bytes.len() >= head + 4 + length {
                return Some((header("x-pocketping-delivery"), bytes[head + 4..head + 4 + length].to_vec()));
            }
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    }
}
