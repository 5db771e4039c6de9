//! The elements of an array of JSON, and objects that go over several lines, one at a time. It only
//! finds where each ends; the parser of a line reads them.

use std::io::{self, BufRead};

/// The longest line or element. A record has at most 65,535 bytes.
pub(super) const LINE_BYTES: u64 = 64 << 20;

/// Where the reading of an array, or of objects one after the other, stands.
pub(super) struct Elements {
    is_array: bool,
    /// What was read before it was known what the input consists of, and how much of it was taken.
    first: Vec<u8>,
    taken: usize,
    /// Whether the bracket of the array was read, and an element.
    is_open: bool,
    has_begun: bool,
    is_over: bool,
    /// The line that is being read, and the one in which the current element begins.
    line: u64,
    start_line: u64,
}

/// Why there is no next element.
pub(super) enum ElementProblem {
    Unread(io::Error),
    Wrong(String),
}

impl From<io::Error> for ElementProblem {
    fn from(error: io::Error) -> ElementProblem {
        ElementProblem::Unread(error)
    }
}

fn wrong<T>(reason: &str) -> Result<T, ElementProblem> {
    Err(ElementProblem::Wrong(reason.into()))
}

/// Finds the end of a value.
#[derive(Default)]
struct Scanner {
    depth: usize,
    in_text: bool,
    is_escaped: bool,
}

impl Scanner {
    /// Takes the next byte of a value that is an object, a list or a text. Returns whether the
    /// value ends with it.
    #[inline]
    fn ends(&mut self, byte: u8) -> bool {
        if self.in_text {
            match byte {
                _ if self.is_escaped => self.is_escaped = false,
                b'\\' => self.is_escaped = true,
                b'"' => self.in_text = false,
                _ => {}
            }
            return self.depth == 0 && !self.in_text;
        }
        match byte {
            b'"' => self.in_text = true,
            b'{' | b'[' => self.depth += 1,
            b'}' | b']' => {
                self.depth = self.depth.saturating_sub(1);
                return self.depth == 0;
            }
            _ => {}
        }
        false
    }
}

impl Elements {
    /// The elements of an array that begins in this line. Its bracket is read next.
    pub(super) fn array(line: u64) -> Elements {
        Elements {
            is_array: true,
            first: Vec::new(),
            taken: 0,
            is_open: false,
            has_begun: false,
            is_over: false,
            line,
            start_line: line,
        }
    }

    /// The objects of an input whose first line is this. `None` if each is on a line of its own.
    pub(super) fn objects(first: &[u8], line: u64) -> Option<Elements> {
        let mut scanner = Scanner::default();
        let is_open = first.first() == Some(&b'{') && !first.iter().any(|byte| scanner.ends(*byte));
        is_open.then(|| Elements { is_array: false, first: first.to_vec(), ..Elements::array(line) })
    }

    /// The line in which the current element begins.
    pub(super) fn start_line(&self) -> u64 {
        self.start_line
    }

    /// Reads the next element. Returns `false` at the end.
    pub(super) fn next(
        &mut self,
        input: &mut impl BufRead,
        out: &mut Vec<u8>,
    ) -> Result<bool, ElementProblem> {
        if self.is_over {
            return Ok(false);
        }
        let mut next = self.skip_blanks(input)?;
        self.start_line = self.line;
        if self.is_array
            && !self.has_begun
            && next == Some(b'[')
            && !std::mem::replace(&mut self.is_open, true)
        {
            self.take(input, 1);
            next = self.skip_blanks(input)?;
            self.start_line = self.line;
        }
        if self.is_array {
            match next {
                Some(b']') => {
                    self.take(input, 1);
                    self.is_over = true;
                    return match self.skip_blanks(input)? {
                        None => Ok(false),
                        Some(_) => wrong("there is text after the end of the array"),
                    };
                }
                Some(b',') if self.has_begun => {
                    self.take(input, 1);
                    next = self.skip_blanks(input)?;
                    self.start_line = self.line;
                }
                Some(_) if self.has_begun => {
                    self.is_over = true;
                    return wrong("a comma, or the end of the array, is expected");
                }
                _ => {}
            }
        }
        let Some(next) = next else {
            self.is_over = true;
            return if self.is_array {
                wrong("the array is never closed; it was cut off")
            } else {
                Ok(false)
            };
        };
        self.has_begun = true;
        let done = if matches!(next, b'{' | b'[' | b'"') {
            let mut scanner = Scanner::default();
            self.take_until(input, out, |byte| scanner.ends(byte), true)?
        } else {
            // A number or a word.
            let is_end = |byte: u8| matches!(byte, b',' | b']' | b'}') || byte.is_ascii_whitespace();
            self.take_until(input, out, is_end, false)? || !out.is_empty()
        };
        if done && !out.is_empty() {
            return Ok(true);
        }
        self.is_over = true;
        wrong(if out.is_empty() { "a value is expected" } else { "it is never closed; it was cut off" })
    }

    /// Appends bytes up to one for which `is_end` is true, and that one too if `with_end`. Returns
    /// `false` if the input ends before.
    fn take_until(
        &mut self,
        input: &mut impl BufRead,
        out: &mut Vec<u8>,
        mut is_end: impl FnMut(u8) -> bool,
        with_end: bool,
    ) -> Result<bool, ElementProblem> {
        loop {
            let bytes = self.fill(input)?;
            if bytes.is_empty() {
                return Ok(false);
            }
            let end = bytes.iter().position(|byte| is_end(*byte));
            let length = end.map_or(bytes.len(), |end| end + usize::from(with_end));
            out.extend_from_slice(&bytes[..length]);
            self.take(input, length);
            if end.is_some() {
                return Ok(true);
            }
            if out.len() as u64 > LINE_BYTES {
                self.is_over = true;
                return wrong(&format!("longer than {} MiB", LINE_BYTES >> 20));
            }
        }
    }

    /// The next byte that is no white space, which is not taken.
    fn skip_blanks(&mut self, input: &mut impl BufRead) -> Result<Option<u8>, ElementProblem> {
        loop {
            let bytes = self.fill(input)?;
            if bytes.is_empty() {
                return Ok(None);
            }
            let blanks = bytes.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
            let next = bytes.get(blanks).copied();
            self.take(input, blanks);
            if next.is_some() {
                return Ok(next);
            }
        }
    }

    /// The next bytes, as many as are there; none at the end.
    fn fill<'b>(&'b self, input: &'b mut impl BufRead) -> Result<&'b [u8], ElementProblem> {
        if self.taken < self.first.len() {
            return Ok(&self.first[self.taken..]);
        }
        loop {
            match input.fill_buf() {
                Ok([]) => return Ok(&[]),
                Ok(_) => break,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
        // The buffer is full now, so this does not read.
        Ok(input.fill_buf()?)
    }

    /// Takes bytes of those that `fill` gave.
    fn take(&mut self, input: &mut impl BufRead, length: usize) {
        if self.taken < self.first.len() {
            self.line += line_breaks(&self.first[self.taken..self.taken + length]);
            self.taken += length;
            if self.taken == self.first.len() {
                (self.first, self.taken) = (Vec::new(), 0);
            }
        } else {
            self.line += input.fill_buf().map_or(0, |bytes| line_breaks(&bytes[..length]));
            input.consume(length);
        }
    }
}

fn line_breaks(bytes: &[u8]) -> u64 {
    bytes.iter().filter(|byte| **byte == b'\n').count() as u64
}
