//! SDK and reference server together: every behaviour in the strict and in the extended contract.

use std::future::IntoFuture;

use futures::TryStreamExt;
use pocketping_mock_server::{Contract, MockServer, Visit};
use pocketping_sdk::{
    Client, ErrorCode, EventKind, Identify, MessageKind, NewMessage, NewWebhook, Outcome, Session, SessionStatus,
};

const BOTH: [Contract; 2] = [Contract::Strict, Contract::Extended];

fn start(contract: Contract) -> (MockServer, Client) {
    let server = MockServer::builder().contract(contract).start().unwrap();
    let client = Client::new(server.url(), server.api_key()).unwrap();
    (server, client)
}

fn visit(server: &MockServer, text: &str) -> Session {
    let session = server.visitor_opens_session(Visit::new().page_url("https://example.com/pricing"));
    server.visitor_says(&session.id, text);
    session
}

#[tokio::test]
async fn what_a_later_attempt_says_does_not_undo_an_earlier_one() {
    for contract in BOTH {
        for status in [400, 404, 405, 408, 413, 422, 502] {
            let (server, client) = start(contract);
            let id = visit(&server, "Hello").id;
            // It knows the contract from here on, and sends again where the server knows keys.
            client.session(&id).get().await.unwrap();
            server.inject(r#"{"on":{"method":"POST"},"do":{"kind":"apply-then-drop"}}"#.parse().unwrap());
            let gateway = format!(r#"{{"on":{{"method":"POST"}},"do":{{"kind":"gateway","status":{status}}}}}"#);
            server.inject(gateway.parse().unwrap());
            let send = client.session(&id).messages().send(NewMessage::operator("Hi")).await;
            assert!(send.is_ok(), "{contract:?} {status}: {send:?}");
            assert_eq!(server.messages(&id).len(), 2, "{contract:?} {status}");
        }
    }
    let (server, client) = start(Contract::Extended);
    let webhook = NewWebhook::new("https://example.com/hook", [EventKind::MessageCreated]);
    let webhook = client.webhooks().create(webhook).await.unwrap();
    server.inject(r#"{"on":{"method":"DELETE"},"do":{"kind":"apply-then-drop"}}"#.parse().unwrap());
    let error = client.webhooks().delete(webhook.id.unwrap()).await.unwrap_err();
    assert_eq!((error.status(), error.outcome()), (Some(404), Outcome::Unknown), "this very call may have deleted it");
}

#[tokio::test]
async fn a_whole_conversation() {
    for contract in BOTH {
        let (server, client) = start(contract);
        let id = visit(&server, "Hello").id;
        let session = client.session(&id);

        let sent = session.messages().send(NewMessage::operator("Hi! How can I help?")).await.unwrap();
        assert_eq!((sent.content.as_str(), sent.kind), ("Hi! How can I help?", MessageKind::Operator), "{contract:?}");
        assert_eq!(sent.id, server.messages(&id)[1].id, "{contract:?}: the very message");

        let who = Identify::new().email("user@example.com").metadata("plan", "pro");
        assert_eq!(session.identify(who).await.unwrap().id, id);
        assert_eq!(session.set_ai(false).await.unwrap().id, id);
        let held = &server.sessions()[0];
        assert_eq!(held.identity.as_ref().unwrap().email.as_deref(), Some("user@example.com"));
        assert_eq!(held.ai_enabled, Some(false));

        assert_eq!(session.close().await.unwrap().status, SessionStatus::Closed);
        assert_eq!(session.get().await.unwrap().status, SessionStatus::Closed);
        let before = server.messages(&id).len();
        session.close().await.unwrap();
        assert_eq!(server.messages(&id).len(), before, "{contract:?}: closing twice says it once");

        let list = session.messages().list().await.unwrap().messages;
        let texts: Vec<_> = list.iter().map(|message| message.content.as_str()).collect();
        assert_eq!(texts, ["Hello", "Hi! How can I help?", "Session closed"]);
        assert_eq!(client.is_extended(), contract == Contract::Extended);
    }
}

#[tokio::test]
async fn what_is_refused_says_why_and_changes_nothing() {
    for contract in BOTH {
        let (server, client) = start(contract);
        let id = visit(&server, "Hello").id;
        let error = client.session("nope").get().await.unwrap_err();
        assert!(error.is_not_found() && error.code() == Some(&ErrorCode::SessionNotFound), "{contract:?}: {error}");
        let blank = client.session(&id).messages().send(NewMessage::operator("  ")).await.unwrap_err();
        assert_eq!((blank.status(), blank.outcome()), (Some(400), Outcome::Rejected));
        assert!(blank.to_string().contains("`content`"), "{blank}");
        let nobody = client.session(&id).identify(Identify::new()).await.unwrap_err();
        assert!(nobody.to_string().contains("`email`"), "{nobody}");
        client.session(&id).close().await.unwrap();
        let closed = client.session(&id).messages().send(NewMessage::operator("late")).await.unwrap_err();
        assert_eq!(closed.code(), Some(&ErrorCode::SessionClosed));
        assert_eq!(server.messages(&id).len(), 2);

        let stranger = Client::new(server.url(), "wrong").unwrap();
        let error = stranger.sessions().list().await.unwrap_err();
        assert!(error.is_unauthorized() && error.status() == Some(401), "{error}");
        assert!(stranger.events().connect().await.unwrap_err().is_unauthorized(), "{contract:?}");
    }
}

#[tokio::test]
async fn a_visitor_who_writes_again_opens_the_session_again() {
    for contract in BOTH {
        let (server, client) = start(contract);
        let id = visit(&server, "Hello").id;
        client.session(&id).close().await.unwrap();
        server.visitor_says(&id, "One more thing");
        assert_eq!(client.session(&id).get().await.unwrap().status, SessionStatus::Active);
        client.session(&id).messages().send(NewMessage::operator("Yes?")).await.unwrap();
    }
}

#[tokio::test]
async fn webhooks_are_registered() {
    for contract in BOTH {
        let (_server, client) = start(contract);
        let wanted = || NewWebhook::new("https://yoursite.com/webhook", [EventKind::MessageCreated]);
        let created = client.webhooks().create(wanted()).await.unwrap();
        assert_eq!(
            (created.url.as_str(), &created.events[..]),
            ("https://yoursite.com/webhook", &[EventKind::MessageCreated][..])
        );
        let error =
            client.webhooks().create(NewWebhook::new("/relative", [EventKind::MessageCreated])).await.unwrap_err();
        assert!(error.to_string().contains("`url`"), "{error}");
        if contract == Contract::Strict {
            assert_eq!((created.id, created.secret), (None, None));
            assert!(client.webhooks().list().await.unwrap_err().is_not_found());
            continue;
        }
        assert!(created.secret.is_some_and(|secret| secret.starts_with("whsec_")));
        let again = NewWebhook::new("https://yoursite.com/webhook", [EventKind::SessionClosed]);
        let again = client.webhooks().create(again).await.unwrap();
        assert_eq!(again.id, created.id, "the same URL keeps its id");
        let list = client.webhooks().list().await.unwrap().webhooks;
        assert_eq!((list.len(), &list[0].events[..], &list[0].secret), (1, &[EventKind::SessionClosed][..], &None));
        let id = created.id.unwrap();
        client.webhooks().delete(&id).await.unwrap();
        assert!(client.webhooks().delete(&id).await.unwrap_err().is_not_found());
        assert!(client.webhooks().list().await.unwrap().webhooks.is_empty());
    }
}

#[tokio::test]
async fn a_key_sees_its_tenant_only() {
    let keys = ["one=a", "two=b"].map(|key| key.parse().unwrap());
    let [one, two] = keys;
    let server = MockServer::builder().key(one).key(two).start().unwrap();
    let id = visit(&server, "Hello").id;
    let [a, b] = ["one", "two"].map(|key| Client::new(server.url(), key).unwrap());
    assert_eq!(a.sessions().list().await.unwrap().sessions.len(), 1);
    assert!(b.sessions().list().await.unwrap().sessions.is_empty());
    assert!(b.session(&id).close().await.unwrap_err().is_not_found());
    assert_eq!(server.sessions()[0].status, SessionStatus::Active);
}

#[tokio::test]
async fn the_rate_limit_is_kept_and_waited_for() {
    for contract in BOTH {
        let server = MockServer::builder().contract(contract).rate_limit(2).start().unwrap();
        let client = Client::new(server.url(), server.api_key()).unwrap();
        let list = || client.sessions().list().call().retry(pocketping_sdk::RetryPolicy::none());
        list().await.unwrap();
        let second = list().with_response().await.unwrap();
        assert_eq!(
            second.rate_limit().map(|limit| limit.remaining),
            (contract == Contract::Extended).then_some(Some(0))
        );
        let error = list().await.unwrap_err();
        assert!(error.is_rate_limited() && error.outcome() == Outcome::Rejected, "{error}");
        assert_eq!(error.retry_after().is_some(), contract == Contract::Extended);
        server.clock().advance(std::time::Duration::from_secs(60));
        list().await.unwrap();
    }
}

#[tokio::test]
async fn concurrent_equal_sends_each_get_their_own_message() {
    for contract in BOTH {
        let (server, client) = start(contract);
        let id = visit(&server, "Hello").id;
        let sends = (0..8).map(|_| client.session(&id).messages().send(NewMessage::operator("same")).into_future());
        let sent = futures::future::try_join_all(sends).await.unwrap();
        let mut ids: Vec<_> = sent.into_iter().map(|message| message.id).collect();
        ids.sort();
        ids.dedup();
        assert_eq!((ids.len(), server.messages(&id).len()), (8, 9), "{contract:?}");
    }
}

#[tokio::test]
async fn streams_walk_all_pages() {
    for contract in BOTH {
        let (server, client) = start(contract);
        for _ in 0..250 {
            server.visitor_opens_session(Visit::new());
        }
        let busy = visit(&server, "0").id;
        for n in 1..1200 {
            server.visitor_says(&busy, n.to_string());
        }
        let sessions: Vec<Session> = client.sessions().list().stream().try_collect().await.unwrap();
        assert_eq!(sessions.len(), 251);
        assert_eq!(sessions[0].id, busy, "{contract:?}: newest first");
        let messages: Vec<_> = client.session(&busy).messages().list().stream().try_collect().await.unwrap();
        let texts: Vec<_> = messages.iter().map(|message| message.content.clone()).collect();
        assert_eq!(texts, (0..1200).map(|n| n.to_string()).collect::<Vec<_>>(), "{contract:?}: oldest first");
        let some: Vec<_> = client.session(&busy).messages().list().limit(700).stream().try_collect().await.unwrap();
        assert_eq!(some.len(), 700);
        let some: Vec<Session> = client.sessions().list().limit(120).stream().try_collect().await.unwrap();
        assert_eq!(some.len(), 120);
    }
}
