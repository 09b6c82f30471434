//! `Row`: a value of the tables, and the JSON it is told as.

use std::fmt;
use std::ops::{Deref, DerefMut};
use std::sync::{Arc, OnceLock};

use serde::{Serialize, Serializer};

/// A value that is told far more often than it changes: its JSON is made when it is first told, and forgotten when the value
/// is changed.
pub(crate) struct Row<T> {
    value: T,
    /// There is one form of it, that of the server's contract.
    json: OnceLock<Box<[u8]>>,
}

/// A row as it is handed out.
pub(crate) type Held<T> = Arc<Row<T>>;

impl<T> Row<T> {
    pub(crate) fn new(value: T) -> Self {
        Self { value, json: OnceLock::new() }
    }

    /// The value as the contract tells it, which `encode` makes of it.
    pub(crate) fn json(&self, encode: impl FnOnce(&T) -> Vec<u8>) -> &[u8] {
        self.json.get_or_init(|| encode(&self.value).into())
    }

    pub(crate) fn into_value(self) -> T {
        self.value
    }
}

impl<T> Deref for Row<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T> DerefMut for Row<T> {
    fn deref_mut(&mut self) -> &mut T {
        self.json.take();
        &mut self.value
    }
}

impl<T: Clone> Clone for Row<T> {
    /// A copy is made to be changed.
    fn clone(&self) -> Self {
        Self::new(self.value.clone())
    }
}

impl<T: fmt::Debug> fmt::Debug for Row<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.value.fmt(f)
    }
}

/// All of it, whatever the contract shows.
impl<T: Serialize> Serialize for Row<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.value.serialize(serializer)
    }
}

impl<T: PartialEq> PartialEq for Row<T> {
    fn eq(&self, other: &Self) -> bool {
        self.value == other.value
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_changed_is_encoded_anew_and_what_is_not_is_not() {
        let encode = |value: &u32| value.to_string().into_bytes();
        let mut row = Arc::new(Row::new(1));
        assert_eq!((row.json(encode), row.json(|_| unreachable!("it stands"))), (&b"1"[..], &b"1"[..]));
        let before = Arc::clone(&row);
        **Arc::make_mut(&mut row) += 1;
        assert_eq!((before.json(encode), row.json(encode)), (&b"1"[..], &b"2"[..]), "a shared one");
        **Arc::make_mut(&mut row) += 1;
        assert_eq!((row.json(encode), **row), (&b"3"[..], 3), "one of its own");
    }
}
