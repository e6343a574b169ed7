//! Bytes of a file as UTF-8 text, and back to the very bytes. Every supported encoding maps its bytes to text one to
//! one, so a record's original bytes need not be kept beside its text.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use encoding_rs::{Decoder, DecoderResult, Encoding, UTF_16BE, UTF_16LE, WINDOWS_1252};
use xxhash_rust::xxh3::Xxh3;

use crate::CsvError;

const RAW_BYTES: usize = 128 * 1024;

/// How the text of a file is encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TextEncoding {
    Utf8,
    Utf16Le,
    Utf16Be,
    Windows1252,
}

impl TextEncoding {
    /// The encoding that the first bytes name, and the length of the mark. Without a mark it is UTF-8 until a line
    /// proves otherwise.
    pub(super) fn of_mark(head: &[u8]) -> (Self, usize) {
        match head {
            [0xEF, 0xBB, 0xBF, ..] => (Self::Utf8, 3),
            [0xFF, 0xFE, ..] => (Self::Utf16Le, 2),
            [0xFE, 0xFF, ..] => (Self::Utf16Be, 2),
            _ => (Self::Utf8, 0),
        }
    }

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Utf8 => "UTF-8",
            Self::Utf16Le => "UTF-16LE",
            Self::Utf16Be => "UTF-16BE",
            Self::Windows1252 => "windows-1252",
        }
    }

    const fn decoder_of(self) -> Option<&'static Encoding> {
        match self {
            Self::Utf8 => None,
            Self::Utf16Le => Some(UTF_16LE),
            Self::Utf16Be => Some(UTF_16BE),
            Self::Windows1252 => Some(WINDOWS_1252),
        }
    }

    /// The bytes of a record as the file has them. `text` is what [`TextReader`] made of them.
    pub(super) fn original<'a>(self, text: &'a [u8], buffer: &'a mut Vec<u8>) -> &'a [u8] {
        let units = |text: &'a [u8]| std::str::from_utf8(text).unwrap_or("").encode_utf16();
        buffer.clear();
        match self {
            Self::Utf8 => return text,
            Self::Utf16Le => buffer.extend(units(text).flat_map(u16::to_le_bytes)),
            Self::Utf16Be => buffer.extend(units(text).flat_map(u16::to_be_bytes)),
            Self::Windows1252 => {
                buffer.extend_from_slice(&WINDOWS_1252.encode(std::str::from_utf8(text).unwrap_or("")).0);
            }
        }
        buffer
    }
}

/// Reads a file as UTF-8 (which, for a file that claims to be UTF-8, is checked line by line later), and takes the
/// digest of its bytes on the way.
pub(super) struct TextReader {
    file: File,
    digest: Xxh3,
    bytes_done: u64,
    encoding: TextEncoding,
    decoder: Option<Decoder>,
    raw: Vec<u8>,
    raw_start: usize,
    /// The file has no more bytes.
    ended: bool,
    /// The decoder was told so; it must not be asked again.
    finished: bool,
}

impl TextReader {
    /// Opens the file and skips its byte order mark.
    pub(super) fn open(path: &Path, encoding: TextEncoding) -> Result<Self, CsvError> {
        let unreadable = |source| CsvError::Unreadable { path: path.to_owned(), source };
        let file = File::open(path).map_err(unreadable)?;
        let decoder = encoding.decoder_of().map(Encoding::new_decoder_without_bom_handling);
        let mut reader = Self {
            file,
            digest: Xxh3::new(),
            bytes_done: 0,
            encoding,
            decoder,
            raw: Vec::new(),
            raw_start: 0,
            ended: false,
            finished: false,
        };
        reader.fill_raw().map_err(unreadable)?;
        reader.raw_start = TextEncoding::of_mark(&reader.raw).1;
        Ok(reader)
    }

    /// Bytes of the file read so far.
    pub(super) const fn bytes_done(&self) -> u64 {
        self.bytes_done
    }

    /// The digest of the bytes read so far.
    pub(super) fn digest(&self) -> u128 {
        self.digest.digest128()
    }

    /// Appends some text to `out`; `Ok(0)` at the end.
    pub(super) fn read_into(&mut self, path: &Path, out: &mut Vec<u8>) -> Result<usize, CsvError> {
        let unreadable = |source| CsvError::Unreadable { path: path.to_owned(), source };
        loop {
            if self.raw_start == self.raw.len() && !self.ended {
                self.fill_raw().map_err(unreadable)?;
            }
            let raw = &self.raw[self.raw_start..];
            let Some(decoder) = &mut self.decoder else {
                out.extend_from_slice(raw);
                let count = raw.len();
                self.raw_start = self.raw.len();
                return Ok(count);
            };
            if self.finished {
                return Ok(0);
            }
            let before = out.len();
            let room = decoder.max_utf8_buffer_length_without_replacement(raw.len()).unwrap_or(RAW_BYTES * 4);
            out.resize(before + room, 0);
            let (result, read, written) =
                decoder.decode_to_utf8_without_replacement(raw, &mut out[before..], self.ended);
            out.truncate(before + written);
            self.raw_start += read;
            if let DecoderResult::Malformed(..) = result {
                let offset = self.bytes_done - (self.raw.len() - self.raw_start) as u64;
                return Err(CsvError::Encoding { encoding: self.encoding.name(), offset });
            }
            self.finished = self.ended && self.raw_start == self.raw.len();
            if written > 0 || self.finished {
                return Ok(written);
            }
        }
    }

    fn fill_raw(&mut self) -> io::Result<()> {
        self.raw.resize(RAW_BYTES, 0);
        self.raw_start = 0;
        let mut filled = 0;
        while filled < RAW_BYTES && !self.ended {
            match self.file.read(&mut self.raw[filled..]) {
                Ok(0) => self.ended = true,
                Ok(count) => filled += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => (),
                Err(error) => return Err(error),
            }
        }
        self.raw.truncate(filled);
        self.digest.update(&self.raw);
        self.bytes_done += filled as u64;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_of_windows_1252_comes_back() {
        let bytes: Vec<u8> = (0..=255).collect();
        let (text, _) = WINDOWS_1252.decode_without_bom_handling(&bytes);
        let mut buffer = Vec::new();
        assert_eq!(TextEncoding::Windows1252.original(text.as_bytes(), &mut buffer), bytes);
    }

    #[test]
    fn utf_16_is_read_and_comes_back_and_damage_is_refused() {
        let text = "день\t€ 💶\n";
        for (encoding, mark) in [(TextEncoding::Utf16Le, [0xFF, 0xFE]), (TextEncoding::Utf16Be, [0xFE, 0xFF])]
        {
            let mut buffer = Vec::new();
            let body = encoding.original(text.as_bytes(), &mut buffer).to_vec();
            let file = tempfile::NamedTempFile::new().unwrap();
            std::fs::write(file.path(), [&mark[..], &body].concat()).unwrap();
            let read = |path: &Path| {
                let (mut reader, mut out) = (TextReader::open(path, encoding)?, Vec::new());
                while reader.read_into(path, &mut out)? > 0 {}
                Ok::<_, CsvError>(out)
            };
            assert_eq!(read(file.path()).unwrap(), text.as_bytes());
            std::fs::write(file.path(), [&mark[..], &body, &[0]].concat()).unwrap();
            assert!(matches!(read(file.path()), Err(CsvError::Encoding { .. })));
        }
    }
}
