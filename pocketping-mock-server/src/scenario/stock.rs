//! The stories that come with the server, a file each.

/// Name and file of each.
pub(super) const STORIES: &[(&str, &str)] = &[
    ("angry-visitor", include_str!("stories/angry-visitor.json")),
    ("demo", include_str!("stories/demo.json")),
    ("flaky-network", include_str!("stories/flaky-network.json")),
    ("key-rotation", include_str!("stories/key-rotation.json")),
    ("night-shift", include_str!("stories/night-shift.json")),
    ("reconnect-storm", include_str!("stories/reconnect-storm.json")),
    ("rush-hour", include_str!("stories/rush-hour.json")),
    ("webhook-outage", include_str!("stories/webhook-outage.json")),
];
