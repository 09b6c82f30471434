//! Projects: a website each, its settings, and how its widget looks.

use std::collections::BTreeMap;

use pocketping_sdk::ProjectId;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// A website, what is set for it, and how its widget looks.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Project {
    pub(crate) id: ProjectId,
    pub(crate) name: String,
    pub(crate) domain: Option<String>,
    pub(crate) settings: Settings,
    pub(crate) widget: WidgetConfig,
}

/// The switches of a project, as the management API names them, and where they stand at first.
const SWITCHES: [(&str, bool); 8] = [
    ("botHeuristicsEnabled", true),
    ("telegramNotifyPresence", false),
    ("discordNotifyPresence", false),
    ("slackNotifyPresence", false),
    ("hubspotNotifyPresence", false),
    ("uaFilterEnabled", false),
    ("ipFilterEnabled", false),
    ("csatEnabled", false),
];

/// Where a project's switches stand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Settings(BTreeMap<&'static str, bool>);

impl Default for Settings {
    fn default() -> Self {
        Self(SWITCHES.into_iter().collect())
    }
}

impl Settings {
    /// The names of the switches.
    pub(crate) fn names() -> impl Iterator<Item = &'static str> {
        SWITCHES.into_iter().map(|(name, _)| name)
    }

    /// Each switch and where it stands.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&'static str, bool)> {
        self.0.iter().map(|(name, on)| (*name, *on))
    }

    /// Turns a switch; `false` when there is none of this name.
    pub(crate) fn set(&mut self, name: &str, on: bool) -> bool {
        self.0.get_mut(name).map(|switch| *switch = on).is_some()
    }

    fn is_on(&self, name: &str) -> bool {
        self.0.get(name).copied().unwrap_or(false)
    }

    /// Whether visitors are asked for a rating when a session is closed.
    pub(crate) fn asks_for_rating(&self) -> bool {
        self.is_on("csatEnabled")
    }

    /// Whether visitors that look like robots are marked.
    pub(crate) fn tells_bots(&self) -> bool {
        self.is_on("botHeuristicsEnabled")
    }
}

/// How a project's widget looks and what it asks, as `/connect` answers it.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct WidgetConfig {
    pub(crate) welcome_message: Option<String>,
    pub(crate) operator_name: Option<String>,
    pub(crate) operator_avatar: Option<String>,
    pub(crate) operator_reachable: Option<bool>,
    pub(crate) primary_color: Option<Value>,
    pub(crate) header_color: Option<Value>,
    pub(crate) footer_color: Option<Value>,
    pub(crate) chat_background: Option<Value>,
    pub(crate) toggle_color: Option<Value>,
    pub(crate) pre_chat_form: Option<PreChatForm>,
    pub(crate) tracked_elements: Option<Vec<Value>>,
    /// The `?pp_inspector=` of a page that turns the overlay on.
    pub(crate) inspector_token: Option<String>,
}

/// What a visitor is asked before, or after, the first message.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PreChatForm {
    pub(crate) enabled: bool,
    #[serde(default)]
    pub(crate) required: bool,
    #[serde(default)]
    pub(crate) timing: Timing,
    #[serde(default)]
    pub(crate) fields: Fields,
}

impl PreChatForm {
    /// The form as widgets read it; `completed` when the visitor has filled it in.
    pub(crate) fn json(&self, completed: bool) -> Value {
        json!({"enabled": self.enabled, "required": self.required, "timing": self.timing, "fields": self.fields,
               "completed": completed})
    }
}

impl WidgetConfig {
    /// Whether this token turns the inspector on.
    pub(crate) fn inspects(&self, token: Option<&str>) -> bool {
        self.inspector_token.as_deref().zip(token).is_some_and(|(known, given)| known == given)
    }
}

/// When the pre-chat form is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Timing {
    #[default]
    BeforeFirstMessage,
    AfterFirstMessage,
}

/// What the pre-chat form asks for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Fields {
    EmailOnly,
    PhoneOnly,
    #[default]
    EmailOrPhone,
    EmailAndPhone,
}

impl Project {
    /// All of it, as a seed describes it.
    pub(crate) fn dump(&self) -> Value {
        let settings = &self.settings.0;
        json!({"id": self.id, "name": self.name, "domain": self.domain, "settings": settings, "widget": self.widget})
    }

    /// A project nobody has said anything about.
    pub(crate) fn new(id: ProjectId) -> Self {
        Self { name: id.to_string(), id, domain: None, settings: Settings::default(), widget: WidgetConfig::default() }
    }
}

/// A project as a seed gives it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SeedProject {
    pub(super) id: String,
    name: Option<String>,
    domain: Option<String>,
    settings: Option<BTreeMap<String, bool>>,
    widget: Option<WidgetConfig>,
}

impl SeedProject {
    /// The project, or the field that is wrong.
    pub(super) fn into_project(self) -> Result<Project, (String, String)> {
        let mut project = Project::new(self.id.into());
        project.name = self.name.unwrap_or(project.name);
        project.domain = self.domain;
        project.widget = self.widget.unwrap_or_default();
        for (name, on) in self.settings.unwrap_or_default() {
            if !project.settings.set(&name, on) {
                let known: Vec<_> = Settings::names().collect();
                return Err((format!("settings.{name}"), format!("it is none of {}", known.join(", "))));
            }
        }
        Ok(project)
    }
}
