//! `Operator`: what operators do that the documented API has no call for, and visitors see.

use std::sync::Arc;

use pocketping_sdk::{Message, MessageId, MessageKind, SessionId};
use serde_json::Value;

use crate::operations;
use crate::server::MockServer;
use crate::store::{Rejection, Tx};

/// The operators of the first key, for what the documented API has no call for. Visitors' widgets see it at once.
///
/// ```
/// use pocketping_mock_server::{MockServer, Visit};
///
/// let server = MockServer::start();
/// let session = server.visitor_opens_session(Visit::new());
/// let message = server.visitor_says(&session.id, "Hello");
/// let operator = server.operator();
/// operator.is_online(true);
/// operator.reads(&session.id);
/// assert!(server.messages(&session.id)[0].read_at.is_some());
/// ```
#[derive(Debug)]
pub struct Operator<'a>(&'a MockServer);

impl MockServer {
    /// What operators do that the documented API has no call for.
    pub fn operator(&self) -> Operator<'_> {
        Operator(self)
    }
}

impl Operator<'_> {
    /// An operator came, or the last one left.
    pub fn is_online(&self, online: bool) {
        self.write("come or go", |tx| {
            tx.set_operator_online(online);
            Ok(())
        });
    }

    /// An operator types, or stopped.
    ///
    /// # Panics
    /// When there is no such session.
    #[track_caller]
    pub fn types(&self, session: &SessionId, is_typing: bool) {
        self.write("type", |tx| operations::type_words(tx, session, is_typing));
    }

    /// An operator has read all that the visitor wrote; gives how many messages that was news of.
    ///
    /// # Panics
    /// When there is no such session.
    #[track_caller]
    pub fn reads(&self, session: &SessionId) -> usize {
        self.write("read", |tx| operations::read_all(tx, session, &MessageKind::Operator))
    }

    /// An operator gives an own message another text (`message.updated`).
    ///
    /// # Panics
    /// When there is no such message, it is no operator's, it is deleted, or the text is blank or longer than 4000
    /// characters.
    #[track_caller]
    pub fn edits(&self, session: &SessionId, message: &MessageId, text: impl Into<String>) -> Message {
        let edited =
            self.write("edit this", |tx| operations::edit(tx, session, message, &MessageKind::Operator, text.into()));
        Arc::unwrap_or_clone(edited).into_value()
    }

    /// An operator deletes an own message (`message.updated`).
    ///
    /// # Panics
    /// When there is no such message, it is no operator's, or it is deleted already.
    #[track_caller]
    pub fn deletes(&self, session: &SessionId, message: &MessageId) -> Message {
        let deleted = self.write("delete this", |tx| operations::delete(tx, session, message, &MessageKind::Operator));
        Arc::unwrap_or_clone(deleted).into_value()
    }

    /// Asks the visitor for a rating, now and after every reload until there is one; `false` when there is one already.
    ///
    /// # Panics
    /// When there is no such session.
    #[track_caller]
    pub fn asks_for_rating(&self, session: &SessionId) -> bool {
        self.write("ask for a rating", |tx| tx.ask_for_rating(session))
    }

    /// Asks the visitor's browser for a screenshot, and gives the request's id. A silent one becomes no message.
    ///
    /// # Panics
    /// When there is no such session.
    #[track_caller]
    pub fn asks_for_screenshot(&self, session: &SessionId, silent: bool) -> String {
        self.write("ask for a screenshot", |tx| operations::ask_for_screenshot(tx, session, silent, None))
    }

    /// Tells the visitor's page something: its listeners for custom events of this name get it.
    ///
    /// # Panics
    /// When there is no such session, or the name is empty.
    #[track_caller]
    pub fn tells_page(&self, session: &SessionId, name: &str, data: Option<Value>) {
        self.write("tell the page", |tx| operations::tell_page(tx, session, name, data));
    }

    /// Replaces what the widgets of the first project track: `{selector, event?, name, widgetMessage?, data?}` each.
    pub fn tracks(&self, elements: Vec<Value>) {
        self.write("track this", |tx| operations::track(tx, elements));
    }

    #[track_caller]
    fn write<T>(&self, what: &str, change: impl FnOnce(&mut Tx<'_>) -> Result<T, Rejection>) -> T {
        self.0.write(change).unwrap_or_else(|rejection| panic!("the operator cannot {what}: {rejection}"))
    }
}
