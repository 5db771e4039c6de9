//! `drystone shell`: a prompt that takes the commands for one database. `args.rs` passes it the
//! command line that parses and runs them.

mod complete;
mod history;

use std::ffi::OsString;
use std::io::{self, BufRead, IsTerminal};
use std::path::{Path, PathBuf};

use clap::{Args, CommandFactory, FromArgMatches};
use drystone::{Database, Dyn, Error, Result};
use rustyline::error::ReadlineError;
use rustyline::{CompletionType, Config, Editor};

use crate::open;
use crate::report::{Outcome, is_closed, report, say, wrong_use};
use complete::Complete;

/// Take commands for a database, one per line, at a prompt
///
/// They are those of the command line, without the database: get flights 17. Tab completes
/// commands, tables and fields. Text with spaces is put in quotes. Commands can also come from a
/// pipe; a line that begins with # is a comment.
///
/// The exit code of commands from a pipe is that of the worst of them.
#[derive(Args)]
pub(crate) struct Shell {
    /// The database file
    db: PathBuf,
}

/// The command line of the program: parses a command, and runs it.
pub(crate) trait CommandLine: CommandFactory + FromArgMatches {
    fn run(&self) -> Result<Outcome>;
}

/// What a line says.
enum Line {
    Nothing,
    Leave,
    /// A command, with the database inserted, for clap to parse.
    Run(Vec<OsString>),
    /// List the commands, or describe one of them.
    Help(Option<String>),
}

impl Shell {
    pub(crate) fn run<C: CommandLine>(&self) -> Result<Outcome> {
        // Open until the shell ends: the commands share it, so each page is verified only once. If
        // it cannot be opened for writing, it is opened for reading.
        let db = open::to_write(&self.db).or_else(|error| open::to_read(&self.db).map_err(|_| error))?;
        if io::stdin().is_terminal() { self.talk::<C>(&db) } else { self.obey::<C>() }
    }

    /// Takes commands from a terminal.
    fn talk<C: CommandLine>(&self, db: &Database) -> Result<Outcome> {
        let failed = |error: ReadlineError| Error::io("cannot read the terminal", io::Error::other(error));
        let config = Config::builder().completion_type(CompletionType::List).auto_add_history(true).build();
        let mut editor = Editor::with_config(config).map_err(failed)?;
        let commands = commands::<C>(&self.db);
        editor.set_helper(Some(Complete::new(db.clone(), &commands)));
        let history = history::path();
        if let Some(path) = &history {
            let _ = editor.load_history(path);
        }
        let name = self.db.file_stem().unwrap_or_default().to_string_lossy();
        let prompt = format!("{name}> ");
        say("help shows the commands, quit (or Ctrl-D) leaves");
        loop {
            let line = match editor.readline(&prompt) {
                Ok(line) => line,
                Err(ReadlineError::Interrupted) => continue,
                Err(ReadlineError::Eof) => break,
                Err(error) => return Err(failed(error)),
            };
            match self.take::<C>(&line) {
                Ok(Some(_)) => {}
                Ok(None) => break,
                Err(error) => say(format_args!("error: {error}")),
            }
        }
        if let Some(path) = &history {
            let _ = history::prepare(path).map(|()| editor.save_history(path));
        }
        Ok(Outcome::Done)
    }

    /// Takes commands from a pipe.
    fn obey<C: CommandLine>(&self) -> Result<Outcome> {
        let mut worst = Ok(Outcome::Done);
        for (number, line) in (1..).zip(io::stdin().lock().lines()) {
            let line = line.map_err(|error| Error::io("cannot read standard input", error))?;
            match self.take::<C>(&line) {
                Ok(None) => break,
                Ok(Some(Outcome::Done)) => {}
                Ok(Some(outcome)) if worst.is_ok() => worst = Ok(outcome),
                Ok(Some(_)) => {}
                Err(error) if is_closed(&error) => return Err(error),
                Err(error) => {
                    let error = error.within(format_args!("line {number}"));
                    // The caller prints the last error.
                    if let Err(before) = std::mem::replace(&mut worst, Err(error)) {
                        say(format_args!("error: {before}"));
                    }
                }
            }
        }
        worst
    }

    /// Does what a line says. Returns `None` if it says to leave.
    fn take<C: CommandLine>(&self, line: &str) -> Result<Option<Outcome>> {
        let arguments = match self.read(line)? {
            Line::Nothing => return Ok(Some(Outcome::Done)),
            Line::Leave => return Ok(None),
            Line::Help(command) => {
                let help = help(commands::<C>(&self.db), command.as_deref())?;
                report(help.trim_end())?;
                return Ok(Some(Outcome::Done));
            }
            Line::Run(arguments) => arguments,
        };
        let parsed = commands::<C>(&self.db).try_get_matches_from(arguments);
        match parsed.and_then(|matches| C::from_arg_matches(&matches)) {
            Ok(command) => command.run().map(Some),
            // Not an error, but help that was asked for.
            Err(error) if !error.use_stderr() => {
                report(error.to_string().trim_end()).map(|()| Some(Outcome::Done))
            }
            Err(error) => {
                let text = error.to_string();
                wrong_use(text.trim_start_matches("error: ").trim_end().to_owned())
            }
        }
    }

    fn read(&self, line: &str) -> Result<Line> {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            return Ok(Line::Nothing);
        }
        let Some(mut words) = shlex::split(line) else {
            return wrong_use("a quote is not closed".into());
        };
        if words.is_empty() {
            return Ok(Line::Nothing);
        }
        let rest = words.split_off(1);
        let Some(command) = words.pop() else { return Ok(Line::Nothing) };
        Ok(match command.as_str() {
            "quit" | "exit" => Line::Leave,
            "help" => Line::Help(rest.into_iter().next()),
            _ => {
                let mut arguments = vec![OsString::from(command), self.file_argument()];
                arguments.extend(rest.into_iter().map(OsString::from));
                Line::Run(arguments)
            }
        })
    }

    /// The file as an argument that clap does not take for an option.
    fn file_argument(&self) -> OsString {
        let is_option = self.db.as_os_str().as_encoded_bytes().starts_with(b"-");
        if is_option { PathBuf::from(".").join(&self.db).into() } else { self.db.clone().into() }
    }
}

/// The help of all commands, or of one.
fn help(mut commands: clap::Command, name: Option<&str>) -> Result<String> {
    let Some(name) = name else { return Ok(commands.render_help().to_string()) };
    match commands.find_subcommand_mut(name) {
        Some(command) => Ok(command.render_long_help().to_string()),
        None => wrong_use(format!("there is no command {name:?}; see help")),
    }
}

/// The commands that work on one database: those whose first argument is `db`, which is left out
/// here.
fn commands<C: CommandLine>(db: &Path) -> clap::Command {
    let all = C::command();
    let mut shell = clap::Command::new("drystone")
        .no_binary_name(true)
        .subcommand_required(true)
        .disable_help_subcommand(true)
        .override_usage("COMMAND [ARGUMENTS]")
        .after_help("help COMMAND says how a command is used; quit leaves.")
        .about(format!("Commands for {}", db.display()));
    // Those that take over the terminal are left out.
    for command in all.get_subcommands().filter(|command| !["shell", "mcp"].contains(&command.get_name())) {
        if command.get_positionals().next().is_some_and(|first| first.get_id() == "db") {
            let usage = command.clone().render_usage().to_string().replace("<DB> ", "").replace(" <DB>", "");
            let usage = usage.trim_start_matches("Usage: ").to_owned();
            let hide = |argument: clap::Arg| match argument.get_id() == "db" {
                true => argument.hide(true),
                false => argument,
            };
            shell = shell.subcommand(command.clone().override_usage(usage).mut_args(hide));
        }
    }
    shell
}

impl Complete {
    fn new(db: Database, commands: &clap::Command) -> Complete {
        let flags = |command: &clap::Command| {
            let named = command.get_arguments().filter(|argument| !argument.is_hide_set());
            named.filter_map(|argument| argument.get_long()).map(|long| format!("--{long}")).collect()
        };
        let mut named: Vec<(String, Vec<String>)> = commands
            .get_subcommands()
            .map(|command| (command.get_name().to_owned(), flags(command)))
            .collect();
        named.extend(["help", "quit"].map(|name| (name.to_owned(), Vec::new())));
        let same = db.clone();
        let tables = move || tables(&db).unwrap_or_default();
        Complete::over(named, Box::new(tables), Box::new(move || indexes(&same).unwrap_or_default()))
    }
}

/// The tables of the newest state, each with its fields.
fn tables(db: &Database) -> Result<Vec<(String, Vec<String>)>> {
    let read = db.read()?;
    let fields = |name: &String| -> Result<Vec<String>> {
        Ok(read.table::<Dyn>(name)?.schema().fields().iter().map(|field| field.name().to_owned()).collect())
    };
    read.table_names()?.into_iter().map(|name| fields(&name).map(|fields| (name, fields))).collect()
}

/// The tables of the newest state, each with its indexes.
fn indexes(db: &Database) -> Result<Vec<(String, Vec<String>)>> {
    let read = db.read()?;
    let indexes = |name: &String| -> Result<Vec<String>> {
        Ok(read.indexes(name)?.into_iter().map(|index| index.name).collect())
    };
    read.table_names()?.into_iter().map(|name| indexes(&name).map(|indexes| (name, indexes))).collect()
}
