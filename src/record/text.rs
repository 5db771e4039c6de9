//! `Text<N>`: UTF-8 of at most N bytes, padded with zero bytes.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use bytemuck::{Pod, Zeroable};

use crate::error::{Error, ErrorKind, Result};
use crate::schema::shown;
use crate::schema::text::{check_str, decode_str, write_bytes};

/// The type of a `str[N]` field in a typed record: UTF-8 of at most `N` bytes, padded with zero
/// bytes.
///
/// Ordered by its bytes, which for UTF-8 is the order of the code points.
///
/// ```
/// use drystone::Text;
///
/// let carrier: Text<2> = "UA".parse()?;
/// assert_eq!(carrier, "UA");
/// assert_eq!(carrier.to_str()?, "UA");
/// assert!(Text::<2>::new("UAL").is_err());
/// # Ok::<(), drystone::Error>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Pod, Zeroable)]
#[repr(transparent)]
pub struct Text<const N: usize>([u8; N]);

impl<const N: usize> Text<N> {
    /// The empty text.
    pub const EMPTY: Text<N> = Text([0; N]);

    /// The bytes that mean null in a nullable field: no UTF-8 begins with 0xFF.
    pub(super) const RESERVED: Text<N> = {
        let mut stored = [0; N];
        stored[0] = 0xFF;
        Text(stored)
    };

    /// A text that is known at compile time: `const UNITED: Text<2> = Text::lit("UA");`
    ///
    /// ```
    /// use drystone::Text;
    ///
    /// const UNITED: Text<2> = Text::lit("UA");
    /// assert_eq!(UNITED, "UA");
    /// ```
    ///
    /// ```compile_fail
    /// const TOO_LONG: drystone::Text<2> = drystone::Text::lit("UAL");
    /// ```
    ///
    /// # Panics
    /// If it has more than `N` bytes or contains a NUL character. In a constant that is a compile
    /// error. Use [`new`](Text::new) for texts that are known only at run time.
    pub const fn lit(text: &str) -> Text<N> {
        let (text, mut stored, mut at) = (text.as_bytes(), [0; N], 0);
        assert!(text.len() <= N, "the text has more bytes than its type");
        while at < text.len() {
            assert!(text[at] != 0, "a text holds no NUL character");
            stored[at] = text[at];
            at += 1;
        }
        Text(stored)
    }

    /// This text.
    ///
    /// ```
    /// use drystone::Text;
    ///
    /// assert_eq!(Text::<2>::new("UA")?, "UA");
    /// assert!(Text::<2>::new("UAL").is_err());
    /// # Ok::<(), drystone::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Value`](ErrorKind::Value) if it has more than `N` bytes or contains a NUL character.
    pub fn new(text: &str) -> Result<Text<N>> {
        if let Err(reason) = check_str(text, N) {
            let message = format!("{:?} is not a valid str[{N}]: {reason}", shown(text));
            return Err(Error::new(ErrorKind::Value, message));
        }
        let mut stored = [0; N];
        stored[..text.len()].copy_from_slice(text.as_bytes());
        Ok(Text(stored))
    }

    /// The text without its padding.
    ///
    /// ```
    /// use drystone::Text;
    ///
    /// assert_eq!(Text::<8>::lit("Ada").to_str()?, "Ada");
    /// # Ok::<(), drystone::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Corrupt`](ErrorKind::Corrupt) if the bytes are not UTF-8.
    pub fn to_str(&self) -> Result<&str> {
        decode_str(&self.0).map_err(|reason| {
            Error::new(ErrorKind::Corrupt, format!("the stored bytes are not a valid str[{N}]: {reason}"))
        })
    }

    /// The text, with a � for every sequence of bytes that is not UTF-8.
    ///
    /// ```
    /// use drystone::Text;
    ///
    /// assert_eq!(Text::<8>::lit("Ada").to_string_lossy(), "Ada");
    /// ```
    pub fn to_string_lossy(&self) -> Cow<'_, str> {
        let end = self.0.iter().position(|byte| *byte == 0).unwrap_or(N);
        String::from_utf8_lossy(&self.0[..end])
    }

    /// All bytes, padding included.
    ///
    /// ```
    /// use drystone::Text;
    ///
    /// assert_eq!(Text::<4>::lit("UA").as_bytes(), b"UA\0\0");
    /// ```
    pub const fn as_bytes(&self) -> &[u8; N] {
        &self.0
    }

    /// Whether the text is empty.
    pub fn is_empty(&self) -> bool {
        self.0.first().is_none_or(|first| *first == 0)
    }
}

impl<const N: usize> Default for Text<N> {
    fn default() -> Text<N> {
        Text::EMPTY
    }
}

impl<const N: usize> FromStr for Text<N> {
    type Err = Error;

    fn from_str(text: &str) -> Result<Text<N>> {
        Text::new(text)
    }
}

impl<const N: usize> TryFrom<&str> for Text<N> {
    type Error = Error;

    fn try_from(text: &str) -> Result<Text<N>> {
        Text::new(text)
    }
}

impl<const N: usize> PartialEq<str> for Text<N> {
    fn eq(&self, other: &str) -> bool {
        decode_str(&self.0) == Ok(other)
    }
}

impl<const N: usize> PartialEq<&str> for Text<N> {
    fn eq(&self, other: &&str) -> bool {
        self == *other
    }
}

impl<const N: usize> fmt::Display for Text<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.to_string_lossy())
    }
}

impl<const N: usize> fmt::Debug for Text<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match decode_str(&self.0) {
            Ok(text) => fmt::Debug::fmt(text, f),
            Err(_) => {
                f.write_str("<invalid ")?;
                write_bytes(&self.0, f)?;
                f.write_str(">")
            }
        }
    }
}
