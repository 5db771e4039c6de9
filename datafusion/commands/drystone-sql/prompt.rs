//! The prompt.

use datafusion::error::{DataFusionError, Result};
use rustyline::DefaultEditor;
use rustyline::error::ReadlineError;

use crate::Engine;
use crate::output::Output;
use crate::statements::{self, message};

/// Takes statements from a terminal until it ends. A statement may have many lines, and ends with a
/// semicolon. Errors are printed, and the prompt goes on.
pub(crate) async fn talk(engine: &Engine, output: &Output) -> Result<()> {
    let mut editor = DefaultEditor::new().map_err(failed)?;
    println!("Statements end with a semicolon. `show tables;` lists the tables. Leave with Ctrl-D.");
    let mut statement = String::new();
    loop {
        let prompt = if statement.is_empty() { "sql> " } else { "...> " };
        match editor.readline(prompt) {
            Ok(line) => {
                statement.push_str(&line);
                statement.push('\n');
            }
            Err(ReadlineError::Interrupted) => {
                statement.clear();
                continue;
            }
            Err(ReadlineError::Eof) => return Ok(()),
            Err(error) => return Err(failed(error)),
        }
        let text = statement.trim();
        if ["quit", "exit", "\\q"].contains(&text.trim_end_matches(';')) {
            return Ok(());
        }
        if text.ends_with(';') {
            let _ = editor.add_history_entry(text);
            if let Err(error) = statements::run(engine, text, output).await {
                eprintln!("error: {}", message(&error));
            }
            statement.clear();
        } else if text.is_empty() {
            statement.clear();
        }
    }
}

fn failed(error: ReadlineError) -> DataFusionError {
    DataFusionError::External(Box::new(error))
}
