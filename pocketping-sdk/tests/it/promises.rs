//! What the compiler can promise: everything can be cloned, sent and spawned, and errors stay small.

use std::future::IntoFuture;

use pocketping_mock_server::{MockServer, Visit};
use pocketping_sdk::{
    Call, Client, Error, EventStream, ListMessages, ListSessions, Messages, NewMessage, Session, SessionHandle,
    Sessions, Webhooks,
};

fn is_send<T: Send + 'static>() {}
fn is_shared<T: Clone + Send + Sync + 'static>() {}

#[test]
fn handles_are_shared_and_calls_are_sent() {
    is_shared::<Client>();
    is_shared::<Sessions>();
    is_shared::<SessionHandle>();
    is_shared::<Messages>();
    is_shared::<Webhooks>();
    is_shared::<ListSessions>();
    is_shared::<ListMessages>();
    is_send::<Call<Session>>();
    is_send::<EventStream>();
    is_send::<Error>();
    assert_eq!(size_of::<Error>(), size_of::<usize>());
}

#[tokio::test]
async fn a_call_outlives_what_it_was_made_of() {
    let server = MockServer::start();
    let id = server.visitor_opens_session(Visit::new()).id;
    let call = {
        let client = Client::new(server.url(), server.api_key()).unwrap();
        client.session(&id).messages().send(NewMessage::operator("Hi"))
    };
    let sent = tokio::spawn(call.into_future()).await.unwrap().unwrap();
    assert_eq!(sent.content, "Hi");
}
