//! What visitors and operators do, whichever surface it comes by: rule and change together, once.

use pocketping_sdk::{Message, MessageId, MessageKind, SessionId};
use serde_json::{Value, json};

use crate::names;
use crate::store::change::{Change, Receipt, Update};
use crate::store::{Held, Rejection, ScreenshotRequest, Tx, rules};

/// The author gives an own message another text.
pub(crate) fn edit(
    tx: &mut Tx<'_>,
    session: &SessionId,
    message: &MessageId,
    author: &MessageKind,
    content: String,
) -> Result<Held<Message>, Rejection> {
    rules::own(tx.message(session, message)?, author)?;
    rules::content(&content)?;
    tx.edit_message(session, message, content)
}

/// The author deletes an own message.
pub(crate) fn delete(
    tx: &mut Tx<'_>,
    session: &SessionId,
    message: &MessageId,
    author: &MessageKind,
) -> Result<Held<Message>, Rejection> {
    rules::own(tx.message(session, message)?, author)?;
    tx.delete_message(session, message)
}

/// Whether somebody can receive what this one wrote: visitors what others wrote, operators what visitors wrote.
pub(crate) fn can_receive(reader: &MessageKind, author: &MessageKind) -> bool {
    (*reader == MessageKind::Visitor) != (*author == MessageKind::Visitor)
}

/// Somebody has read all that was written to them; gives how many messages that is news of.
pub(crate) fn read_all(tx: &mut Tx<'_>, session: &SessionId, reader: &MessageKind) -> Result<usize, Rejection> {
    let ids: Vec<MessageId> = tx.tables().conversation(session)?.iter().map(|message| message.id.clone()).collect();
    tx.receive_messages(session, &ids, Receipt::Read, |author| can_receive(reader, author))
}

/// The visitor leaves. Gone is gone: browsers say goodbye in more than one way.
pub(crate) fn leave(tx: &mut Tx<'_>, session: &SessionId, duration: u64, reason: String) -> Result<(), Rejection> {
    if tx.session(session)?.visitor_online != Some(false) {
        let left = Update::Left { duration, reason };
        tx.update_session(session, left, |session, _| session.visitor_online = Some(false))?;
    }
    Ok(())
}

/// An operator types, or stopped.
pub(crate) fn type_words(tx: &mut Tx<'_>, session: &SessionId, is_typing: bool) -> Result<(), Rejection> {
    tx.session(session)?;
    tx.tell(Change::Typing { session: session.clone(), sender: MessageKind::Operator, is_typing });
    Ok(())
}

/// An operator asks the visitor's browser for a screenshot; gives the request's id.
pub(crate) fn ask_for_screenshot(
    tx: &mut Tx<'_>,
    session: &SessionId,
    silent: bool,
    requested_by: Option<String>,
) -> Result<String, Rejection> {
    let id = tx.ids().next("shot");
    tx.request_screenshot(session, ScreenshotRequest { id: id.clone(), requested_by, silent, file: None })?;
    Ok(id)
}

/// The visitor's page is told something.
pub(crate) fn tell_page(
    tx: &mut Tx<'_>,
    session: &SessionId,
    name: &str,
    data: Option<Value>,
) -> Result<(), Rejection> {
    tx.session(session)?;
    if name.is_empty() {
        return Err(Rejection::field("name", "is empty"));
    }
    let mut event = json!({"name": name, "timestamp": names::time(tx.now()), "sessionId": session});
    if let Some(data) = data {
        event["data"] = data;
    }
    tx.tell(Change::ToPage(session.clone(), event));
    Ok(())
}

/// The first project's widgets track other elements.
pub(crate) fn track(tx: &mut Tx<'_>, elements: Vec<Value>) -> Result<(), Rejection> {
    let project = tx.tables().project().id.clone();
    tx.project_mut(&project)?.widget.tracked_elements = Some(elements.clone());
    tx.tell(Change::Tracked(project, elements));
    Ok(())
}
