//! What PocketPing's own MCP server and command line send to the management API, and read of it; and that both contracts
//! answer it the same.

use pocketping_mock_server::{Contract, MockServer, Visit};
use serde_json::{Value, json};

use crate::wire::{Answer, send};

/// A server on which visitors have asked, and been answered, rated and left alone.
fn played(contract: Contract) -> MockServer {
    let server = MockServer::builder().contract(contract).demo_seed().rate_limit(1000).start().unwrap();
    let id = server.visitor_opens_session(Visit::new().page_url("https://example.com/")).id;
    server.visitor_says(&id, "Is anybody there?");
    let rating = r#"{"sessionId": "sess_abc123", "score": 5, "comment": "great"}"#;
    assert_eq!(send(&server, "POST /pocketping/csat", &[], rating).status, 200);
    server
}

/// As the MCP server sends it: with a content type on everything.
fn mcp(server: &MockServer, line: &str, body: &str) -> Answer {
    let bearer = format!("Bearer {}", server.api_key());
    let headers = [("Authorization", bearer.as_str()), ("Content-Type", "application/json"), ("Accept", "*/*")];
    send(server, line, &headers, body)
}

#[test]
fn the_mcp_servers_tools_get_what_they_show() {
    let server = played(Contract::Extended);
    let tool = |line: &str, body: &str| {
        let answer = mcp(&server, line, body);
        assert_eq!(answer.status, 200, "{line}: {answer:?}");
        answer.json()
    };
    let me = tool("GET /api/v1/me", "");
    assert!(me["organization"]["id"].is_string());

    let projects = tool("GET /api/v1/projects", "");
    let project = &projects["projects"][0];
    assert!(["id", "name"].iter().all(|name| project[*name].is_string()) && project["sessionCount"] == 2, "{project}");
    let settings = tool("PATCH /api/v1/projects/proj_def456", r#"{"botHeuristicsEnabled":false}"#);
    assert_eq!(settings["project"]["id"], "proj_def456");
    assert_eq!(settings["project"]["botHeuristicsEnabled"], false);
    assert_eq!(tool("GET /api/v1/projects/proj_def456", ""), settings);

    // What it leaves out has its default here.
    let list = tool("GET /api/v1/sessions?projectId=proj_def456&unanswered=true&limit=10", "");
    let waiting = list["sessions"][0]["id"].as_str().unwrap();
    assert_eq!(list["sessions"].as_array().unwrap().len(), 1);
    assert_eq!(tool("GET /api/v1/sessions", "")["sessions"].as_array().unwrap().len(), 2);
    assert_eq!(tool("GET /api/v1/sessions?status=archived", ""), json!({"sessions": []}));
    let talk = tool(&format!("GET /api/v1/sessions/{waiting}"), "");
    assert_eq!(talk["messages"][0]["content"], "Is anybody there?");

    // Ids are encoded, letter by letter where need be.
    let same = tool("GET /api/v1/sessions/sess%5Fabc123", "");
    assert_eq!(same["session"]["csat"]["score"], 5);
    let missing = mcp(&server, "GET /api/v1/sessions/a%2Fb%20c", "");
    assert_eq!((missing.status, &missing.json()["error"]), (404, &json!("Session not found")));

    let sent = tool(&format!("POST /api/v1/sessions/{waiting}/reply"), r#"{"content":"Yes!","operatorName":"Sam"}"#);
    assert_eq!(sent["ok"], true);
    tool(&format!("POST /api/v1/sessions/{waiting}/reply"), r#"{"content":"How can I help?"}"#);
    assert_eq!(tool("GET /api/v1/sessions?unanswered=true", ""), json!({"sessions": []}));
    assert_eq!(tool("GET /api/v1/stats", "")["period"], "7d");
    let month = tool("GET /api/v1/stats?projectId=proj_def456&period=30d", "");
    assert_eq!((&month["conversations"], &month["unansweredNow"]), (&json!(2), &json!(0)));
}

#[test]
fn the_command_line_gets_what_it_draws() {
    let server = played(Contract::Extended);
    let bearer = format!("Bearer {}", server.api_key());
    let stats = |query: &str, key: &str| {
        send(&server, &format!("GET /api/v1/stats?{query}"), &[("Authorization", key), ("Accept", "*/*")], "")
    };
    for (query, days) in [("period=7d", 7), ("period=30d", 30), ("period=30d&projectId=proj_def456", 30)] {
        let told = stats(query, &bearer).json();
        let spark = told["conversationsSparkline"].as_array().unwrap();
        assert_eq!((spark.len(), spark.iter().filter_map(Value::as_u64).sum::<u64>()), (days, 2), "{told}");
        for number in ["conversations", "messages", "responseRate", "unansweredNow"] {
            assert!(told[number].is_number(), "{number}: {told}");
        }
        assert_eq!(told["csat"], json!({"percent": 1.0, "average": 5.0, "responses": 1}));
        assert_eq!(told["medianFirstResponseSeconds"], 60.0);
        assert!(told["byProject"].as_array().unwrap().iter().all(|project| project["projectName"].is_string()));
        assert_eq!(told["truncated"], false);
    }
    let refused = stats("period=7d", "Bearer ppk_wrong");
    assert_eq!((refused.status, &refused.json()["error"]), (401, &json!("the API key is wrong")));
}

#[test]
fn both_contracts_answer_the_same() {
    let lines = [
        ("GET /api/v1/me", ""),
        ("GET /api/v1/projects", ""),
        ("GET /api/v1/projects/proj_def456", ""),
        ("PATCH /api/v1/projects/proj_def456", r#"{"csatEnabled": true}"#),
        ("PATCH /api/v1/projects/proj_def456", "{}"),
        ("GET /api/v1/sessions?status=active&q=hello&limit=5", ""),
        ("GET /api/v1/sessions?limit=0", ""),
        ("GET /api/v1/sessions/sess_abc123", ""),
        ("GET /api/v1/sessions/nope", ""),
        ("POST /api/v1/sessions/sess_abc123/reply", r#"{"content": "Hi", "operatorName": "Sam"}"#),
        ("POST /api/v1/sessions/sess_abc123/reply", r#"{"content": ""}"#),
        ("GET /api/v1/sessions/sess_abc123", ""),
        ("GET /api/v1/stats", ""),
        ("DELETE /api/v1/stats", ""),
        ("GET /api/v1/nope", ""),
    ];
    let answers = |contract| {
        let server = played(contract);
        lines.map(|(line, body)| {
            let answer = mcp(&server, line, body);
            let additions = answer.headers.iter().any(|(name, _)| name.starts_with("x-"));
            assert_eq!(additions, contract == Contract::Extended, "{line}");
            (line, answer.status, answer.body)
        })
    };
    assert_eq!(answers(Contract::Extended), answers(Contract::Strict));
}
