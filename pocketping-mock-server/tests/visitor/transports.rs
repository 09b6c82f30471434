//! The same script on every transport, against the server: the same conversation, and each thing told once.

use std::time::Duration;

use pocketping_mock_server::visitor::{Chat, Frame, Frames, Transport, Visitor, Words};
use pocketping_mock_server::{Contract, MockServer};
use pocketping_sdk::{Message, MessageId, MessageKind};
use serde_json::json;

use crate::wire::call;

pub(crate) const ALL: [Transport; 3] = [Transport::WebSocket, Transport::Sse, Transport::Polling];

/// A visitor who is connected, and listens this way.
pub(crate) async fn listening(server: &MockServer, transport: Transport) -> (Chat, Frames) {
    listening_as(server.visitor(), transport).await
}

async fn listening_as(visitor: Visitor, transport: Transport) -> (Chat, Frames) {
    let visitor = visitor.transport(transport).poll_every(Duration::from_millis(10));
    let chat = visitor.connect().await.unwrap();
    let stream = chat.stream().await.unwrap();
    assert_eq!(stream.transport(), transport);
    (chat, stream)
}

/// The next frame, which must come soon.
#[track_caller]
pub(crate) fn next(stream: &mut Frames) -> impl Future<Output = Frame> {
    let caller = std::panic::Location::caller();
    async move {
        let next = tokio::time::timeout(Duration::from_secs(20), stream.next()).await;
        let frame = next.unwrap_or_else(|_| panic!("{caller}: nothing is told"));
        frame
            .unwrap_or_else(|| panic!("{caller}: the stream is over"))
            .unwrap_or_else(|error| panic!("{caller}: {error}"))
    }
}

/// What an operator writes over REST.
pub(crate) fn operator_says(server: &MockServer, chat: &Chat, text: &str) -> MessageId {
    let body = json!({"content": text}).to_string();
    let answer = call(server, &format!("POST /sessions/{}/messages", chat.session_id()), &body);
    assert_eq!(answer.status / 100, 2, "{answer:?}");
    // A strict answer does not name it.
    server.messages(chat.session_id()).pop().unwrap().id
}

/// What of a conversation can be seen.
fn seen(messages: &[Message]) -> Vec<String> {
    let seen = messages.iter().map(|message| {
        let Message { id, kind, content, edited_at, deleted_at, read_at, .. } = message;
        let reply = message.reply_to.as_ref().and_then(|reply| reply.id().map(str::to_owned));
        let files: Vec<_> = message.attachments.iter().flatten().map(|file| file.id.as_str()).collect();
        format!(
            "{id} {kind} {content:?} edited {edited_at:?} deleted {deleted_at:?} read {read_at:?} {reply:?} {files:?}"
        )
    });
    seen.collect()
}

/// Reads until the conversation is as it should be; each frame must have changed it.
async fn until(chat: &Chat, stream: &mut Frames, is_done: impl Fn(&[Message]) -> bool) {
    while !is_done(&chat.conversation()) {
        let before = seen(&chat.conversation());
        let frame = next(stream).await;
        assert_ne!(seen(&chat.conversation()), before, "{frame:?} is no news");
    }
}

/// A conversation in which everything happens, and how the visitor sees it in the end.
async fn script(server: &MockServer, transport: Transport) -> Vec<String> {
    let minute = || server.clock().advance(Duration::from_secs(60));
    let (chat, mut stream) = listening(server, transport).await;
    let session = chat.session_id().clone();
    let operator = server.operator();

    let hello = chat.say("Hello").await.unwrap();
    until(&chat, &mut stream, |all| all.len() == 1).await;
    // In the same millisecond, too.
    let answer = operator_says(server, &chat, "Hi their");
    operator.edits(&session, &answer, "Hi there");
    until(&chat, &mut stream, |all| all.len() == 2 && all[1].content == "Hi there").await;
    minute();
    operator.reads(&session);
    until(&chat, &mut stream, |all| all[0].read_at.is_some()).await;
    chat.mark_read([&answer]).await.unwrap();
    until(&chat, &mut stream, |all| all[1].read_at.is_some()).await;
    minute();
    let edited = chat.edit(&hello.id, "Hello!").await.unwrap();
    assert_eq!((edited.content.as_str(), edited.edited_at), ("Hello!", Some(server.clock().now())));
    until(&chat, &mut stream, |all| all[0].content == "Hello!").await;
    minute();
    let file = chat.upload("a.txt", "text/plain", "abc").await.unwrap();
    let sent = chat.say_with(Words::new("").attachment(&file.id).reply_to(&answer)).await.unwrap();
    assert_eq!(sent.attachments[0].id, file.id);
    until(&chat, &mut stream, |all| all.len() == 3).await;
    let gone = operator_says(server, &chat, "never mind");
    until(&chat, &mut stream, |all| all.len() == 4).await;
    minute();
    operator.deletes(&session, &gone);
    until(&chat, &mut stream, |all| all[3].deleted_at.is_some()).await;
    assert!(chat.delete(&hello.id).await.unwrap());
    until(&chat, &mut stream, |all| all[0].deleted_at.is_some()).await;

    // The server has it as the visitor saw it.
    let conversation = chat.conversation();
    assert_eq!(seen(&conversation), seen(&server.messages(&session)));
    assert_eq!(conversation[1].kind, MessageKind::Operator);
    // And whoever comes back sees it so, too, and is told nothing more.
    let (again, mut stream) = listening_as(server.visitor().session_id(&session), transport).await;
    assert_eq!(seen(&again.conversation()), seen(&conversation));
    again.say("Still there?").await.unwrap();
    let Frame::Message(message) = next(&mut stream).await else { panic!("what was said") };
    assert_eq!(message.content, "Still there?");
    seen(&conversation)
}

#[tokio::test]
async fn the_same_script_gives_the_same_conversation() {
    for contract in [Contract::Strict, Contract::Extended] {
        let mut conversations = Vec::new();
        for transport in ALL {
            let server = MockServer::builder().contract(contract).start().unwrap();
            conversations.push(script(&server, transport).await);
        }
        assert_eq!(conversations[0].len(), 4, "{contract:?}");
        assert!(conversations.windows(2).all(|pair| pair[0] == pair[1]), "{conversations:#?}");
    }
}
