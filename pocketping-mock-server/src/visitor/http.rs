//! The widget's HTTP: where its calls go, which headers they carry, and how their answers are read.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, CACHE_CONTROL, CONTENT_TYPE, ORIGIN, USER_AGENT};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use serde::de::DeserializeOwned;
use tokio::time::timeout;
use url::{Position, Url};

use super::error::{Error, Result};
use crate::http_client::{self, Exchange, Tls, Wire};
use crate::json;

/// The largest answer, frame or event that is read.
pub(super) const MOST: usize = 16 << 20;

const VERSION: HeaderName = HeaderName::from_static("x-pocketping-version");
const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// Where a widget's calls go, and as whose.
#[derive(Clone)]
pub(super) struct Http {
    pub(super) endpoint: Url,
    pub(super) tls: Arc<Tls>,
    /// How long an answer may take.
    pub(super) patience: Duration,
    /// What every request carries, as a browser has it.
    common: HeaderMap,
    version: HeaderValue,
}

/// An answer that is whole, and what was asked.
pub(super) struct Answer {
    asked: String,
    status: StatusCode,
    pub(super) headers: HeaderMap,
    body: Bytes,
}

/// The address of a widget's endpoint, as it is written in a page.
pub(super) fn endpoint(text: &str) -> Result<Url> {
    let wrong = |why: &str| Error::input(format!("{text:?} is no widget endpoint: {why}"));
    let url = Url::parse(text).map_err(|error| wrong(&error.to_string()))?;
    match url.scheme() {
        "http" => {}
        "https" if cfg!(feature = "tls") => {}
        "https" => return Err(wrong("https:// needs the feature `tls` of pocketping-mock-server")),
        _ => return Err(wrong("it must begin with http:// or https://")),
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(wrong("paths are appended to it, so it can have no query and no fragment"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(wrong("a browser takes none with a user name or password"));
    }
    Ok(url)
}

/// A file's type as a browser sends it.
pub(super) fn mime_type_header(text: &str) -> Result<HeaderValue> {
    header("type", if text.is_empty() { "application/octet-stream" } else { text })
}

fn header(what: &str, text: &str) -> Result<HeaderValue> {
    HeaderValue::try_from(text).map_err(|_| Error::input(format!("the {what} {text:?} cannot be a header")))
}

impl Http {
    /// Calls of a browser that calls itself this, from a page at this address.
    pub(super) fn new(
        endpoint: Url,
        tls: Arc<Tls>,
        patience: Duration,
        version: &str,
        (user_agent, page): (&str, &str),
    ) -> Result<Self> {
        let mut common = HeaderMap::new();
        common.insert(USER_AGENT, header("user agent", user_agent)?);
        // A browser says which website asks; a page that is none has no origin to speak of.
        if let Some(origin) = Url::parse(page).ok().map(|url| url.origin()).filter(url::Origin::is_tuple) {
            common.insert(ORIGIN, header("origin", &origin.ascii_serialization())?);
        }
        Ok(Self { endpoint, tls, patience, common, version: header("version", version)? })
    }

    /// The address of a path below the endpoint.
    pub(super) fn url(&self, path: &[&str]) -> Url {
        let mut url = self.endpoint.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(path);
        }
        url
    }

    pub(super) fn url_with(&self, path: &[&str], query: &[(&str, &str)]) -> Url {
        let mut url = self.url(path);
        url.query_pairs_mut().extend_pairs(query);
        url
    }

    /// The headers of what a browser asks for by itself.
    pub(super) fn common(&self) -> HeaderMap {
        self.common.clone()
    }

    /// A call of the widget's own: with its version, and as JSON even where there is no body.
    pub(super) async fn call(&self, method: Method, url: Url, body: Bytes) -> Result<Answer> {
        let mut headers = self.common();
        headers.insert(CONTENT_TYPE, JSON);
        headers.insert(VERSION, self.version.clone());
        self.ask(method, &url, headers, body).await?.successful()
    }

    /// A call that also reaches the server when the page is gone: without the version, and nobody reads the answer.
    pub(super) async fn beacon(&self, url: Url, body: Bytes) -> Result<()> {
        let mut headers = self.common();
        headers.insert(CONTENT_TYPE, JSON);
        self.ask(Method::POST, &url, headers, body).await?.successful().map(drop)
    }

    /// Sends a file to the address that was given for it.
    pub(super) async fn put(&self, url: &str, mime_type: HeaderValue, body: Bytes) -> Result<()> {
        let url = self.endpoint.join(url).map_err(|error| {
            Error::unreadable("the upload", StatusCode::OK, format_args!("`uploadUrl`: {error}"), url.as_bytes())
        })?;
        let mut headers = self.common();
        headers.insert(CONTENT_TYPE, mime_type);
        self.ask(Method::PUT, &url, headers, body).await?.successful().map(drop)
    }

    /// Asks for server-sent events, and gives what was asked and the answer as it comes.
    pub(super) async fn events(&self, url: &Url) -> Result<(String, Exchange)> {
        let mut headers = self.common();
        headers.insert(ACCEPT, HeaderValue::from_static("text/event-stream"));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        let asked = asked(&Method::GET, url);
        let exchange = self.send(Method::GET, url, headers, Bytes::new(), &asked).await?;
        Ok((asked, exchange))
    }

    async fn ask(&self, method: Method, url: &Url, mut headers: HeaderMap, body: Bytes) -> Result<Answer> {
        headers.insert(ACCEPT, HeaderValue::from_static("*/*"));
        let asked = asked(&method, url);
        let whole = async {
            let mut exchange = self.send(method, url, headers, body, &asked).await?;
            let body = exchange.whole(MOST).await.map_err(|failure| Error::failed(&asked, &failure))?;
            Ok((exchange.head, body))
        };
        let (head, body) = timeout(self.patience, whole).await.map_err(|_| Error::late(&asked, self.patience))??;
        Ok(Answer { asked, status: head.status, headers: head.headers, body })
    }

    async fn send(&self, method: Method, url: &Url, headers: HeaderMap, body: Bytes, asked: &str) -> Result<Exchange> {
        let request = http_client::request(method, url, headers, body).map_err(Error::input)?;
        let wire = self.connect(url, asked).await?;
        http_client::exchange(wire, request).await.map_err(|failure| Error::failed(asked, &failure))
    }

    /// A connection to the host of this address.
    pub(super) async fn connect(&self, url: &Url, asked: &str) -> Result<Wire> {
        // It goes where its user sends it.
        let refuses = |_| None;
        http_client::connect(url, &self.tls, refuses).await.map_err(|failure| Error::failed(asked, &failure))
    }
}

impl Answer {
    fn successful(self) -> Result<Self> {
        if self.status.is_success() {
            return Ok(self);
        }
        let location = self.headers.get(http::header::LOCATION).filter(|_| self.status.is_redirection());
        Err(match location {
            Some(to) => {
                let to = String::from_utf8_lossy(to.as_bytes());
                Error::refused(&self.asked, self.status, format!("it is elsewhere: {to}").as_bytes())
            }
            None => Error::refused(&self.asked, self.status, &self.body),
        })
    }

    /// The answer's body, which must be JSON of this form.
    pub(super) fn read<T: DeserializeOwned>(&self) -> Result<T> {
        json::read(&self.body).map_err(|wrong| Error::unreadable(&self.asked, self.status, wrong, &self.body))
    }

    /// The answer's body may say what it likes, as long as it is JSON.
    pub(super) fn acknowledged(&self) -> Result<()> {
        self.read::<serde::de::IgnoredAny>().map(drop)
    }
}

/// What is asked, as errors name it: without the query, where addresses of files have their secrets.
pub(super) fn asked(method: &Method, url: &Url) -> String {
    format!("{method} {}", &url[..Position::AfterPath])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn http(text: &str) -> Http {
        let tls = Arc::new(Tls::new(&[]).unwrap());
        Http::new(endpoint(text).unwrap(), tls, Duration::ZERO, "2.6.0", ("Mozilla", "https://a.b/c?d")).unwrap()
    }

    #[test]
    fn paths_are_appended_as_the_widget_does_it() {
        for (given, expected) in [
            ("http://a", "http://a/message/m%2F1%3F"),
            ("http://a/", "http://a/message/m%2F1%3F"),
            ("http://a:1/pp", "http://a:1/pp/message/m%2F1%3F"),
            ("http://a:1/pp/", "http://a:1/pp/message/m%2F1%3F"),
            ("http://a/api/widget/proj_x", "http://a/api/widget/proj_x/message/m%2F1%3F"),
        ] {
            assert_eq!(http(given).url(&["message", "m/1?"]).as_str(), expected, "{given}");
        }
        assert_eq!(
            http("http://a/pp").url_with(&["messages"], &[("sessionId", "s 1"), ("after", "10:00")]).as_str(),
            "http://a/pp/messages?sessionId=s+1&after=10%3A00"
        );
    }

    #[test]
    fn an_endpoint_that_is_none_is_told_why() {
        for (given, why) in [
            ("/pocketping", "relative URL without a base"),
            ("ws://a/pp", "it must begin with http:// or https://"),
            ("http://a/pp?x=1", "paths are appended to it, so it can have no query and no fragment"),
            ("http://u:p@a/pp", "a browser takes none with a user name or password"),
            ("http://", "empty host"),
        ] {
            let error = endpoint(given).unwrap_err().to_string();
            assert_eq!(error, format!("{given:?} is no widget endpoint: {why}"));
        }
    }

    #[test]
    fn the_origin_is_that_of_the_page() {
        assert_eq!(http("http://x").common()[ORIGIN], "https://a.b");
    }
}
