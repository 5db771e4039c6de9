//! Completes a line: commands, options, tables, and the fields and indexes of the tables in the
//! line. It is passed all names, and opens no database itself.

use rustyline::completion::{Completer, FilenameCompleter, Pair};
use rustyline::highlight::Highlighter;
use rustyline::hint::Hinter;
use rustyline::validate::Validator;
use rustyline::{Context, Helper};

/// Names, each with the names that belong to it.
pub(super) type Names = Vec<(String, Vec<String>)>;

/// All names that a line can be completed with.
pub(super) struct Complete {
    /// The commands, with their options.
    commands: Names,
    /// The tables, with their fields, of the newest state.
    tables: Box<dyn Fn() -> Names>,
    /// The tables, with their indexes, of the newest state.
    indexes: Box<dyn Fn() -> Names>,
    files: FilenameCompleter,
}

impl Complete {
    pub(super) fn over(
        commands: Names,
        tables: Box<dyn Fn() -> Names>,
        indexes: Box<dyn Fn() -> Names>,
    ) -> Complete {
        Complete { commands, tables, indexes, files: FilenameCompleter::new() }
    }

    /// Where the word at the end of this line begins, and the names that begin like it.
    fn candidates(&self, line: &str) -> (usize, Vec<String>) {
        // Fields may be in a list, a condition or an assignment.
        let is_between = |c: char| c.is_whitespace() || ",='\"()<>!".contains(c);
        let start =
            line.rfind(is_between).map_or(0, |at| at + line[at..].chars().next().map_or(1, char::len_utf8));
        let (before, word) = line.split_at(start);
        let mut words = before.split_whitespace();
        let Some(command) = words.next() else {
            return (start, matching(word, self.commands.iter().map(|(name, _)| name)));
        };
        if command == "help" {
            return (start, matching(word, self.commands.iter().map(|(name, _)| name)));
        }
        let options =
            self.commands.iter().filter(|(name, _)| name == command).flat_map(|(_, options)| options);
        if word.starts_with('-') && before.ends_with(char::is_whitespace) {
            let mut found = matching(word, options);
            if found.is_empty() {
                // A minus before a field reverses its order.
                found = self.fields(before, &word[1..]).into_iter().map(|name| format!("-{name}")).collect();
            }
            return (start, found);
        }
        if names_index(before) {
            return (start, named_in(before, word, &(self.indexes)()));
        }
        let mut found = self.fields(before, word);
        if found.is_empty() {
            found = matching(word, (self.tables)().iter().map(|(name, _)| name));
        }
        (start, found)
    }

    /// The fields of the tables that the line names before the word.
    fn fields(&self, before: &str, word: &str) -> Vec<String> {
        named_in(before, word, &(self.tables)())
    }
}

/// Whether the next word is an index: after `--index`, or in `index drop TABLE`.
fn names_index(before: &str) -> bool {
    let words = split(before);
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    words.last() == Some(&"--index") || matches!(words[..], ["index", "drop", _])
}

/// The names that belong to the tables that the line names before the word.
fn named_in(before: &str, word: &str, tables: &Names) -> Vec<String> {
    let words = split(before);
    let named = tables.iter().filter(|(name, _)| words.iter().skip(1).any(|word| word == name));
    matching(word, named.flat_map(|(_, names)| names))
}

fn split(line: &str) -> Vec<String> {
    shlex::split(line).unwrap_or_else(|| line.split_whitespace().map(str::to_owned).collect())
}

fn matching<'n>(word: &str, names: impl Iterator<Item = &'n String>) -> Vec<String> {
    let mut found: Vec<String> = names.filter(|name| name.starts_with(word)).cloned().collect();
    found.sort();
    found.dedup();
    found
}

impl Completer for Complete {
    type Candidate = Pair;

    fn complete(
        &self,
        line: &str,
        pos: usize,
        context: &Context<'_>,
    ) -> rustyline::Result<(usize, Vec<Pair>)> {
        let (start, found) = self.candidates(&line[..pos]);
        if found.is_empty() {
            return self.files.complete(line, pos, context);
        }
        let quoted = |name: &str| match shlex::try_quote(name) {
            // Between quotes, no other quotes are needed.
            Ok(quoted) if !line[..start].ends_with(['"', '\'']) => quoted.into_owned(),
            _ => name.to_owned(),
        };
        let pair = |name: String| Pair { replacement: quoted(&name), display: name };
        Ok((start, found.into_iter().map(pair).collect()))
    }
}

impl Helper for Complete {}
impl Highlighter for Complete {}
impl Validator for Complete {}
impl Hinter for Complete {
    type Hint = String;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(names: &[(&str, &[&str])]) -> Names {
        let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        names.iter().map(|(name, others)| ((*name).to_owned(), owned(others))).collect()
    }

    fn complete(line: &str) -> String {
        let commands = names(&[
            ("get", &["--format", "--select"]),
            ("index", &["--unique"]),
            ("query", &["--where"]),
            ("quit", &[]),
        ]);
        let tables =
            || names(&[("flights", &["carrier", "dep_delay", "dest"]), ("planes", &["engine", "tailnum"])]);
        let indexes = || names(&[("flights", &["by_dest", "by_tail"]), ("planes", &["by_engine"])]);
        let (start, found) = Complete::over(commands, Box::new(tables), Box::new(indexes)).candidates(line);
        format!("{start}: {}", found.join(" "))
    }

    #[test]
    fn commands_options_tables_and_fields_are_completed_where_they_belong() {
        assert_eq!(complete(""), "0: get index query quit");
        assert_eq!(complete("qu"), "0: query quit");
        assert_eq!(complete("help g"), "5: get");
        assert_eq!(complete("get "), "4: flights planes");
        assert_eq!(complete("get pl"), "4: planes");
        assert_eq!(complete("get flights --f"), "12: --format");
        assert_eq!(complete("get flights --select de"), "21: dep_delay dest");
        assert_eq!(complete("query planes --where 'engine = 2 and ta"), "37: tailnum");
        assert_eq!(complete("query flights --select carrier,d"), "31: dep_delay dest");
        assert_eq!(complete("query flights --order-by -de"), "25: -dep_delay -dest");
        assert_eq!(complete("set flights 5 dest"), "14: dest");
        assert_eq!(complete("get flights --index by_"), "20: by_dest by_tail");
        assert_eq!(complete("scan planes --limit 5 --index "), "30: by_engine");
        assert_eq!(complete("index drop flights "), "19: by_dest by_tail");
        assert_eq!(complete("get flights --index by_dest de"), "28: dep_delay dest");
        assert_eq!(complete("get flights x"), "12: ");
        assert_eq!(complete("é"), "0: ");
    }
}
