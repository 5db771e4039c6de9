//! `KeyShape`: the fields of a key, and the normal form in which branches keep keys. The catalog
//! makes it from a schema; the tree knows no schema.
//!
//! The normal form has as many bytes as the key, and orders as plain bytes do: see `order.rs`.

use crate::limits::KEY_BYTES;
use crate::order::Scalar;

/// The fields of a key, in order. None if rows are addressed by number.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct KeyShape {
    pub(super) parts: Vec<Scalar>,
    pub(super) width: usize,
    form: Form,
}

/// Which probe compares the keys of a shape.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Form {
    U64,
    I64,
    U32,
    I32,
    /// Two `u32`, such as the edges of a graph.
    Pair,
    /// At most 16 bytes.
    Word,
    Wide,
}

impl KeyShape {
    /// # Panics
    /// If the parts together are wider than [`KEY_BYTES`]. Schemas are checked before.
    pub(crate) fn new(parts: Vec<Scalar>) -> KeyShape {
        let width = parts.iter().map(|part| part.width()).sum();
        assert!(width <= KEY_BYTES, "a key of {width} bytes passed the schema");
        let form = match parts[..] {
            [Scalar::Unsigned(8)] => Form::U64,
            [Scalar::Signed(8)] => Form::I64,
            [Scalar::Unsigned(4)] => Form::U32,
            [Scalar::Signed(4)] => Form::I32,
            [Scalar::Unsigned(4), Scalar::Unsigned(4)] => Form::Pair,
            _ if width <= 16 => Form::Word,
            _ => Form::Wide,
        };
        KeyShape { parts, width, form }
    }

    pub(crate) fn width(&self) -> usize {
        self.width
    }

    #[inline]
    pub(crate) fn form(&self) -> Form {
        self.form
    }

    /// The shape of the first fields of the key.
    pub(crate) fn leading(&self, fields: usize) -> KeyShape {
        KeyShape::new(self.parts[..fields.min(self.parts.len())].to_vec())
    }

    /// Writes the normal form of the key at the start of `stored`.
    pub(crate) fn normalise(&self, stored: &[u8], normal: &mut [u8]) {
        let mut at = 0;
        for part in &self.parts {
            let field = at..at + part.width();
            part.normalise(&stored[field.clone()], &mut normal[field]);
            at += part.width();
        }
    }

    /// The normal form of a stored key.
    pub(crate) fn normal(&self, stored: &[u8]) -> Normal {
        let mut normal = Normal { bytes: [0; KEY_BYTES], len: self.width };
        self.normalise(stored, &mut normal.bytes[..self.width]);
        normal
    }
}

/// A key in its normal form.
#[derive(Clone, Copy)]
pub(crate) struct Normal {
    bytes: [u8; KEY_BYTES],
    len: usize,
}

impl Normal {
    /// The key with all bytes after the first `len` replaced by `fill`: an edge of this prefix.
    pub(crate) fn prefix(mut self, len: usize, fill: u8) -> Normal {
        self.bytes[len..self.len].fill(fill);
        self
    }
}

impl std::ops::Deref for Normal {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}
