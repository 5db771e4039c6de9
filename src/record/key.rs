//! `Key`: the key of a row, in its stored form; and `PrefixOf`: the leading fields of a key.

use std::marker::PhantomData;

use bytemuck::bytes_of;

use super::{Bool, Date, Enumerated, Enumeration, FieldType, NullValue, Nullable, Text, Timestamp, Uuid};
use crate::schema::Type;

/// A key, or the number of a row. Implemented for every type that a key field can have, and for
/// tuples of one to eight of them.
///
/// Keys are ordered by their fields from left to right: numbers by value (floats by IEEE total
/// order), `false` before `true`, dates and timestamps by time, text, bytes and uuids by their
/// bytes.
///
/// ```
/// use drystone::{Key, Text};
///
/// let key = (7_u16, Text::<2>::new("UA")?);
/// let mut stored = [0; 4];
/// key.encode(&mut stored);
/// assert_eq!(stored, [7, 0, b'U', b'A']);
/// # Ok::<(), drystone::Error>(())
/// ```
///
/// A [`Nullable`] can only be looked up in an index: a field of a table's key is never null.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a key",
    note = "a key is a number, Bool, Text<N>, [u8; N], Date, Timestamp, Uuid, Enum<E>, or a tuple of up to eight of them; \
            arrays of numbers have no order"
)]
pub trait Key: Copy + sealed::Sealed {
    /// The width of the stored key, in bytes.
    const WIDTH: usize;

    /// The type of each field of the key, from left to right, and whether it may be null.
    const FIELDS: &'static [(Type, bool)];

    /// Writes the key in its stored form: little-endian, packed.
    ///
    /// ```
    /// use drystone::Key;
    ///
    /// let mut stored = [0; 3];
    /// (7_u16, 1_u8).encode(&mut stored);
    /// assert_eq!(stored, [7, 0, 1]);
    /// ```
    ///
    /// # Panics
    /// If `out` does not have [`WIDTH`](Key::WIDTH) bytes.
    fn encode(&self, out: &mut [u8]);
}

/// One or more of the leading fields of the key `K`: a tuple of its first types, or the first type
/// alone.
///
/// | key | prefixes |
/// |---|---|
/// | `u64` | `u64`, `(u64,)` |
/// | `(u16, Date)` | `u16`, `(u16,)`, `(u16, Date)` |
///
/// Literals take their types from the key: in `table.prefix((7,))` the 7 is a `u16` if the first
/// key field is one.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not made of leading fields of the key `{K}`",
    note = "a prefix has exactly the types of the first fields of the key, in their order"
)]
pub trait PrefixOf<K: Key>: Key {}

/// Public so that the code which `#[derive(FieldType)]` writes can name it.
pub(super) mod sealed {
    /// A type that can be a key. Only the library and the derive implement it.
    pub trait Sealed {}
}

#[diagnostic::do_not_recommend]
impl<A: Key + FieldType> PrefixOf<A> for A {}
#[diagnostic::do_not_recommend]
impl<A: Key + FieldType> PrefixOf<A> for (A,) {}

macro_rules! single {
    ($([$($generics:tt)*] $key:ty;)*) => {$(
        impl<$($generics)*> sealed::Sealed for $key {}
        impl<$($generics)*> Key for $key {
            const WIDTH: usize = size_of::<$key>();
            const FIELDS: &'static [(Type, bool)] = &[(Self::TYPE, Self::NULLABLE)];

            #[inline]
            fn encode(&self, out: &mut [u8]) {
                out.copy_from_slice(bytes_of(self));
            }
        }
    )*};
}

single! {
    [] u8; [] u16; [] u32; [] u64; [] u128; [] i8; [] i16; [] i32; [] i64; [] i128; [] f32; [] f64;
    [] Bool; [] Date; [] Timestamp; [] Uuid; [const N: usize] Text<N>; [const N: usize] [u8; N];
    [T: Key + NullValue] Nullable<T>; [E: Enumeration] Enumerated<E::Repr, PhantomData<E>>;
}

macro_rules! tuple {
    ($($part:ident $at:tt)*) => {
        impl<$($part: Key + FieldType),*> sealed::Sealed for ($($part,)*) {}
        impl<$($part: Key + FieldType),*> Key for ($($part,)*) {
            const WIDTH: usize = 0 $(+ $part::WIDTH)*;
            const FIELDS: &'static [(Type, bool)] = &[$(($part::TYPE, $part::NULLABLE)),*];

            #[inline]
            fn encode(&self, out: &mut [u8]) {
                assert_eq!(out.len(), Self::WIDTH, "a key is written into as many bytes as it has");
                let mut end = 0;
                $(
                    let start = end;
                    end += $part::WIDTH;
                    self.$at.encode(&mut out[start..end]);
                )*
            }
        }
    };
}

tuple!(A 0);
tuple!(A 0 B 1);
tuple!(A 0 B 1 C 2);
tuple!(A 0 B 1 C 2 D 3);
tuple!(A 0 B 1 C 2 D 3 E 4);
tuple!(A 0 B 1 C 2 D 3 E 4 F 5);
tuple!(A 0 B 1 C 2 D 3 E 4 F 5 G 6);
tuple!(A 0 B 1 C 2 D 3 E 4 F 5 G 6 H 7);

/// The prefixes of a key of several fields: the first of them alone, and tuples of the first ones.
/// In errors the compiler would list a few of all these, and seldom the one that is meant.
macro_rules! prefixes {
    ($first:ident $($rest:ident)*) => {
        #[diagnostic::do_not_recommend]
        impl<$first: Key + FieldType, $($rest: Key + FieldType),*> PrefixOf<($first, $($rest,)*)> for $first {}
        prefixes!(@each ($first $($rest)*) ($first) $($rest)*);
    };
    (@each ($($all:ident)*) ($($taken:ident)*)) => {
        #[diagnostic::do_not_recommend]
        impl<$($all: Key + FieldType),*> PrefixOf<($($all,)*)> for ($($taken,)*) {}
    };
    (@each ($($all:ident)*) ($($taken:ident)*) $next:ident $($rest:ident)*) => {
        #[diagnostic::do_not_recommend]
        impl<$($all: Key + FieldType),*> PrefixOf<($($all,)*)> for ($($taken,)*) {}
        prefixes!(@each ($($all)*) ($($taken)* $next) $($rest)*);
    };
}

prefixes!(A);
prefixes!(A B);
prefixes!(A B C);
prefixes!(A B C D);
prefixes!(A B C D E);
prefixes!(A B C D E F);
prefixes!(A B C D E F G);
prefixes!(A B C D E F G H);
