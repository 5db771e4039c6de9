//! The bytes of a patch, in blocks that have checksums and numbers. A patch that is cut off, or in
//! which anything is changed, moved or missing, is an error before its content is used.

use std::io::{ErrorKind as IoKind, Read};
use std::path::Path;
use std::sync::Arc;

use crate::database::cannot_make;
use crate::error::{Error, Result, bail};
use crate::page::checksum;
use crate::storage::{NewFile, Storage, read_stream};

const MAGIC: [u8; 8] = *b"drypatch";
const VERSION: u32 = 1;
/// Magic, version, zeros.
const HEAD_BYTES: usize = 16;
/// A block has at most this many bytes of content.
const BLOCK_BYTES: usize = 256 << 10;
/// The file grows by this much at a time.
const GROWTH: u64 = 8 << 20;
/// A text in a patch has at most this many bytes. Schemas have names of enumerations.
const TEXT_LIMIT: usize = 64 << 20;

/// The checksum of a block: of its number, then of its content.
fn sum(number: u64, content: &[u8]) -> u32 {
    checksum(&[&checksum(content).to_le_bytes()[..], &number.to_le_bytes()].concat())
}

/// Writes a patch to a file that gets its name when it is whole.
pub(super) struct PatchWriter<'p> {
    path: &'p Path,
    file: Arc<NewFile>,
    len: u64,
    reserved: u64,
    block: Vec<u8>,
    blocks: u64,
}

impl<'p> PatchWriter<'p> {
    pub(super) fn new(path: &'p Path, mode: u32) -> Result<PatchWriter<'p>> {
        let file = Arc::new(NewFile::new(path, mode).map_err(|error| cannot_make(path, error))?);
        let (len, reserved, block, blocks) = (0, 0, Vec::with_capacity(BLOCK_BYTES), 0);
        let mut writer = PatchWriter { path, file, len, reserved, block, blocks };
        writer.append(&[&MAGIC[..], &VERSION.to_le_bytes(), &[0; 4]].concat())?;
        Ok(writer)
    }

    pub(super) fn bytes(&mut self, mut bytes: &[u8]) -> Result<()> {
        while !bytes.is_empty() {
            let room = BLOCK_BYTES - self.block.len();
            let (now, later) = bytes.split_at(room.min(bytes.len()));
            self.block.extend_from_slice(now);
            bytes = later;
            if self.block.len() == BLOCK_BYTES {
                self.end_block()?;
            }
        }
        Ok(())
    }

    pub(super) fn byte(&mut self, byte: u8) -> Result<()> {
        self.bytes(&[byte])
    }

    pub(super) fn u32(&mut self, number: u32) -> Result<()> {
        self.bytes(&number.to_le_bytes())
    }

    pub(super) fn u64(&mut self, number: u64) -> Result<()> {
        self.bytes(&number.to_le_bytes())
    }

    pub(super) fn text(&mut self, text: &str) -> Result<()> {
        self.u32(text.len() as u32)?;
        self.bytes(text.as_bytes())
    }

    /// Writes the last block, makes the file durable and gives it its name. Returns its length.
    pub(super) fn finish(mut self) -> Result<u64> {
        if !self.block.is_empty() {
            self.end_block()?;
        }
        // The end: a block without content.
        self.end_block()?;
        let failed = |error| cannot_make(self.path, error);
        self.file.shrink(self.len).map_err(failed)?;
        let Some(file) = Arc::into_inner(self.file) else { bail!(Usage, "the patch is still in use") };
        file.keep().map_err(failed)?;
        Ok(self.len)
    }

    fn end_block(&mut self) -> Result<()> {
        let content = std::mem::take(&mut self.block);
        let head = [(content.len() as u32).to_le_bytes(), sum(self.blocks, &content).to_le_bytes()];
        self.append(&head.concat())?;
        self.append(&content)?;
        self.blocks += 1;
        self.block = content;
        self.block.clear();
        Ok(())
    }

    fn append(&mut self, bytes: &[u8]) -> Result<()> {
        let failed = |error| cannot_make(self.path, error);
        let end = self.len + bytes.len() as u64;
        if end > self.reserved {
            self.reserved = end + GROWTH;
            self.file.grow(self.reserved).map_err(failed)?;
        }
        self.file.write_at(self.len, bytes).map_err(failed)?;
        self.len = end;
        Ok(())
    }
}

/// Reads a patch, block by block. What it returns has matched its checksum.
pub(super) struct PatchReader {
    path: String,
    file: Box<dyn Read>,
    block: Vec<u8>,
    /// Where the next byte of the block is.
    at: usize,
    blocks: u64,
    ended: bool,
}

impl PatchReader {
    pub(super) fn open(path: &Path) -> Result<PatchReader> {
        let shown = format!("{path:?}");
        let file =
            read_stream(path).map_err(|error| Error::io(format!("cannot open the patch {shown}"), error))?;
        let (file, block) = (Box::new(file), Vec::new());
        let mut reader = PatchReader { path: shown, file, block, at: 0, blocks: 0, ended: false };
        let mut head = [0; HEAD_BYTES];
        reader.fill(&mut head).map_err(|error| match error.io_error() {
            Some(_) => error,
            None => Error::new(crate::error::ErrorKind::Input, format!("{} is no patch", reader.path)),
        })?;
        if head[..8] != MAGIC {
            bail!(Input, "{} is no patch: it does not begin as one", reader.path);
        }
        match u32::from_le_bytes([head[8], head[9], head[10], head[11]]) {
            VERSION if head[12..] == [0; 4] => Ok(reader),
            VERSION => Err(reader.damaged("its head has bytes that nothing writes")),
            version => bail!(
                FutureFormat,
                "{} has version {version} of the format of patches; this program knows version {VERSION}",
                reader.path
            ),
        }
    }

    /// An error of what the patch says.
    pub(super) fn damaged(&self, why: &str) -> Error {
        let message = format!("the patch {} is damaged: {why}", self.path);
        Error::new(crate::error::ErrorKind::Corrupt, message)
    }

    /// Fills all of `into` from the file.
    fn fill(&mut self, into: &mut [u8]) -> Result<()> {
        match self.file.read_exact(into) {
            Err(error) if error.kind() == IoKind::UnexpectedEof => Err(self.damaged("it is cut off")),
            read => read.map_err(|error| Error::io(format!("cannot read the patch {}", self.path), error)),
        }
    }

    fn next_block(&mut self) -> Result<()> {
        if self.ended {
            return Err(self.damaged("its content ends too early"));
        }
        let mut head = [0; 8];
        self.fill(&mut head)?;
        let [a, b, c, d, sum_bytes @ ..] = head;
        let length = u32::from_le_bytes([a, b, c, d]) as usize;
        if length > BLOCK_BYTES {
            return Err(self.damaged("a block of it is too long"));
        }
        let mut block = std::mem::take(&mut self.block);
        block.resize(length, 0);
        self.fill(&mut block)?;
        if sum(self.blocks, &block) != u32::from_le_bytes(sum_bytes) {
            return Err(self.damaged(&format!("block {} does not match its checksum", self.blocks)));
        }
        (self.block, self.at, self.ended) = (block, 0, length == 0);
        self.blocks += 1;
        Ok(())
    }

    /// The next bytes, at least one and at most this many.
    fn some(&mut self, most: usize) -> Result<&[u8]> {
        while self.at == self.block.len() {
            self.next_block()?;
            if self.ended {
                return Err(self.damaged("its content ends too early"));
            }
        }
        let start = self.at;
        self.at += most.min(self.block.len() - start);
        Ok(&self.block[start..self.at])
    }

    pub(super) fn bytes(&mut self, into: &mut [u8]) -> Result<()> {
        let mut filled = 0;
        while filled < into.len() {
            let some = self.some(into.len() - filled)?;
            into[filled..filled + some.len()].copy_from_slice(some);
            filled += some.len();
        }
        Ok(())
    }

    pub(super) fn skip(&mut self, mut bytes: u64) -> Result<()> {
        while bytes > 0 {
            bytes -= self.some(usize::try_from(bytes).unwrap_or(usize::MAX))?.len() as u64;
        }
        Ok(())
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        let mut array = [0; N];
        self.bytes(&mut array)?;
        Ok(array)
    }

    pub(super) fn byte(&mut self) -> Result<u8> {
        self.array().map(|[byte]| byte)
    }

    pub(super) fn u32(&mut self) -> Result<u32> {
        self.array().map(u32::from_le_bytes)
    }

    pub(super) fn u64(&mut self) -> Result<u64> {
        self.array().map(u64::from_le_bytes)
    }

    pub(super) fn identity(&mut self) -> Result<[u8; 16]> {
        self.array()
    }

    pub(super) fn text(&mut self) -> Result<String> {
        let length = self.u32()? as usize;
        if length > TEXT_LIMIT {
            return Err(self.damaged("a text in it is too long"));
        }
        let mut text = Vec::new();
        while text.len() < length {
            let some = self.some(length - text.len())?.to_vec();
            text.extend(some);
        }
        String::from_utf8(text).map_err(|_| self.damaged("a text in it is not UTF-8"))
    }

    /// An error unless the patch ends here.
    pub(super) fn end(mut self) -> Result<()> {
        if !self.ended && self.at == self.block.len() {
            self.next_block()?;
        }
        if !self.ended {
            return Err(self.damaged("it has more content than it says"));
        }
        let mut more = [0];
        match self.file.read(&mut more) {
            Ok(0) => Ok(()),
            Ok(_) => Err(self.damaged("there are bytes behind its end")),
            Err(error) => Err(Error::io(format!("cannot read the patch {}", self.path), error)),
        }
    }
}
