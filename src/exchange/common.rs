//! The settings that the `Options` of all formats have in common, and the methods that set them.

use crate::schema::TextRules;

/// What can be set for every format.
#[derive(Clone, Debug)]
pub(super) struct Common {
    /// The name of the input in messages.
    pub(super) name: Box<str>,
    pub(super) ignore_unknown: bool,
    #[cfg(any(feature = "arrow", feature = "csv", feature = "json"))]
    pub(super) enums: bool,
    /// Other names for columns: the name in the input, then the name of the field.
    pub(super) renames: Vec<(Box<str>, Box<str>)>,
    /// How many rows inference looks at, if not at all.
    #[cfg(any(feature = "arrow", feature = "csv", feature = "json"))]
    pub(super) sample: Option<u64>,
    pub(super) rules: TextRules,
}

impl Common {
    pub(super) fn new(name: &str) -> Common {
        Common {
            name: name.into(),
            ignore_unknown: false,
            #[cfg(any(feature = "arrow", feature = "csv", feature = "json"))]
            enums: false,
            renames: Vec::new(),
            #[cfg(any(feature = "arrow", feature = "csv", feature = "json"))]
            sample: None,
            rules: TextRules::EXACT,
        }
    }

    /// Whether inference has looked at enough rows.
    #[cfg(any(feature = "csv", feature = "json"))]
    pub(super) fn is_enough(&self, rows: u64) -> bool {
        self.sample.is_some_and(|sample| rows >= sample)
    }
}

/// The methods of `Options` that are the same for every format.
macro_rules! common_options {
    () => {
        /// Takes the column that the input calls `old` for the field `new`. May be called for each
        /// column. A name that was made for a column, as it had none, counts as its name.
        pub fn rename(mut self, old: impl Into<Box<str>>, new: impl Into<Box<str>>) -> Options {
            self.common.renames.push((old.into(), new.into()));
            self
        }

        /// Whether numbers may be rounded: to the nearest `f32` in a field of that type, and whole
        /// numbers and decimals to the nearest float. Timestamps then lose what is beyond
        /// microseconds. Otherwise a number or a timestamp that its field does not keep is an
        /// error. An `f32` keeps a number if it shows the same digits.
        pub fn round(mut self, round: bool) -> Options {
            self.common.rules.round = round;
            self
        }

        /// What numbers in fields of timestamps count since 1970. Without this, numbers are an
        /// error there.
        pub fn timestamp_unit(mut self, unit: $crate::TimestampUnit) -> Options {
            self.common.rules.unit = Some(unit);
            self
        }
    };
}

/// How many rows inference looks at. NumPy's files need no such limit.
#[cfg(any(feature = "arrow", feature = "csv", feature = "json"))]
macro_rules! sample_option {
    () => {
        /// Lets inference look at this many rows only, for inputs that are too long to be read
        /// twice. The notes of the result say what it has not seen. A later value that does not
        /// fit is an error when it is loaded, and never stored otherwise.
        pub fn sample(mut self, rows: u64) -> Options {
            self.common.sample = Some(rows);
            self
        }
    };
}

pub(super) use common_options;
#[cfg(any(feature = "arrow", feature = "csv", feature = "json"))]
pub(super) use sample_option;
