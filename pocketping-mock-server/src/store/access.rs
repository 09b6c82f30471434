//! Keys and tenants: a key sees its tenant and nothing of any other.

use std::collections::HashMap;
use std::str::FromStr;
use std::sync::Arc;

use subtle::ConstantTimeEq;

use super::Rejection;

/// A tenant's name.
pub(crate) type TenantId = Arc<str>;

/// An API key and the tenant it opens, as `--api-key KEY[=TENANT]` gives it.
#[derive(Clone, PartialEq, Eq)]
pub struct ApiKey {
    pub(crate) key: String,
    pub(crate) tenant: TenantId,
}

impl ApiKey {
    /// The tenant of a key that names none.
    const DEFAULT_TENANT: &str = "default";

    /// A key of the default tenant.
    ///
    /// # Errors
    /// When it is empty or holds anything but visible ASCII.
    pub fn new(key: &str) -> Result<Self, String> {
        Self::of_tenant(key, Self::DEFAULT_TENANT)
    }

    /// A key of the tenant with this name.
    ///
    /// # Errors
    /// When either is empty or the key holds anything but visible ASCII.
    pub fn of_tenant(key: &str, tenant: &str) -> Result<Self, String> {
        if key.is_empty() || !key.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err("an API key is visible ASCII and not empty".to_owned());
        }
        if tenant.is_empty() || tenant.contains(char::is_control) {
            return Err("the tenant is empty or holds a control character".to_owned());
        }
        Ok(Self { key: key.to_owned(), tenant: tenant.into() })
    }
}

impl FromStr for ApiKey {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        // Keys may be base64 and end in `=`: only a name behind a single one is a tenant.
        match text.split_once('=') {
            Some((key, tenant)) if !tenant.is_empty() && !tenant.contains('=') => Self::of_tenant(key, tenant),
            _ => Self::new(text),
        }
    }
}

impl std::fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ApiKey(<masked>={})", self.tenant)
    }
}

/// How the names of tenants begin that unseen keys have opened.
const UNNAMED: char = '\0';

/// The tenant's name, if somebody gave it one: that of an unseen key's tenant would tell the key.
pub(crate) fn given_name(tenant: &TenantId) -> Option<&str> {
    Some(&**tenant).filter(|name| !name.starts_with(UNNAMED))
}

/// The longest key that opens a tenant without being named.
const MOST_KEY: usize = 255;

/// Who may come in.
#[derive(Debug)]
pub(crate) struct Access {
    keys: Vec<ApiKey>,
    /// Tenants opened by keys nobody named, when any key is welcome.
    unseen: Option<HashMap<String, TenantId>>,
}

impl Access {
    /// How many tenants unseen keys may open.
    const MOST_UNSEEN: usize = 10_000;

    /// Refuses a key that opens two tenants.
    pub(crate) fn new(keys: Vec<ApiKey>, any_key: bool) -> Result<Self, String> {
        for (n, key) in keys.iter().enumerate() {
            if let Some(other) = keys[..n].iter().find(|other| other.key == key.key && other.tenant != key.tenant) {
                return Err(format!("one key cannot open two tenants ({} and {})", other.tenant, key.tenant));
            }
        }
        Ok(Self { keys, unseen: any_key.then(HashMap::new) })
    }

    /// The tenants that keys were given for.
    pub(crate) fn tenants(&self) -> impl Iterator<Item = &TenantId> {
        self.keys.iter().map(|key| &key.tenant)
    }

    /// Takes one key more.
    pub(crate) fn allow(&mut self, key: ApiKey) -> Result<(), String> {
        match self.keys.iter().find(|known| known.key == key.key) {
            Some(known) if known.tenant != key.tenant => {
                Err(format!("one key cannot open two tenants ({} and {})", known.tenant, key.tenant))
            }
            Some(_) => Ok(()),
            None => {
                self.keys.push(key);
                Ok(())
            }
        }
    }

    /// Takes a key no more.
    pub(crate) fn revoke(&mut self, key: &str) -> Result<(), String> {
        let before = self.keys.len();
        self.keys.retain(|known| known.key != key);
        if self.keys.len() < before { Ok(()) } else { Err("this key was not taken before".to_owned()) }
    }

    /// The keys that were given.
    pub(crate) fn keys(&self) -> impl Iterator<Item = String> {
        self.keys.iter().map(|key| key.key.clone())
    }

    /// The keys that opened a tenant unnamed, as they may be told: enough to know one's own by.
    pub(crate) fn unseen_keys(&self) -> Vec<String> {
        let mut shown: Vec<_> = self.unseen.iter().flatten().map(|(key, _)| masked(key)).collect();
        shown.sort_unstable();
        shown
    }

    /// Whether it takes a key.
    pub(crate) fn takes(&self, key: &str) -> bool {
        self.keys.iter().any(|known| bool::from(known.key.as_bytes().ct_eq(key.as_bytes())))
            || (self.unseen.is_some() && may_be_unseen(key))
    }

    /// The tenant a key opens. Given keys are compared in constant time, all of them.
    pub(crate) fn tenant_of(&mut self, key: &str) -> Result<TenantId, Rejection> {
        let mut found = None;
        for known in &self.keys {
            if bool::from(known.key.as_bytes().ct_eq(key.as_bytes())) {
                found = Some(&known.tenant);
            }
        }
        if let Some(tenant) = found {
            return Ok(Arc::clone(tenant));
        }
        let Some(unseen) = self.unseen.as_mut().filter(|_| may_be_unseen(key)) else {
            return Err(Rejection::Unauthorized("the API key is wrong"));
        };
        if let Some(tenant) = unseen.get(key) {
            return Ok(Arc::clone(tenant));
        }
        if unseen.len() >= Self::MOST_UNSEEN {
            return Err(Rejection::Unauthorized("no more keys: 10,000 unseen ones have opened a tenant each"));
        }
        // No name that can be given begins like this, so no unseen key opens a named tenant.
        let tenant: TenantId = format!("{UNNAMED}{key}").into();
        unseen.insert(key.to_owned(), Arc::clone(&tenant));
        Ok(tenant)
    }
}

/// Whether a key that nobody named may open a tenant.
fn may_be_unseen(key: &str) -> bool {
    (1..=MOST_KEY).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_graphic())
}

/// The first characters of a key that is long enough.
fn masked(key: &str) -> String {
    let shown = if key.len() >= 12 { &key[..4] } else { "" };
    format!("{shown}…")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_opens_its_tenant_and_no_other_does() {
        let keys = ["one", "two=b", "three=b"].map(|key| key.parse().unwrap()).to_vec();
        let mut access = Access::new(keys, false).unwrap();
        assert_eq!(&*access.tenant_of("one").unwrap(), "default");
        assert_eq!(access.tenant_of("two"), access.tenant_of("three"));
        for wrong in ["", "on", "onee", "two=b", "ONE"] {
            assert!(matches!(access.tenant_of(wrong), Err(Rejection::Unauthorized(_))), "{wrong}");
        }
    }

    #[test]
    fn a_tenant_stands_behind_one_equals_sign_and_a_key_opens_one_tenant() {
        for (text, key, tenant) in
            [("k", "k", "default"), ("k=t", "k", "t"), ("a2V5PQ==", "a2V5PQ==", "default"), ("k=", "k=", "default")]
        {
            let parsed: ApiKey = text.parse().unwrap();
            assert_eq!((parsed.key.as_str(), &*parsed.tenant), (key, tenant));
        }
        assert!("=t".parse::<ApiKey>().is_err() && "".parse::<ApiKey>().is_err() && "a b".parse::<ApiKey>().is_err());
        let twice = ["k=a", "k=b"].map(|key| key.parse().unwrap()).to_vec();
        assert!(Access::new(twice, false).unwrap_err().contains("a and b"));
    }

    #[test]
    fn with_any_key_an_unseen_one_opens_a_tenant_of_its_own() {
        let mut access = Access::new(vec![ApiKey::new("one").unwrap()], true).unwrap();
        let (a, b) = (access.tenant_of("a").unwrap(), access.tenant_of("b").unwrap());
        assert_ne!(a, b);
        assert_eq!(given_name(&a), None, "it would tell the key");
        assert_eq!(access.tenant_of("a").unwrap(), a);
        assert_eq!(given_name(&access.tenant_of("one").unwrap()), Some("default"));
        for no_key in ["", "a b", "ü", &"x".repeat(256)] {
            assert!(access.tenant_of(no_key).is_err(), "{no_key}");
        }
        for n in 0..Access::MOST_UNSEEN - 2 {
            access.tenant_of(&format!("k{n}")).unwrap();
        }
        assert!(access.tenant_of("one too many").is_err());
    }
}
