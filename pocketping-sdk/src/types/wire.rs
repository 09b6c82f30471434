//! `wire!`: a struct with JSON names, aliases that are read but never written, and unknown fields kept.
//!
//! A derive would refuse an object that carries both a name and its alias, and would need three attributes on every
//! optional field; here the rules of the contract hold for all objects at once.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserialize, DeserializeOwned, Deserializer, SeqAccess, Visitor};
use serde_json::Value;

use super::Extra;

/// Whether a field is written. Everything is, save an empty `Option` and an open enum that was never set.
pub(crate) trait Presence {
    fn is_present(&self) -> bool {
        true
    }
}

impl Presence for String {}
impl<T> Presence for Vec<T> {}
impl Presence for super::Extra {}
impl<T> Presence for Option<T> {
    fn is_present(&self) -> bool {
        self.is_some()
    }
}

/// An object key, borrowed from the input unless it was escaped.
pub(crate) struct Key<'de>(Cow<'de, str>);

impl Key<'_> {
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    pub(crate) fn into_string(self) -> String {
        self.0.into_owned()
    }
}

impl<'de> Deserialize<'de> for Key<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct KeyVisitor;
        impl<'de> Visitor<'de> for KeyVisitor {
            type Value = Key<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object key")
            }
            fn visit_borrowed_str<E>(self, key: &'de str) -> Result<Self::Value, E> {
                Ok(Key(Cow::Borrowed(key)))
            }
            fn visit_str<E>(self, key: &str) -> Result<Self::Value, E> {
                Ok(Key(Cow::Owned(key.to_owned())))
            }
        }
        deserializer.deserialize_str(KeyVisitor)
    }
}

/// A field while its object is read: the last duplicate wins, and `null` is absent.
pub(crate) struct Plain<T>(Option<T>);

impl<T> Plain<T> {
    pub(crate) fn new() -> Self {
        Self(None)
    }

    pub(crate) fn printed(&mut self, value: Option<T>) {
        self.0 = value;
    }

    pub(crate) fn take(self, _: &mut Extra) -> Option<T> {
        self.0
    }
}

/// A field with other names, while its object is read: as [`Plain`], and the printed name beats an alias wherever it stands;
/// an alias of another shape is an unknown field.
pub(crate) struct Slot<T> {
    printed: Option<T>,
    alias: Option<(&'static str, Value)>,
}

impl<T: DeserializeOwned> Slot<T> {
    pub(crate) fn new() -> Self {
        Self { printed: None, alias: None }
    }

    pub(crate) fn printed(&mut self, value: Option<T>) {
        self.printed = value;
    }

    pub(crate) fn alias(&mut self, name: &'static str, value: Value) {
        self.alias = Some((name, value)).filter(|(_, value)| !value.is_null());
    }

    pub(crate) fn take(self, extra: &mut Extra) -> Option<T> {
        let Some((name, value)) = self.alias else { return self.printed };
        let from_alias = serde_json::from_value(value.clone()).ok();
        if from_alias.is_none() {
            extra.insert(name.to_owned(), value);
        }
        self.printed.or(from_alias)
    }
}

/// What a `lenient` field may hold. It is read without serde where that is simple: a second caller of its readers makes those
/// of lists slower.
pub(crate) trait Lenient: Sized {
    fn read(value: &Value) -> Option<Self>;
}

impl<T: Lenient> Lenient for Option<T> {
    fn read(value: &Value) -> Option<Self> {
        T::read(value).map(Some)
    }
}

impl Lenient for String {
    fn read(value: &Value) -> Option<Self> {
        value.as_str().map(str::to_owned)
    }
}

impl Lenient for bool {
    fn read(value: &Value) -> Option<Self> {
        value.as_bool()
    }
}

impl Lenient for u64 {
    fn read(value: &Value) -> Option<Self> {
        value.as_u64()
    }
}

impl Lenient for i64 {
    fn read(value: &Value) -> Option<Self> {
        value.as_i64()
    }
}

impl Lenient for super::Timestamp {
    fn read(value: &Value) -> Option<Self> {
        value.as_str()?.parse().ok()
    }
}

/// An object, read by its text: how that is done is there already, and small.
pub(crate) fn by_text<T: DeserializeOwned>(value: &Value) -> Option<T> {
    serde_json::from_str(&value.to_string()).ok()
}

impl<T: Lenient> Plain<T> {
    /// A value of another shape is an unknown field: whoever got an addition wrong must not cost the object, nor the list it
    /// stands in. Not where the documented fields are read: most servers have none of these.
    #[inline(never)]
    pub(crate) fn lenient(&mut self, name: &'static str, value: Value, extra: &mut Extra) {
        let read = T::read(&value);
        // The last duplicate counts here, too.
        extra.remove(name);
        if read.is_none() && !value.is_null() {
            extra.insert(name.to_owned(), value);
        }
        self.0 = read;
    }
}

/// The objects of a page, read into room that most pages need.
pub(crate) struct Page<T>(pub(crate) Vec<T>);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Page<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct PageVisitor<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for PageVisitor<T> {
            type Value = Page<T>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a sequence")
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
                // An empty one takes none.
                let Some(first) = seq.next_element()? else { return Ok(Page(Vec::new())) };
                let mut page = Vec::with_capacity(MOST_AT_ONCE);
                page.push(first);
                while let Some(next) = seq.next_element()? {
                    page.push(next);
                }
                Ok(Page(page))
            }
        }
        deserializer.deserialize_seq(PageVisitor(PhantomData))
    }
}

/// For how many objects room is made before they are read.
const MOST_AT_ONCE: usize = 32;

/// How a field looks in `Debug`: private ones only say that they are there.
pub(crate) struct Shown<'a, T> {
    pub(crate) value: &'a T,
    pub(crate) private: bool,
}

impl<T: fmt::Debug> fmt::Debug for Shown<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.private { f.write_str("<masked>") } else { self.value.fmt(f) }
    }
}

/// Declares a wire struct. Fields before the `;` are required, those after it have a default. `[private]` masks a
/// field in `Debug`, `[list]` makes room for a page of a required one at once. `"name" | "alias"` reads both and writes
/// the first; a value of another shape under a `"name" lenient` is kept in `extra`. Fields after a second `;` are not on
/// the wire.
macro_rules! wire {
    (
        $(#[$meta:meta])*
        pub struct $name:ident {
            $( $(#[$rmeta:meta])* $([$rmark:ident])? $rfield:ident : $rty:ty = $rkey:literal $(| $ralias:literal)* , )*
            ;
            $( $(#[$ometa:meta])* $([$omark:ident])? $ofield:ident : $oty:ty = $okey:literal $(| $oalias:literal)* $($olenient:ident)? , )*
            $( ; $( $(#[$lmeta:meta])* $lfield:ident : $lty:ty , )* )?
        }
    ) => {
        $(#[$meta])*
        #[derive(Clone, PartialEq)]
        #[non_exhaustive]
        pub struct $name {
            $( $(#[$rmeta])* pub $rfield: $rty, )*
            $( $(#[$ometa])* pub $ofield: $oty, )*
            $( $( $(#[$lmeta])* pub $lfield: $lty, )* )?
            /// JSON fields this version does not know, kept and written back.
            pub extra: $crate::types::Extra,
        }

        impl $name {
            /// The JSON names of what `Debug` masks: personal data, or secrets.
            #[doc(hidden)]
            pub const PRIVATE: &[&str] = wire!(@private [] $( [$($rmark)?] $rkey, )* $( [$($omark)?] $okey, )*);

            /// Makes one from its required fields; everything else is empty.
            #[allow(clippy::new_without_default, reason = "only the structs without required fields have a default")]
            pub fn new($($rfield: impl Into<$rty>),*) -> Self {
                Self {
                    $( $rfield: $rfield.into(), )*
                    $( $ofield: <$oty>::default(), )*
                    $( $( $lfield: <$lty>::default(), )* )?
                    extra: $crate::types::Extra::new(),
                }
            }
        }

        impl ::std::fmt::Debug for $name {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                #[allow(unused_imports, reason = "not every struct has optional fields")]
                use $crate::types::wire::{Presence, Shown};
                let mut shown = f.debug_struct(stringify!($name));
                $( shown.field(stringify!($rfield), &Shown { value: &self.$rfield, private: wire!(@marked $($rmark)?) }); )*
                $( if self.$ofield.is_present() {
                    shown.field(stringify!($ofield), &Shown { value: &self.$ofield, private: wire!(@marked $($omark)?) });
                } )*
                if !self.extra.is_empty() {
                    shown.field("extra", &self.extra.keys().collect::<Vec<_>>());
                }
                shown.finish()
            }
        }

        impl<'de> ::serde::Deserialize<'de> for $name {
            fn deserialize<D: ::serde::Deserializer<'de>>(deserializer: D) -> ::std::result::Result<Self, D::Error> {
                struct ObjectVisitor;
                impl<'de> ::serde::de::Visitor<'de> for ObjectVisitor {
                    type Value = $name;

                    fn expecting(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                        f.write_str(concat!("a JSON object (", stringify!($name), ")"))
                    }

                    fn visit_map<A: ::serde::de::MapAccess<'de>>(self, mut map: A) -> ::std::result::Result<$name, A::Error> {
                        use $crate::types::wire::Key;
                        $( let mut $rfield = wire!(@slot $rty $(, $ralias)*); )*
                        $( let mut $ofield = wire!(@slot $oty $(, $oalias)* $(, $olenient)?); )*
                        let mut extra = $crate::types::Extra::new();
                        while let Some(key) = map.next_key::<Key<'de>>()? {
                            match key.as_str() {
                                $( $rkey => $rfield.printed(wire!(@read map $($rmark)?)), $( $ralias => $rfield.alias($ralias, map.next_value()?), )* )*
                                $( $okey => wire!(@given map, extra, $ofield, $okey $(, $olenient)?), $( $oalias => $ofield.alias($oalias, map.next_value()?), )* )*
                                _ => { extra.insert(key.into_string(), map.next_value()?); }
                            }
                        }
                        Ok($name {
                            $( $rfield: $rfield.take(&mut extra).ok_or_else(|| ::serde::de::Error::missing_field($rkey))?, )*
                            $( $ofield: $ofield.take(&mut extra).unwrap_or_default(), )*
                            $( $( $lfield: <$lty>::default(), )* )?
                            extra,
                        })
                    }
                }
                deserializer.deserialize_map(ObjectVisitor)
            }
        }

        impl ::serde::Serialize for $name {
            fn serialize<S: ::serde::Serializer>(&self, serializer: S) -> ::std::result::Result<S::Ok, S::Error> {
                #[allow(unused_imports, reason = "not every struct has optional fields")]
                use $crate::types::wire::Presence;
                use ::serde::ser::SerializeMap;
                let mut map = serializer.serialize_map(None)?;
                $( map.serialize_entry($rkey, &self.$rfield)?; )*
                $( if self.$ofield.is_present() { map.serialize_entry($okey, &self.$ofield)?; } )*
                for (key, value) in &self.extra {
                    map.serialize_entry(key, value)?;
                }
                map.end()
            }
        }
    };
    (@slot $ty:ty) => { $crate::types::wire::Plain::<$ty>::new() };
    (@slot $ty:ty, lenient) => { $crate::types::wire::Plain::<$ty>::new() };
    (@slot $ty:ty, $($alias:literal),+) => { $crate::types::wire::Slot::<$ty>::new() };
    (@given $map:ident, $extra:ident, $field:ident, $key:literal) => { $field.printed($map.next_value()?) };
    (@given $map:ident, $extra:ident, $field:ident, $key:literal, lenient) => {
        $field.lenient($key, $map.next_value()?, &mut $extra)
    };
    (@read $map:ident list) => { $map.next_value::<::std::option::Option<$crate::types::wire::Page<_>>>()?.map(|page| page.0) };
    (@read $map:ident $($mark:ident)?) => { $map.next_value()? };
    (@private [$($key:literal)*] [private] $next:literal, $($rest:tt)*) => { wire!(@private [$($key)* $next] $($rest)*) };
    (@private [$($key:literal)*] [$($mark:ident)?] $next:literal, $($rest:tt)*) => { wire!(@private [$($key)*] $($rest)*) };
    (@private [$($key:literal)*]) => { &[$($key),*] };
    (@marked) => { false };
    (@marked list) => { false };
    (@marked private) => { true };
}
