//! A website's visitors, played: a client for any endpoint that PocketPing's browser widget talks to, this server's or
//! your own.
//!
//! A [`Visitor`] connects and becomes a [`Chat`], which has a method for every call of the widget and sends literally
//! what the widget sends; [`Chat::stream`] tells what happens, as [`Frame`]s. What a browser does by itself (the bot
//! signals, storage, the form before the chat, the rating card) is left to you, and nothing that the server is to check
//! is checked here first: a test may say what no widget would.
//!
//! ```
//! use pocketping_mock_server::MockServer;
//! use pocketping_mock_server::visitor::{Frame, Visitor};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let server = MockServer::start();
//! let visitor = Visitor::new(format!("{}/pocketping", server.url()))?.page_url("https://example.com/pricing");
//! let chat = visitor.connect().await?;
//! let mut stream = chat.stream().await?;
//! chat.say("Hello").await?;
//! while let Some(frame) = stream.next().await {
//!     if let Frame::Message(message) = frame? {
//!         assert_eq!(message.content, "Hello");
//!         break;
//!     }
//! }
//! chat.leave().await?;
//! # Ok(())
//! # }
//! ```
//!
//! It knows the protocol and nothing of the server beside it, save in [`MockServer::visitor`].

#[macro_use]
mod open;
mod answers;
mod bodies;
mod browser;
mod chat;
mod conversation;
mod error;
mod frames;
mod http;
mod page;
mod polling;
mod said;
mod socket;
mod sse;
mod stream;
mod uploads;

pub use answers::{Connected, PreChatForm, Presence, Rated, Sent, VersionStanding};
pub use browser::Visitor;
pub use chat::Chat;
pub use error::{Error, ErrorKind, Result};
pub use frames::{
    AiTakeover, ConfigUpdate, CsatRequest, Deleted, Edited, Frame, OperatorPresence, Other, PageEvent, Read,
    ScreenshotRequest, Typing, VersionWarning,
};
pub use said::{Identity, PreChat, Words};
pub use stream::{Frames, Transport};

use crate::server::MockServer;

impl MockServer {
    /// A visitor of the website whose widget talks to this server, at `/pocketping`: the first project of the first key.
    /// Its id and its times are this server's own, so that they are the same in every run.
    ///
    /// ```
    /// use pocketping_mock_server::MockServer;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let server = MockServer::start();
    /// let chat = server.visitor().page_url("https://example.com/pricing").connect().await?;
    /// chat.say("Hello").await?;
    /// assert_eq!(server.messages(chat.session_id())[0].content, "Hello");
    /// # Ok(())
    /// # }
    /// ```
    pub fn visitor(&self) -> Visitor {
        let id = self.write(|tx| Ok(tx.new_visitor_id()));
        Visitor::new(format!("{}/pocketping", self.url()))
            .unwrap_or_else(|error| unreachable!("the server's own address: {error}"))
            .clock(self.clock().clone())
            .id(id.unwrap_or_else(|rejection| unreachable!("nothing is refused: {rejection}")))
    }
}
