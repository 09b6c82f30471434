//! Walking a list page by page, whatever its noun.

use std::collections::HashSet;

use futures::stream::{self, BoxStream};
use futures::{StreamExt, TryStreamExt};

use crate::error::{Error, ErrorKind, Outcome, Result};
use crate::transport::Call;

/// The most one answer may be asked for.
const MOST: usize = 1000;

/// How many pages in a row may be empty: a server that filters may have some.
const MOST_EMPTY: usize = 100;

/// A list answer that may name the next page.
pub(super) trait Page: Send + 'static {
    type Item: Send + 'static;
    fn split(self) -> (Vec<Self::Item>, Option<String>);
}

/// A limit that every server takes or none.
pub(super) fn check_limit(limit: Option<usize>) -> Result<()> {
    match limit {
        Some(limit) if !(1..=MOST).contains(&limit) => {
            Err(Error::request(format!("the limit {limit} is not from 1 to {MOST}; `stream` takes any")))
        }
        _ => Ok(()),
    }
}

/// Whether an answer may have been cut by a server that honours `limit` and has no pages: it must be read again
/// without one.
/// One that was asked with a cursor has pages.
pub(super) fn may_be_cut(extended: bool, items: usize, limit: Option<usize>, paged: bool) -> bool {
    !extended && !paged && limit == Some(items)
}

/// The items of all pages, from `cursor` on, with whether their server speaks the extended contract. `fetch` makes the
/// call for one page of at most so many, or of as many as the server likes; `arrange` puts the items of another server, which come all at once, into our
/// order.
pub(super) fn items<L: Page>(
    cursor: Option<String>,
    limit: Option<usize>,
    fetch: impl Fn(Option<&str>, Option<usize>) -> Call<L> + Clone + Send + 'static,
    arrange: impl Fn(&mut Vec<L::Item>) + Send + 'static,
) -> BoxStream<'static, Result<(bool, L::Item)>> {
    let start = (Some(cursor), HashSet::new(), 0);
    stream::try_unfold(start, move |(cursor, mut seen, empty)| {
        let fetch = fetch.clone();
        let first = cursor.map(|cursor| (fetch(cursor.as_deref(), limit), cursor));
        let whole = fetch(None, None);
        async move {
            let Some((call, cursor)) = first else { return Ok(None) };
            let answer = call.with_response().await?;
            let extended = answer.is_extended();
            let (mut items, mut next) = answer.into_value().split();
            if may_be_cut(extended, items.len(), limit, next.is_some() || cursor.is_some()) {
                (items, next) = whole.await?.split();
            }
            let empty = if items.is_empty() { empty + 1 } else { 0 };
            let is_endless = next.as_ref().is_some_and(|next| !seen.insert(next.clone()));
            if is_endless || (empty > MOST_EMPTY && next.is_some()) {
                let what = if is_endless { "the same cursor twice" } else { "one empty page after the other" };
                let message = format!("the server gave {what}; the list would never end");
                return Err(Error::new(ErrorKind::Decode, Outcome::Rejected, message));
            }
            Ok(Some(((extended, items), (next.map(Some), seen, empty))))
        }
    })
    .map_ok(move |(extended, mut items)| {
        if !extended {
            arrange(&mut items);
        }
        stream::iter(items.into_iter().map(move |item| Ok((extended, item))))
    })
    .try_flatten()
    .boxed()
}
