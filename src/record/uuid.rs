//! `Uuid`: 16 bytes, written as hyphenated digits.

use std::fmt;
use std::str::FromStr;

use bytemuck::{Pod, Zeroable};

use crate::error::{Error, ErrorKind, Result};
use crate::schema::shown;
use crate::schema::text::{parse_uuid, write_uuid};

/// The type of a `uuid` field in a typed record: 16 bytes in the order in which they are written,
/// which is also the order of sorting.
///
/// ```
/// use drystone::Uuid;
///
/// let id: Uuid = "67e55044-10b1-426f-9247-bb680e5fe0c8".parse()?;
/// assert_eq!(id.as_bytes()[0], 0x67);
/// assert_eq!(id, "67E5504410B1426F9247BB680E5FE0C8".parse()?);
/// # Ok::<(), drystone::Error>(())
/// ```
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Pod, Zeroable)]
#[repr(transparent)]
pub struct Uuid([u8; 16]);

impl Uuid {
    /// The uuid with these bytes.
    ///
    /// ```
    /// use drystone::Uuid;
    ///
    /// assert_eq!(Uuid::from_bytes([0; 16]).to_string(), "00000000-0000-0000-0000-000000000000");
    /// ```
    pub const fn from_bytes(bytes: [u8; 16]) -> Uuid {
        Uuid(bytes)
    }

    /// The uuid with this number. The most significant digits come first.
    ///
    /// ```
    /// use drystone::Uuid;
    ///
    /// let id = Uuid::from_u128(0x67e55044_10b1_426f_9247_bb680e5fe0c8);
    /// assert_eq!(id.to_string(), "67e55044-10b1-426f-9247-bb680e5fe0c8");
    /// ```
    pub const fn from_u128(number: u128) -> Uuid {
        Uuid(number.to_be_bytes())
    }

    /// The bytes.
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl FromStr for Uuid {
    type Err = Error;

    fn from_str(text: &str) -> Result<Uuid> {
        parse_uuid(text).map(Uuid).ok_or_else(|| {
            let message =
                format!("{:?} is not a valid uuid: 32 hexadecimal digits are expected", shown(text));
            Error::new(ErrorKind::Value, message)
        })
    }
}

impl fmt::Display for Uuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_uuid(&self.0, f)
    }
}

impl fmt::Debug for Uuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
