//! Walking a list page by page, whatever its noun.

use futures::stream::{self, BoxStream};
use futures::{StreamExt, TryStreamExt};

use crate::error::{Error, ErrorKind, Outcome, Result};
use crate::transport::Call;

/// A list answer that may name the next page.
pub(super) trait Page: Send + 'static {
    type Item: Send + 'static;
    fn split(self) -> (Vec<Self::Item>, Option<String>);
}

/// The items of all pages, from `cursor` on. `fetch` makes the call for one page; `arrange` puts the items of a server
/// without the extended contract into ours: order and filter are its business, and it sends everything at once.
pub(super) fn items<L: Page>(
    cursor: Option<String>,
    fetch: impl Fn(Option<&str>) -> Call<L> + Send + 'static,
    arrange: impl Fn(&mut Vec<L::Item>) + Send + 'static,
) -> BoxStream<'static, Result<(bool, L::Item)>> {
    stream::try_unfold(Some(cursor), move |state| {
        let call = state.map(|cursor| (fetch(cursor.as_deref()).with_response(), cursor));
        // The closure is not part of the future: everything it needs is taken out here.
        async move {
            let Some((call, cursor)) = call else { return Ok(None) };
            let answer = call.await?;
            let extended = answer.is_extended();
            let (items, next) = answer.into_value().split();
            if next.is_some() && next == cursor {
                let message = "the server gave the same cursor twice; the list would never end";
                return Err(Error::new(ErrorKind::Decode, Outcome::Rejected, message));
            }
            Ok(Some(((extended, items), next.map(Some))))
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
