//! Which versions of the widget are welcome.

use std::str::FromStr;

use serde_json::{Value, json};

/// A widget's version: three numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Version([u32; 3]);

impl FromStr for Version {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || format!("{text:?} is not a version such as 2.6.0");
        // What stands behind the numbers, such as `-beta.1`, does not count.
        let numbers = text.trim().trim_start_matches('v').split(['-', '+']).next().unwrap_or_default();
        let mut version = [0; 3];
        let mut parts = numbers.split('.');
        for number in &mut version {
            match parts.next() {
                Some(part) => *number = part.parse().map_err(|_| wrong())?,
                None => break,
            }
        }
        if parts.next().is_some() { Err(wrong()) } else { Ok(Self(version)) }
    }
}

impl std::fmt::Display for Version {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let [major, minor, patch] = self.0;
        write!(f, "{major}.{minor}.{patch}")
    }
}

/// The oldest version that is served, and the newest there is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Versions {
    pub(crate) min: Option<Version>,
    pub(crate) latest: Option<Version>,
}

/// How a widget's version stands to those.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    Ok,
    Outdated,
    Deprecated,
    Unsupported,
}

impl Standing {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Outdated => "outdated",
            Self::Deprecated => "deprecated",
            Self::Unsupported => "unsupported",
        }
    }

    fn severity(self) -> &'static str {
        match self {
            Self::Ok | Self::Outdated => "info",
            Self::Deprecated => "warning",
            Self::Unsupported => "error",
        }
    }
}

impl Versions {
    /// Where a widget stands. One that does not say its version, or says none that can be read, is welcome.
    pub(crate) fn standing(&self, said: Option<&str>) -> Standing {
        let Some(version) = said.and_then(|text| text.parse::<Version>().ok()) else { return Standing::Ok };
        if self.min.is_some_and(|min| version < min) {
            return Standing::Unsupported;
        }
        match self.latest {
            Some(latest) if version.0[0] < latest.0[0] => Standing::Deprecated,
            Some(latest) if version < latest => Standing::Outdated,
            _ => Standing::Ok,
        }
    }

    /// A sentence for whoever looks after the website; none when all is well.
    pub(crate) fn message(&self, standing: Standing) -> Option<String> {
        let newest = self.latest.or(self.min).map(|version| format!("; {version} is current")).unwrap_or_default();
        match standing {
            Standing::Ok => None,
            Standing::Outdated => Some(format!("this widget is not the newest{newest}")),
            Standing::Deprecated => Some(format!("this widget is a major version behind{newest}")),
            Standing::Unsupported => {
                let min = self.min.map(|version| version.to_string()).unwrap_or_default();
                Some(format!("this widget is no longer served: at least {min} is needed{newest}"))
            }
        }
    }

    /// What a widget's socket is told of it; nothing when all is well.
    pub(crate) fn warning(&self, said: &str) -> Option<Value> {
        let standing = self.standing(Some(said));
        let message = self.message(standing)?;
        let mut data = json!({"severity": standing.severity(), "message": message, "currentVersion": said,
                              "canContinue": standing != Standing::Unsupported});
        for (name, version) in [("minVersion", self.min), ("latestVersion", self.latest)] {
            if let Some(version) = version {
                data[name] = json!(version.to_string());
            }
        }
        Some(data)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_stands_to_the_oldest_and_the_newest() {
        let versions = Versions { min: "1.5".parse().ok(), latest: "2.6.0".parse().ok() };
        for (said, standing) in [
            (None, Standing::Ok),
            (Some("nonsense"), Standing::Ok),
            (Some("1.4.9"), Standing::Unsupported),
            (Some("1.5.0"), Standing::Deprecated),
            (Some("2.5.9"), Standing::Outdated),
            (Some("2.6.0-beta.1"), Standing::Ok),
            (Some("3.0.0"), Standing::Ok),
        ] {
            assert_eq!(versions.standing(said), standing, "{said:?}");
        }
        assert_eq!(Versions::default().standing(Some("0.0.1")), Standing::Ok);
    }

    #[test]
    fn what_is_no_version_is_refused() {
        for bad in ["", "x", "1.2.3.4", "1..2", "-1"] {
            assert!(bad.parse::<Version>().is_err(), "{bad}");
        }
    }
}
