//! Cuts text into blocks of whole lines, so that several threads can parse them.

use std::io::{self, Read};

/// Bytes of a block: enough work for a thread that handing it over costs nothing.
pub(super) const BLOCK_BYTES: usize = 1 << 20;

/// What is cut off an input.
pub(super) enum Cut<B> {
    /// Whole lines.
    Block(B),
    /// What comes before the input fails, or before a line that is too long, and that error. The
    /// caller reads it.
    Failing(B),
}

/// The blocks of an input, one at a time.
pub(super) type Cuts<B> = Box<dyn FnMut() -> Option<Cut<B>> + Send>;

/// Text, and what comes behind it, as an input.
pub(super) struct Ending {
    text: io::Cursor<Vec<u8>>,
    behind: Behind,
}

enum Behind {
    Nothing,
    /// The rest of a line that is too long.
    More,
    Error(io::Error),
}

/// The blocks of an input of lines.
struct Blocks<R, F> {
    input: R,
    /// Bytes that belong to the next block.
    rest: Vec<u8>,
    is_over: bool,
    whole_lines: F,
    block_bytes: usize,
    /// The bytes of the longest line.
    line_bytes: usize,
}

/// Cuts `rest` and what comes after it. `whole_lines` tells how many bytes at the beginning of a
/// text, which more bytes follow, are certainly whole lines; it returns the text as well.
pub(super) fn cut<R: Read + Send + 'static>(
    (input, rest): (R, Vec<u8>),
    block_bytes: usize,
    line_bytes: usize,
    whole_lines: impl Fn(Vec<u8>) -> (Vec<u8>, usize) + Send + 'static,
) -> Cuts<Ending> {
    let mut blocks = Blocks { input, rest, is_over: false, whole_lines, block_bytes, line_bytes };
    Box::new(move || blocks.next())
}

impl<R: Read, F: Fn(Vec<u8>) -> (Vec<u8>, usize)> Blocks<R, F> {
    /// The next block; `None` at the end.
    fn next(&mut self) -> Option<Cut<Ending>> {
        if self.is_over {
            return None;
        }
        let mut block = std::mem::take(&mut self.rest);
        let mut wanted = self.block_bytes;
        loop {
            let missing = wanted.saturating_sub(block.len());
            block.reserve_exact(missing);
            match self.input.by_ref().take(missing as u64).read_to_end(&mut block) {
                Ok(read) if read == missing => {}
                Ok(_) => {
                    self.is_over = true;
                    return (!block.is_empty()).then(|| Cut::Block(Ending::of(block)));
                }
                // What was read before stays in the block.
                Err(error) => return Some(self.last(block, Behind::Error(error))),
            }
            let end;
            (block, end) = (self.whole_lines)(block);
            if end > 0 {
                self.rest = block.split_off(end);
                return Some(Cut::Block(Ending::of(block)));
            }
            if block.len() > self.line_bytes {
                return Some(self.last(block, Behind::More));
            }
            wanted = 2 * block.len();
        }
    }

    fn last(&mut self, text: Vec<u8>, behind: Behind) -> Cut<Ending> {
        self.is_over = true;
        Cut::Failing(Ending { text: io::Cursor::new(text), behind })
    }
}

impl Ending {
    /// This text alone.
    pub(super) fn of(text: Vec<u8>) -> Ending {
        Ending { text: io::Cursor::new(text), behind: Behind::Nothing }
    }

    /// The text, and what comes behind it.
    pub(super) fn split(self) -> (Vec<u8>, Ending) {
        (self.text.into_inner(), Ending { text: io::Cursor::default(), behind: self.behind })
    }

    /// Whether nothing comes behind the text.
    #[cfg(feature = "csv")]
    pub(super) fn is_whole(&self) -> bool {
        matches!(self.behind, Behind::Nothing)
    }

    /// How much of it was read.
    #[cfg(feature = "json")]
    pub(super) fn position(&self) -> usize {
        self.text.position() as usize
    }

    /// The error behind the text, if there is one. It comes again each time.
    fn end(&self) -> io::Result<()> {
        match &self.behind {
            Behind::Nothing => Ok(()),
            Behind::More => Err(io::Error::other("it goes on behind a line that is too long")),
            Behind::Error(error) => Err(io::Error::new(error.kind(), error.to_string())),
        }
    }
}

impl io::BufRead for Ending {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.text.position() as usize == self.text.get_ref().len() {
            self.end()?;
        }
        self.text.fill_buf()
    }

    fn consume(&mut self, bytes: usize) {
        self.text.consume(bytes);
    }
}

impl Read for Ending {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match self.text.read(into) {
            Ok(0) if !into.is_empty() => self.end().map(|()| 0),
            read => read,
        }
    }
}
