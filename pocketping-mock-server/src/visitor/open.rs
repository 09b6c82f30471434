//! `open!`: an object the server sends. Unknown fields are kept, `null` is absent, and chat text is masked in `Debug`.

use serde::{Deserialize, Deserializer};

/// Reads `null` as what is not there.
pub(super) fn nullable<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(from: D) -> Result<T, D::Error> {
    Option::<T>::deserialize(from).map(Option::unwrap_or_default)
}

/// Declares such an object. Fields before the `;` are required. `[private]` masks a field in `Debug`.
macro_rules! open {
    (
        $(#[$meta:meta])*
        pub struct $name:ident {
            $( $(#[$rmeta:meta])* $([$rmark:ident])? $rfield:ident : $rty:ty = $rkey:literal, )*
            ;
            $( $(#[$ometa:meta])* $([$omark:ident])? $ofield:ident : $oty:ty = $okey:literal, )*
        }
    ) => {
        $(#[$meta])*
        #[derive(Clone, PartialEq, serde::Deserialize)]
        #[non_exhaustive]
        pub struct $name {
            $( $(#[$rmeta])* #[serde(rename = $rkey)] pub $rfield: $rty, )*
            $(
                $(#[$ometa])*
                #[serde(rename = $okey, default, deserialize_with = "crate::visitor::open::nullable")]
                pub $ofield: $oty,
            )*
            /// JSON fields this version does not know, as they came.
            #[serde(flatten)]
            pub extra: pocketping_sdk::Extra,
        }

        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                let mut shown = f.debug_struct(stringify!($name));
                $( open!(@show shown, stringify!($rfield), self.$rfield, $($rmark)?); )*
                $( open!(@show shown, stringify!($ofield), self.$ofield, $($omark)?); )*
                shown.field("extra", &self.extra.keys().collect::<Vec<_>>()).finish()
            }
        }
    };
    (@show $shown:ident, $name:expr, $value:expr, ) => { $shown.field($name, &$value) };
    (@show $shown:ident, $name:expr, $value:expr, private) => { $shown.field($name, &format_args!("<masked>")) };
}
