//! The widgets that listen: what happens in a session, as frames in their names, to those that show this session.
//!
//! It is driven under the same lock as the store, like the hub.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use pocketping_sdk::{Message, MessageKind, ProjectId, SessionId, Timestamp};
use serde_json::{Value, json};
use tokio::sync::mpsc;

use crate::hub::RESTARTED;
use crate::names;
use crate::store::change::{Change, Receipt};
use crate::store::{Held, ScreenshotRequest, TenantId};
use crate::subscribers::{End, Subscribers};

/// A widget's side: what it is shown at once, then what comes.
#[derive(Debug)]
pub(crate) struct Joined {
    pub(crate) first: First,
    pub(crate) frames: mpsc::Receiver<Bytes>,
    pub(crate) end: End,
}

/// What a widget is shown at once. The frames are made of it when no lock is held.
#[derive(Debug, Default)]
pub(crate) struct First {
    pub(crate) warning: Option<Value>,
    pub(crate) messages: Vec<Held<Message>>,
    pub(crate) rating_asked: Option<Timestamp>,
}

impl First {
    pub(crate) fn frames(&self) -> impl Iterator<Item = Bytes> {
        let warning = self.warning.iter().map(|data| frame("version_warning", data));
        let messages = self.messages.iter().map(|message| message_frame(message));
        let rating = self.rating_asked.map(csat_request);
        warning.chain(messages).chain(rating)
    }
}

/// Who shows which session.
#[derive(Debug)]
pub(crate) struct Widgets {
    queue: usize,
    audiences: HashMap<(TenantId, SessionId), Audience>,
}

#[derive(Debug)]
struct Audience {
    project: Option<ProjectId>,
    subscribers: Subscribers,
}

impl Widgets {
    pub(crate) fn new(queue: usize) -> Self {
        Self { queue, audiences: HashMap::new() }
    }

    /// Adds a widget that shows this session.
    pub(crate) fn join(
        &mut self,
        tenant: &TenantId,
        session: &SessionId,
        project: Option<&ProjectId>,
        first: First,
    ) -> Joined {
        self.audiences.retain(|_, audience| !audience.subscribers.is_empty());
        let audience = self
            .audiences
            .entry((Arc::clone(tenant), session.clone()))
            .or_insert_with(|| Audience { project: project.cloned(), subscribers: Subscribers::default() });
        let (frames, end) = audience.subscribers.add(self.queue);
        Joined { first, frames, end }
    }

    /// Ends all widgets of a tenant: what they show is not there any more.
    pub(crate) fn restart(&mut self, tenant: &TenantId) {
        self.audiences.retain(|(of, _), audience| {
            let stays = of != tenant;
            if !stays {
                audience.subscribers.close(RESTARTED);
            }
            stays
        });
    }

    /// Tells those whom it concerns; gives how many were told.
    pub(crate) fn publish(&mut self, tenant: &TenantId, change: &Change) -> usize {
        if self.audiences.is_empty() {
            return 0;
        }
        match change {
            Change::OperatorOnline(online) => {
                self.tell_all(tenant, None, &frame("presence", &json!({"online": online})))
            }
            Change::Tracked(project, elements) => {
                self.tell_all(tenant, Some(project), &frame("config_update", &json!({"trackedElements": elements})))
            }
            _ => {
                let Some(session) = change.session_id() else { return 0 };
                let Some(audience) = self.audiences.get_mut(&(Arc::clone(tenant), session.clone())) else { return 0 };
                frames_of(change).iter().map(|frame| audience.subscribers.send(frame)).max().unwrap_or(0)
            }
        }
    }

    fn tell_all(&mut self, tenant: &TenantId, project: Option<&ProjectId>, frame: &Bytes) -> usize {
        self.audiences
            .iter_mut()
            .filter(|((of, _), audience)| of == tenant && (project.is_none() || audience.project.as_ref() == project))
            .map(|(_, audience)| audience.subscribers.send(frame))
            .sum()
    }
}

/// What a change is to the widgets of its session.
fn frames_of(change: &Change) -> Vec<Bytes> {
    vec![match change {
        Change::Said(message, _) => message_frame(message),
        Change::Edited(message) => edited(message),
        Change::Deleted(message, _) => deleted(message),
        Change::Received(_, messages, receipt) => return received(messages, *receipt),
        Change::RatingAsked(_, at) => csat_request(*at),
        Change::Typing { session, sender, is_typing } => {
            frame("typing", &json!({"sessionId": session, "sender": sender, "isTyping": is_typing}))
        }
        Change::TakenOver(session, reason) => frame("ai_takeover", &json!({"sessionId": session.id, "reason": reason})),
        Change::ToPage(_, event) => frame("event", event),
        Change::ScreenshotAsked(_, request) => screenshot_request(request),
        Change::Opened(_)
        | Change::Updated(..)
        | Change::Closed(_)
        | Change::FromPage(..)
        | Change::AiDeclined(_)
        | Change::OperatorOnline(_)
        | Change::Tracked(..) => return Vec::new(),
    }]
}

/// A frame, as it stands in a socket's text and in a stream's `data:`.
pub(crate) fn frame(kind: &str, data: &Value) -> Bytes {
    json!({"type": kind, "data": data}).to_string().into()
}

/// A message, new or as it is now.
pub(crate) fn message_frame(message: &Message) -> Bytes {
    frame("message", &names::message(message))
}

/// An operator's message comes once more, as it is now; a visitor's own has a frame for it.
fn edited(message: &Message) -> Bytes {
    if message.kind != MessageKind::Visitor {
        return message_frame(message);
    }
    let at = message.edited_at.map(names::time);
    frame("message_edited", &json!({"messageId": message.id, "content": message.content, "editedAt": at}))
}

fn deleted(message: &Message) -> Bytes {
    if message.kind != MessageKind::Visitor {
        return message_frame(message);
    }
    frame("message_deleted", &json!({"messageId": message.id, "deletedAt": message.deleted_at.map(names::time)}))
}

/// One frame for those that were delivered together: it has one time for all of them.
fn received(messages: &[Held<Message>], receipt: Receipt) -> Vec<Bytes> {
    let mut frames = Vec::new();
    for together in messages.chunk_by(|one, next| one.delivered_at == next.delivered_at) {
        let ids: Vec<_> = together.iter().map(|message| &message.id).collect();
        let mut data = json!({"messageIds": ids, "status": receipt.as_str()});
        for (name, at) in [("deliveredAt", together[0].delivered_at), ("readAt", together[0].read_at)] {
            if let Some(at) = at {
                data[name] = json!(names::time(at));
            }
        }
        frames.push(frame("read", &data));
    }
    frames
}

/// The visitor is to rate the conversation.
pub(crate) fn csat_request(asked: Timestamp) -> Bytes {
    frame("csat_request", &json!({"requestedAt": names::time(asked)}))
}

/// The visitor's browser is to send a screenshot.
pub(crate) fn screenshot_request(request: &ScreenshotRequest) -> Bytes {
    frame("screenshot_request", &screenshot(request))
}

/// A screenshot that is asked for.
pub(crate) fn screenshot(request: &ScreenshotRequest) -> Value {
    let mut data = json!({"requestId": request.id, "requestedFrom": "api", "silent": request.silent});
    if let Some(by) = &request.requested_by {
        data["requestedBy"] = json!(by);
    }
    data
}
