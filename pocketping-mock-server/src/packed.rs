//! Texts the program carries deflated: most who run it never read one.

use std::sync::OnceLock;

/// A text of `build.rs`. It is inflated when it is first wanted, and kept.
#[derive(Debug)]
pub(crate) struct Packed {
    deflated: &'static [u8],
    text: OnceLock<String>,
}

impl Packed {
    pub(crate) const fn new(deflated: &'static [u8]) -> Self {
        Self { deflated, text: OnceLock::new() }
    }

    pub(crate) fn text(&'static self) -> &'static str {
        self.text.get_or_init(|| {
            let text = miniz_oxide::inflate::decompress_to_vec(self.deflated).ok();
            text.and_then(|text| String::from_utf8(text).ok())
                .unwrap_or_else(|| unreachable!("it was deflated when the program was built"))
        })
    }
}

/// A file of `src/openapi` or `src/page`.
macro_rules! packed {
    ($name:literal) => {
        $crate::packed::Packed::new(include_bytes!(concat!(env!("OUT_DIR"), "/", $name)))
    };
}
pub(crate) use packed;
