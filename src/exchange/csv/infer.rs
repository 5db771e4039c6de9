//! Infers the narrowest type for each column of a CSV. `Options::infer` calls it.

use std::io::Read;
use std::sync::Arc;

use super::beginning::{Beginning, LIKE_ROW};
use super::split::{Lines, NOT_UTF8, Problem};
use super::{Options, bad_line};
use crate::error::{Result, bail};
use crate::exchange::inferred::{Column, Inferred};
use crate::exchange::parallel_counts::{Counts, count};
use crate::exchange::tally::{Choice, Tally};
use crate::exchange::text_blocks::Ending;
use crate::schema::{FieldDef, Schema, Type};

/// The narrowest types for a CSV, by the rules of [`Options::infer`].
pub(super) fn infer<R: Read>(options: &Options, input: R) -> Result<Inferred> {
    let (mut lines, beginning) = options.open(input, None)?;
    let mut counts = ColumnCounts::new(options, &mut lines, &beginning);
    let is_sample = counts.add_lines(&mut lines)?;
    let inferred = choose(options, counts, beginning)?;
    Ok(if is_sample { inferred.of_sample() } else { inferred })
}

/// The same, with blocks of this many bytes read by this many threads.
pub(super) fn infer_on_threads<R: Read + Send + 'static>(
    options: &Options,
    input: R,
    threads: usize,
    block_bytes: usize,
) -> Result<Inferred> {
    if options.common.sample.is_some() {
        return infer(options, input);
    }
    let (mut lines, beginning) = options.open(input, None)?;
    let nothing = ColumnCounts::new(options, &mut lines, &beginning);
    let before = lines.next_number() - 1;
    choose(options, count(nothing, lines.into_blocks(block_bytes), before, threads)?, beginning)
}

/// What was seen of the columns.
#[derive(Clone)]
struct ColumnCounts {
    /// How lines are split and read.
    how: Arc<(Options, Lines<Ending>)>,
    tallies: Vec<Tally>,
    rows: u64,
    bad_lines: u64,
    /// Blank lines between others, and at the end.
    blank_between: u64,
    blank_last: u64,
}

impl ColumnCounts {
    fn new<R>(options: &Options, lines: &mut Lines<R>, beginning: &Beginning) -> ColumnCounts {
        let (common, columns) = (&options.common, beginning.columns.names.len());
        lines.keep_blank = columns == 1;
        let tallies = vec![Tally::new(common.enums, &common.rules); columns];
        let how = Arc::new((options.clone(), lines.alike(Ending::of(Vec::new()), 1)));
        ColumnCounts { how, tallies, rows: 0, bad_lines: 0, blank_between: 0, blank_last: 0 }
    }

    /// Counts what comes next, up to the end or to the size of a sample. Returns whether that was
    /// reached.
    fn add_lines<R: Read>(&mut self, lines: &mut Lines<R>) -> Result<bool> {
        let how = Arc::clone(&self.how);
        let options = &how.0;
        while lines.advance()? {
            if options.common.is_enough(self.rows) {
                return Ok(true);
            }
            if lines.raw().is_empty() {
                self.blank_last += 1;
                continue;
            }
            self.blank_between += std::mem::take(&mut self.blank_last);
            match tally_line(options, lines, &mut self.tallies) {
                Ok(()) => self.rows += 1,
                Err(_) if options.skip_bad => self.bad_lines += 1,
                Err(problem) => return Err(bad_line(lines, &problem)),
            }
        }
        Ok(false)
    }
}

impl Counts for ColumnCounts {
    type Block = Ending;

    const THREADS: &str = "csv inference";

    fn add_block(&mut self, block: Ending, first: u64) -> (Result<u64>, Ending) {
        let mut lines = self.how.1.alike(block, first);
        let counted = self.add_lines(&mut lines).map(|_| lines.next_number() - first);
        (counted, Ending::of(lines.into_block()))
    }

    fn fits(&self, _: &ColumnCounts) -> bool {
        true
    }

    fn add(&mut self, later: ColumnCounts, before: u64) {
        for (tally, later) in self.tallies.iter_mut().zip(later.tallies) {
            tally.merge(later, before);
        }
        if later.rows + later.bad_lines > 0 {
            self.blank_between += std::mem::take(&mut self.blank_last) + later.blank_between;
        }
        self.blank_last += later.blank_last;
        self.rows += later.rows;
        self.bad_lines += later.bad_lines;
    }
}

/// The narrowest types for what was seen.
fn choose(options: &Options, counts: ColumnCounts, beginning: Beginning) -> Result<Inferred> {
    let ColumnCounts { mut tallies, mut rows, bad_lines, blank_between, blank_last, .. } = counts;
    let Beginning { columns, is_like_row, ends_unnamed, .. } = beginning;
    let (common, names) = (&options.common, &columns.names);
    // As in the reader: if the only field is nullable, a blank line is a missing value. Blank lines
    // at the end make it nullable only if that is how a missing text is written.
    if let [only] = &mut tallies[..] {
        only.missing += blank_between;
        rows += blank_between;
        let is_missing = |column: Column| {
            column.is_nullable() || matches!(column.field().ty(), Type::Str(_) | Type::Enum(_))
        };
        if rows == 0 || column_of(&names[0], only).is_ok_and(is_missing) {
            only.missing += blank_last;
            rows += blank_last;
        }
    }
    if rows == 0 {
        bail!(Input, "{} has no rows to infer the types of its columns from; give a schema", common.name);
    }
    let mut notes = columns.notes;
    let mut kept = Vec::new();
    for (at, tally) in tallies.iter().enumerate() {
        let is_last = at + 1 == tallies.len();
        if ends_unnamed && is_last && tally.missing == rows {
            notes.push(format!("column {} has neither a name nor values; it is left out", at + 1));
        } else if columns.is_made[at] && common.ignore_unknown {
            notes.push(format!("column {} is left out", at + 1));
        } else {
            if ends_unnamed && is_last {
                notes.push(format!("column {} has no name; it is called {:?}", at + 1, names[at]));
            }
            let column = column_of(&names[at], tally);
            kept.push(
                column.map_err(|error| error.within(format_args!("{}, column {}", common.name, at + 1)))?,
            );
        }
    }
    if is_like_row {
        notes.push(LIKE_ROW.into());
    }
    let schema = Schema::new(kept.iter().map(|column| column.field().clone()).collect());
    let schema = schema.map_err(|error| error.within(&common.name))?;
    Ok(Inferred::new(schema, kept, Some(rows)).with_bad_lines(bad_lines).with_notes(notes))
}

fn column_of(name: &str, tally: &Tally) -> Result<Column> {
    let Choice { ty, missing, reason } = tally.find_type()?;
    Ok(Column::new(FieldDef::of(name, ty, missing > 0, false)?, missing, reason))
}

/// Adds a line to the tallies of its columns, or nothing if the line is bad.
fn tally_line<R>(options: &Options, lines: &Lines<R>, tallies: &mut [Tally]) -> Result<(), Problem> {
    let texts = lines.texts(tallies.len())?;
    for column in 0..tallies.len() {
        let problem = match texts.get(column) {
            None => NOT_UTF8,
            Some(text) if text.as_bytes().contains(&0) => "there is a NUL character in the text",
            Some(_) => continue,
        };
        return Err((Some(column), problem.into()));
    }
    for (column, tally) in tallies.iter_mut().enumerate() {
        let text = texts.get(column).unwrap_or_default();
        if !options.is_missing(text) {
            tally.add(text, lines.number());
        } else if lines.is_quoted(column) {
            tally.quoted_missing += 1;
            tally.quoted_longest = tally.quoted_longest.max(text.len());
        } else {
            tally.missing += 1;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::exchange::alike::{InPieces, told};
    use crate::exchange::threads::refusal;

    proptest! {
        #[test]
        fn threads_infer_what_one_infers(
            header in proptest::sample::select(vec!["id,x", "id", "id,", "#c\n id , x ", "3,4"]),
            lines in proptest::collection::vec(
                proptest::sample::select(vec![
                    "1,7", "2,-300", "3,0.5", "4,", "5,\"\"", "6,true", "7,2024-01-02", "8,2024-01-02T03:04:05Z",
                    "9,\"a\nb\"", "10,text", "11,0.1", "12,NaN", "13,18446744073709551616", "# 1,\"", "", " ", "14", "15,x,y",
                    "300", "\"open", "16,00000000-0000-0000-0000-000000000001", "17,other", "18,\0",
                ]),
                0..30,
            ),
            kinds in 1..24_usize,
            line_break in proptest::sample::select(vec!["\n", "\r\n", "\r"]),
            (threads, allowed) in (1..4_usize, 0..4_usize),
            block_bytes in 1..60_usize,
            skip_bad: bool,
            enums: bool,
            fails: bool,
        ) {
            // Most columns have one or two kinds of values.
            let lines = lines.iter().filter(|line| line.len() % kinds < 5);
            let text: String = [header].iter().chain(lines).map(|line| format!("{line}{line_break}")).collect();
            let options = Options::new().comment("#").skip_bad(skip_bad).enums(enums);
            let input = || InPieces::new(text.as_bytes(), 1 + block_bytes / 3, fails);
            let one = told(infer(&options, input()));
            let many = refusal::after(allowed, || infer_on_threads(&options, input(), threads, block_bytes));
            prop_assert_eq!(told(many), one, "{:?}", text);
        }
    }

    #[test]
    fn a_blank_line_before_a_block_with_only_bad_lines_is_a_missing_value() {
        let options = Options::new().skip_bad(true);
        let text = "id\n1\n\n\"a\"b\n";
        let inferred = infer_on_threads(&options, text.as_bytes(), 2, 1).unwrap();
        assert_eq!(inferred.schema().to_string(), "id: u8?");
        assert_eq!(told(Ok(inferred)), told(infer(&options, text.as_bytes())));
    }
}
