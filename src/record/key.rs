//! `Key`: what a row of a table with a key is found by, in the stored form that it has in the record.

use super::{Bool, Date, Text, Timestamp, Uuid};
use bytemuck::bytes_of;

/// A key, or the number of a row. Implemented for every type that a key field can have and for tuples of one to eight.
///
/// Keys are ordered by their fields from left to right: numbers by value (floats by IEEE total order), `false` before
/// `true`, dates and timestamps by time, text, bytes and uuids by their bytes.
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
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a key",
    note = "a key is a number, Bool, Text<N>, [u8; N], Date, Timestamp, Uuid, or a tuple of up to eight of them; \
            nullable fields and arrays of numbers have no order"
)]
pub trait Key: Copy {
    /// The width of the stored key, in bytes.
    const WIDTH: usize;

    /// Writes the key as it stands in the record: little-endian, packed.
    ///
    /// # Panics
    /// When there are not [`WIDTH`](Key::WIDTH) bytes.
    fn encode(&self, out: &mut [u8]);
}

macro_rules! single {
    ($([$($generics:tt)*] $key:ty;)*) => {$(
        impl<$($generics)*> Key for $key {
            const WIDTH: usize = size_of::<$key>();

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
}

macro_rules! tuple {
    ($($part:ident $at:tt)*) => {
        impl<$($part: Key),*> Key for ($($part,)*) {
            const WIDTH: usize = 0 $(+ $part::WIDTH)*;

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
