//! Where the program's values come from: flags, the environment, a `.env` file that was named, a profile, or a default.
//!
//! A value is looked for in that order, and no further than it is found: what a stronger source wins over is not looked at.

mod env_file;
mod file;
mod profile;

use std::env;
use std::path::PathBuf;

use etcetera::BaseStrategy;
use pocketping_sdk::BaseUrl;

use crate::cli::ConnectionArgs;
use crate::error::{CliError, Exit};
use env_file::EnvFile;

pub(crate) use file::ConfigFile;
pub(crate) use profile::Profile;

pub(crate) const KEY: &str = "POCKETPING_API_KEY";
pub(crate) const URL: &str = "POCKETPING_API_URL";
pub(crate) const PLAN: &str = "POCKETPING_PLAN";
pub(crate) const PROFILE: &str = "POCKETPING_PROFILE";
/// The profile that is used when none is named.
pub(crate) const DEFAULT_PROFILE: &str = "default";

/// A variable of the environment. One that is set and empty is an error: it must not mean another server.
pub(crate) fn variable(name: &str) -> Result<Option<String>, CliError> {
    match env::var(name) {
        Ok(value) if value.is_empty() => {
            Err(CliError::new(Exit::Config, format!("the environment variable {name} is empty")))
        }
        Ok(value) => Ok(Some(value)),
        Err(env::VarError::NotPresent) => Ok(None),
        Err(env::VarError::NotUnicode(_)) => {
            Err(CliError::new(Exit::Config, format!("the environment variable {name} is not Unicode")))
        }
    }
}

/// Where a value comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    Flag(&'static str),
    Environment(&'static str),
    EnvFile(&'static str, PathBuf),
    /// The configuration file's own line.
    File(PathBuf),
    Profile(String),
    Default,
}

impl Source {
    /// `flag`, `environment`, `env-file`, `config`, `profile` or `default`.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Flag(_) => "flag",
            Self::Environment(_) => "environment",
            Self::EnvFile(..) => "env-file",
            Self::File(_) => "config",
            Self::Profile(_) => "profile",
            Self::Default => "default",
        }
    }

    /// Which one of its kind.
    pub(crate) fn name(&self) -> Option<String> {
        match self {
            Self::Flag(name) | Self::Environment(name) => Some((*name).to_owned()),
            Self::EnvFile(name, path) => Some(format!("{name} in {}", path.display())),
            Self::File(path) => Some(path.display().to_string()),
            Self::Profile(name) => Some(name.clone()),
            Self::Default => None,
        }
    }
}

/// A value and where it comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Setting<T = String> {
    pub(crate) value: T,
    pub(crate) source: Source,
}

impl<T> Setting<T> {
    fn new(value: T, source: Source) -> Self {
        Self { value, source }
    }
}

/// How a key is come by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum KeyFrom {
    Given(String),
    /// What this command prints.
    Command(Vec<String>),
}

impl KeyFrom {
    /// The key, or the command that tells it.
    pub(crate) fn read(self) -> Result<String, CliError> {
        match self {
            Self::Given(key) => Ok(key),
            Self::Command(command) => profile::ask(&command),
        }
    }

    /// As people may see it.
    pub(crate) fn shown(&self) -> String {
        match self {
            Self::Given(key) => masked(key),
            // Its arguments may hold a secret.
            Self::Command(command) => format!("told by `{}`", command.first().map_or("", String::as_str)),
        }
    }
}

/// Enough of a key to know it by, and too little to use it.
pub(crate) fn masked(key: &str) -> String {
    let shown = |range: std::ops::Range<usize>| key.chars().skip(range.start).take(range.len()).collect::<String>();
    match key.chars().count() {
        length @ 16.. => format!("{}…{}", shown(0..4), shown(length - 4..length)),
        _ => "…".to_owned(),
    }
}

/// The settings of this call of the program.
#[derive(Debug)]
pub(crate) struct Settings<'a> {
    flags: &'a ConnectionArgs,
    env_file: Option<EnvFile>,
    file: ConfigFile,
    /// Which profile, whether it is there or not.
    profile: Option<Setting>,
}

impl<'a> Settings<'a> {
    /// Reads the files there are. A profile that was named must be there.
    pub(crate) fn read(flags: &'a ConnectionArgs) -> Result<Self, CliError> {
        let settings = Self::of_any_profile(flags)?;
        match &settings.profile {
            Some(Setting { value, source }) if settings.file.profile(value).is_none() => {
                let known = settings.file.names().collect::<Vec<_>>().join(", ");
                let known = if known.is_empty() { "there is none".to_owned() } else { format!("there are {known}") };
                let named = source.name().map(|name| format!(" ({name})")).unwrap_or_default();
                Err(CliError::new(Exit::Config, format!("there is no profile {value:?}{named}; {known}"))
                    .with_hint("`pocketping login --with-token --profile NAME` makes one"))
            }
            _ => Ok(settings),
        }
    }

    /// As [`read`](Self::read), for what makes or removes profiles.
    pub(crate) fn of_any_profile(flags: &'a ConnectionArgs) -> Result<Self, CliError> {
        let env_file = flags.env_file.as_deref().map(EnvFile::read).transpose()?;
        let file = ConfigFile::read()?;
        let profile = match &flags.profile {
            Some(name) => Some(Setting::new(name.clone(), Source::Flag("--profile"))),
            None => match from_environment(PROFILE, env_file.as_ref())? {
                Some(named) => Some(named),
                None => match file.current() {
                    Some(name) => Some(Setting::new(name.to_owned(), Source::File(file.path().to_owned()))),
                    None => {
                        file.profile(DEFAULT_PROFILE).map(|_| Setting::new(DEFAULT_PROFILE.to_owned(), Source::Default))
                    }
                },
            },
        };
        Ok(Self { flags, env_file, file, profile })
    }

    pub(crate) fn file(&self) -> &ConfigFile {
        &self.file
    }

    /// Which profile is meant by a command that makes one.
    pub(crate) fn profile_name(&self) -> &str {
        self.profile.as_ref().map_or(DEFAULT_PROFILE, |profile| profile.value.as_str())
    }

    pub(crate) fn into_file(self) -> ConfigFile {
        self.file
    }

    /// Which profile, and who says so.
    pub(crate) fn profile(&self) -> Option<&Setting> {
        self.profile.as_ref()
    }

    fn environment(&self, name: &'static str) -> Result<Option<Setting>, CliError> {
        from_environment(name, self.env_file.as_ref())
    }

    /// What the profile has.
    fn of_profile<T>(&self, field: impl FnOnce(&Profile) -> Option<T>) -> Option<Setting<T>> {
        let name = &self.profile.as_ref()?.value;
        let value = field(self.file.profile(name)?)?;
        Some(Setting::new(value, Source::Profile(name.clone())))
    }

    /// The address of the server.
    pub(crate) fn api_url(&self) -> Result<Setting, CliError> {
        if let Some(url) = &self.flags.api_url {
            return Ok(Setting::new(url.clone(), Source::Flag("--api-url")));
        }
        Ok(match self.environment(URL)? {
            Some(url) => url,
            None => self
                .of_profile(|profile| profile.api_url.clone())
                .unwrap_or_else(|| Setting::new(BaseUrl::SAAS.to_owned(), Source::Default)),
        })
    }

    /// The key, or how it is come by.
    pub(crate) fn api_key(&self) -> Result<Option<Setting<KeyFrom>>, CliError> {
        match self.flags.api_keys.as_slice() {
            [] => {}
            [key] => return Ok(Some(Setting::new(KeyFrom::Given(key.clone()), Source::Flag("--api-key")))),
            _ => {
                return Err(CliError::usage(
                    "--api-key was given more than once; only `pocketping mock` takes several",
                ));
            }
        }
        if let Some(Setting { value, source }) = self.environment(KEY)? {
            return Ok(Some(Setting::new(KeyFrom::Given(value), source)));
        }
        Ok(self.of_profile(Profile::key))
    }

    /// The plan whose limit requests are paced to.
    pub(crate) fn plan(&self) -> Result<Option<Setting>, CliError> {
        Ok(self.environment(PLAN)?.or_else(|| self.of_profile(|profile| profile.plan.clone())))
    }

    /// The plan that is kept to at this address, said or not: the hosted service begins with the free one.
    pub(crate) fn plan_at(&self, url: &Setting) -> Result<Option<Setting>, CliError> {
        let free = is_hosted(&url.value).then(|| Setting::new("free".to_owned(), Source::Default));
        Ok(self.plan()?.or(free))
    }

    /// The key, for this address. That of a profile is for the profile's own server: an address that comes from elsewhere must
    /// not be sent it.
    pub(crate) fn key_for(&self, url: &Setting) -> Result<String, CliError> {
        let Some(Setting { value, source }) = self.api_key()? else {
            return Err(CliError::new(Exit::Config, "no API key was given")
                .with_hint("set POCKETPING_API_KEY, pass --api-key, or keep one with `pocketping login`"));
        };
        if let (Source::Profile(name), false) = (&source, url.source == source) {
            let own = self.of_profile(|profile| profile.api_url.clone());
            let own = own.map_or_else(|| BaseUrl::SAAS.to_owned(), |own| own.value);
            if origin(&own)? != origin(&url.value)? {
                let from = url.source.name().unwrap_or_else(|| "the default".to_owned());
                let message = format!(
                    "the key of profile {name:?} is for {}, not for {} ({from})",
                    origin(&own)?,
                    origin(&url.value)?
                );
                return Err(CliError::new(Exit::Config, message)
                    .with_hint("name the key with the address, or keep both as a profile of their own"));
            }
        }
        value.read()
    }
}

/// What the environment says, or the `.env` file that was named.
pub(crate) fn of_environment(name: &'static str, flags: &ConnectionArgs) -> Result<Option<Setting>, CliError> {
    from_environment(name, flags.env_file.as_deref().map(EnvFile::read).transpose()?.as_ref())
}

fn from_environment(name: &'static str, env_file: Option<&EnvFile>) -> Result<Option<Setting>, CliError> {
    if let Some(value) = variable(name)? {
        return Ok(Some(Setting::new(value, Source::Environment(name))));
    }
    let Some(file) = env_file else { return Ok(None) };
    let value = file.variable(name)?;
    Ok(value.map(|value| Setting::new(value, Source::EnvFile(name, file.path().to_owned()))))
}

/// Whether an address is the hosted service's.
pub(crate) fn is_hosted(url: &str) -> bool {
    // Most calls are spared the parser.
    url.to_ascii_lowercase().contains("pocketping.io") && BaseUrl::parse(url).is_ok_and(|base| base.is_saas())
}

/// Scheme, host and port.
fn origin(url: &str) -> Result<String, CliError> {
    let base = BaseUrl::parse(url)?;
    Ok(base.rest().splitn(4, '/').take(3).collect::<Vec<_>>().join("/"))
}

/// A directory of this program's own.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Directory {
    /// What was set: `POCKETPING_CONFIG_DIR`.
    Config,
    /// What is kept between calls: `POCKETPING_STATE_DIR`.
    State,
}

impl Directory {
    /// The variable that names it.
    fn variable(self) -> &'static str {
        match self {
            Self::Config => "POCKETPING_CONFIG_DIR",
            Self::State => "POCKETPING_STATE_DIR",
        }
    }

    /// Whether there is one: a system account may have no home.
    pub(crate) fn is_there(self) -> bool {
        self.is_set() || etcetera::choose_base_strategy().is_ok()
    }

    fn is_set(self) -> bool {
        env::var_os(self.variable()).is_some()
    }

    pub(crate) fn path(self) -> Result<PathBuf, CliError> {
        let name = self.variable();
        if let Some(path) = variable(name)? {
            return Ok(PathBuf::from(path));
        }
        let base = etcetera::choose_base_strategy().map_err(|error| {
            CliError::new(Exit::Config, format!("there is no home directory: {error}"))
                .with_hint(format!("{name} names the directory"))
        })?;
        let path = match self {
            Self::Config => base.config_dir(),
            Self::State => base.state_dir().unwrap_or_else(|| base.cache_dir()),
        };
        Ok(path.join("pocketping"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_key_its_ends_are_shown_if_it_is_long_enough() {
        assert_eq!(masked("sk_live_0123456789abcdef"), "sk_l…cdef");
        assert_eq!([masked("short"), masked(""), masked("123456789012345")], ["…"; 3]);
        assert_eq!(masked("ключ-ключ-ключ-ключ"), "ключ…ключ");
    }

    #[test]
    fn the_hosted_service_is_known_however_its_address_is_written() {
        for hosted in ["https://api.pocketping.io/v1", "https://api.pocketping.io:443/v1/", "HTTPS://API.PocketPing.io"]
        {
            assert!(is_hosted(hosted), "{hosted}");
        }
        for other in ["https://pocketping.io", "https://api.pocketping.io.evil.test/v1", "http://localhost:3001", "x"] {
            assert!(!is_hosted(other), "{other}");
        }
    }

    #[test]
    fn an_origin_has_no_path() {
        assert_eq!(origin("https://api.pocketping.io/v1").unwrap(), "https://api.pocketping.io");
        assert_eq!(origin("http://localhost:3001").unwrap(), "http://localhost:3001");
        assert!(origin("nonsense").is_err());
    }
}
