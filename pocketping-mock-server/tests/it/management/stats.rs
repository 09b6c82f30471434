//! How support does.

use std::time::Duration;

use serde_json::json;

use super::{get, refused, seeded};
use crate::wire::{call, send};

#[test]
fn the_stats_of_a_week_and_of_a_month() {
    let server = seeded();
    send(&server, "POST /pocketping/csat", &[], r#"{"sessionId": "sess_shop", "score": 3}"#);
    let blog = json!({"projectName": "Blog", "conversations": 1, "csatPercent": null});
    let week = json!({"period": "7d", "from": "2024-01-08T10:30:00.000Z", "to": "2024-01-15T10:30:00.000Z",
                      "conversations": 2, "messages": 3, "unansweredNow": 1,
                      "conversationsSparkline": [0, 0, 0, 0, 0, 0, 2], "responseRate": 0.5,
                      "medianFirstResponseSeconds": 90.0, "csat": {"percent": 0.0, "average": 3.0, "responses": 1},
                      "byProject": [{"projectName": "Shop", "conversations": 1, "csatPercent": 0.0}, blog],
                      "truncated": false});
    assert_eq!(get(&server, "/stats"), week);
    assert_eq!(get(&server, "/stats?period=7d"), week);
    let month = get(&server, "/stats?period=30d");
    let spark = month["conversationsSparkline"].as_array().unwrap();
    assert_eq!((spark.len(), &spark[15], &spark[29]), (30, &json!(1), &json!(2)), "{month}");
    assert_eq!((&month["period"], &month["from"]), (&json!("30d"), &json!("2023-12-16T10:30:00.000Z")));
    assert_eq!((&month["conversations"], &month["byProject"][0]["conversations"]), (&json!(3), &json!(2)));

    let of_blog = get(&server, "/stats?projectId=proj%2Fblog&period=7d");
    assert_eq!((&of_blog["byProject"], &of_blog["responseRate"]), (&json!([blog]), &json!(1.0)));
    assert_eq!(of_blog["csat"], json!({"percent": null, "average": null, "responses": 0}));
    server.clock().advance(Duration::from_secs(7 * 24 * 3600));
    assert_eq!(get(&server, "/stats")["conversations"], 0, "on the server's clock");

    for query in ["period=1d", "period=", "period=7D"] {
        refused(&call(&server, &format!("GET /api/v1/stats?{query}"), ""), 400, "INVALID_REQUEST", "`period`");
    }
    let unknown = call(&server, "GET /api/v1/stats?projectId=nope", "");
    refused(&unknown, 404, "PROJECT_NOT_FOUND", "Project not found");
}
