//! Where the documents are.

use super::descriptions::{BOTH, CONTRACT, Descriptions, SOCKETS, WIDGET};
use super::player::{Request, send};
use crate::server::MockServer;

#[tokio::test]
async fn the_documents_are_served_at_the_root_to_anybody() {
    for contract in BOTH {
        let server = MockServer::builder().contract(contract).start().unwrap();
        let descriptions = Descriptions::of(contract);
        for name in [CONTRACT, WIDGET, SOCKETS] {
            let request = Request::new("GET", format!("/{name}")).header("origin", "https://docs.example.com");
            let answer = send(server.service(), request).await;
            assert_eq!((answer.status, answer.header("content-type")), (200, Some("application/json")));
            assert_eq!(answer.header("access-control-allow-origin"), Some("*"));
            assert_eq!(answer.json(), descriptions.document(name).root);
            for path in [format!("/v1/{name}"), format!("/pocketping/{name}")] {
                assert_eq!(send(server.service(), Request::new("GET", path)).await.status, 404);
            }
        }
    }
}
