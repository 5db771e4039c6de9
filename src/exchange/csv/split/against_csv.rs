//! Splitting compared with the `csv` crate, which splits the same way if the quotes are correct.

use proptest::prelude::*;

use super::*;

const COMMAS: Shape = Shape::Exact(b',');

/// An input that returns a few bytes at a time, and is interrupted in between.
struct Dripping<'t> {
    text: &'t [u8],
    calls: usize,
}

impl Read for Dripping<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        self.calls += 1;
        if self.calls.is_multiple_of(3) {
            return Err(io::ErrorKind::Interrupted.into());
        }
        let (now, rest) = self.text.split_at(self.text.len().min(out.len()).min(2));
        self.text = rest;
        out[..now.len()].copy_from_slice(now);
        Ok(now.len())
    }
}

/// The lines, each with its number and its fields; no fields if the quotes are wrong.
fn split(mut lines: Lines<impl Read>) -> Vec<(u64, Vec<String>)> {
    let mut all = Vec::new();
    while lines.advance().unwrap() {
        let fields = if lines.line.problem.is_some() { 0 } else { lines.len() };
        let text = |at| String::from_utf8_lossy(lines.bytes(at)).into_owned();
        all.push((lines.number(), (0..fields).map(text).collect()));
    }
    all
}

fn split_text(text: &str) -> Vec<(u64, Vec<String>)> {
    split(Lines::new(text.as_bytes(), "a test", COMMAS).unwrap())
}

proptest! {
    #[test]
    fn a_plain_field_ends_at_its_first_delimiter_or_break(
        bytes in proptest::collection::vec(
            prop_oneof![any::<u8>(), proptest::sample::select(vec![b',' - 1, b',', b',' ^ 0x80, b'\n', b'\r', 0xFF])], 0..40,
        ),
        delimiter in 1_u8..128,
    ) {
        let is_end = |byte: &u8| *byte == delimiter || matches!(byte, b'\n' | b'\r');
        let end = bytes.iter().position(is_end).unwrap_or(bytes.len());
        prop_assert_eq!(plain_length(&bytes, delimiter), end);
    }

    #[test]
    fn splits_like_the_csv_crate(text in "[ab\u{e9},\"\n\r]{0,60}") {
        let mut reader =
            csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(text.as_bytes());
        let expected: Vec<_> = reader.records().map(Result::unwrap).collect();
        let found = split_text(&text);
        prop_assert_eq!(found.len(), expected.len());
        for ((_, found), expected) in found.iter().zip(&expected) {
            prop_assert!(found.is_empty() || expected == found, "{:?} is not {:?}", found, expected);
        }
    }

    #[test]
    fn splits_the_same_however_the_input_comes(text in "[ab,\"\n\r]{0,60}", window in 4_usize..20) {
        let dripping = Dripping { text: text.as_bytes(), calls: 0 };
        let lines = Lines::with_window(dripping, "a test", COMMAS, window).unwrap();
        prop_assert_eq!(split(lines), split_text(&text));
    }

    #[test]
    fn numbers_are_those_of_the_lines_in_the_file(text in "[a,\"\n]{0,60}") {
        for (number, fields) in split_text(&text) {
            if let Some(first) = fields.first().filter(|first| !first.is_empty()) {
                let line = text.lines().nth(number as usize - 1).unwrap();
                prop_assert!(line.trim_start_matches('"').starts_with(&first[..1]) || first.starts_with(['\n', '"']));
            }
        }
    }
}

#[test]
fn lines_are_numbered_under_every_line_break() {
    for line_break in ["\n", "\r\n", "\r"] {
        let text = "a,b\n\n1,\"x\ny\"\n\n\n2,z".replace('\n', line_break);
        let numbers: Vec<u64> = split_text(&text).into_iter().map(|(number, _)| number).collect();
        assert_eq!(numbers, [1, 3, 7], "{text:?}");
    }
}

#[test]
fn a_quote_that_is_never_closed_is_told_from_one_that_is() {
    let problem = |text: &str| {
        let mut lines = Lines::new(text.as_bytes(), "a test", COMMAS).unwrap();
        assert!(lines.advance().unwrap());
        lines.texts(lines.len()).err().map(|(field, problem)| (field.unwrap(), problem.into_owned()))
    };
    assert_eq!(problem("a,\"b\""), None);
    assert_eq!(problem("a,\"b\"\"\""), None);
    assert_eq!(problem("a,5\" pipe"), None);
    assert_eq!(problem("a,\"b\n\n"), Some((1, "the quote that opens here is never closed".into())));
    assert!(problem("a,\"b\"c,d").unwrap().1.starts_with("text follows the closing quote"));
}

#[test]
fn an_endless_line_is_an_error_and_takes_bounded_memory() {
    let mut lines = Lines::new(io::repeat(b'"'), "a test", COMMAS).unwrap();
    let error = lines.advance().unwrap_err();
    assert_eq!(error.to_string(), "line 1 of a test: the line is over 16 MiB long; is a quote left open?");
    assert!(lines.window.capacity() <= 2 * LINE_BYTES);
}
