//! Sessions: one conversation with one visitor each.

use super::wire::{Lenient, by_text};
use super::{Identity, Message, ProjectId, SessionId, Timestamp, VisitorId};

wire! {
    /// One conversation with one visitor.
    pub struct Session {
        /// JSON `id`; the only field every server must give.
        id: SessionId = "id",
        ;
        /// JSON `visitorId`.
        visitor_id: Option<VisitorId> = "visitorId",
        /// JSON `projectId`.
        project_id: Option<ProjectId> = "projectId",
        /// JSON `status`; empty when the server gave none.
        status: SessionStatus = "status",
        /// JSON `createdAt`.
        created_at: Option<Timestamp> = "createdAt",
        /// JSON `lastActivity`: the time of the last thing that happened in this session.
        last_activity: Option<Timestamp> = "lastActivity",
        /// JSON `metadata`: the visitor's page and browser, and anything else.
        [private] metadata: Metadata = "metadata",
        /// JSON `closedAt` (extended).
        closed_at: Option<Timestamp> = "closedAt" lenient,
        /// JSON `identity` (extended): what [`identify`](crate::SessionHandle::identify) stored.
        [private] identity: Option<Identity> = "identity" lenient,
        /// JSON `aiEnabled` (extended): whether the AI may answer.
        ai_enabled: Option<bool> = "aiEnabled" lenient,
        /// JSON `unanswered` (extended): whether the visitor wrote last.
        unanswered: Option<bool> = "unanswered" lenient,
        /// JSON `visitorOnline` (extended).
        visitor_online: Option<bool> = "visitorOnline" lenient,
        /// JSON `csat` (extended): the visitor's rating.
        [private] csat: Option<Csat> = "csat" lenient,
        /// JSON `messages`, which a server may put inline.
        [private] messages: Option<Vec<Message>> = "messages" lenient,
    }
}

wire! {
    /// The visitor's page and browser; further keys are in `extra`.
    #[derive(Default)]
    pub struct Metadata {
        ;
        /// JSON `pageUrl` (read from `url` too).
        [private] page_url: Option<String> = "pageUrl" | "url",
        /// JSON `userAgent`.
        [private] user_agent: Option<String> = "userAgent",
    }
}

impl super::wire::Presence for Metadata {}

wire! {
    /// A visitor's rating of the conversation.
    #[derive(Default)]
    pub struct Csat {
        ;
        /// JSON `score`, 1 to 5.
        score: Option<i64> = "score" lenient,
        /// JSON `comment`.
        [private] comment: Option<String> = "comment" lenient,
        /// JSON `at`: when it was given.
        at: Option<Timestamp> = "at" lenient,
    }
}

impl Lenient for Csat {
    fn read(value: &serde_json::Value) -> Option<Self> {
        by_text(value)
    }
}

wire! {
    /// The answer of `GET /sessions`.
    pub struct SessionList {
        /// JSON `sessions`, newest first.
        [list] sessions: Vec<Session> = "sessions",
        ;
        /// JSON `nextCursor` (extended): where the next page starts; absent on the last one.
        next_cursor: Option<String> = "nextCursor",
        ;
        /// Set by the client, never read from the wire: it had to filter by itself and stopped before it had read
        /// everything.
        truncated: bool,
    }
}

wire! {
    /// The body of `POST /sessions/:sessionId/ai`.
    pub struct SetAi {
        /// JSON `enabled`.
        enabled: bool = "enabled",
        ;
    }
}

open_enum! {
    /// Where a session stands (`status`).
    pub enum SessionStatus {
        /// The conversation is open.
        Active = "active",
        /// The conversation was closed; it opens again when the visitor writes.
        Closed = "closed",
    }
}
