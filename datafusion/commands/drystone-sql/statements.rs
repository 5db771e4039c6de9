//! Statements one after the other.

use std::time::Instant;

use datafusion::error::{DataFusionError, Result};
use datafusion::sql::parser::DFParser;
use drystone::ErrorKind;
use tokio::signal::ctrl_c;
use tokio::signal::unix::{SignalKind, signal};

use crate::Engine;
use crate::output::Output;

/// Runs statements that are separated by semicolons, and writes their rows. Stops at the first
/// error.
pub(crate) async fn run(engine: &Engine, sql: &str, output: &Output) -> Result<()> {
    let statements = DFParser::parse_sql(sql)?;
    if statements.is_empty() {
        return Err(DataFusionError::Plan("there is no statement".to_owned()));
    }
    if output.is_one_file() && statements.len() > 1 {
        return Err(DataFusionError::Plan(format!(
            "{} statements cannot be written to one file; give them one at a time",
            statements.len()
        )));
    }
    for statement in &statements {
        let begun = Instant::now();
        let statement = statement.to_string();
        // Whatever was begun ends when it is dropped: a transaction, a file without its name.
        tokio::select! {
            biased;
            _ = stop() => return Err(DataFusionError::Execution("stopped by a signal".to_owned())),
            ended = async { output.write(engine.run(&statement).await?).await } => ended?,
        }
        if output.timing {
            eprintln!("time: {:.1} ms", begun.elapsed().as_secs_f64() * 1000.0);
        }
    }
    Ok(())
}

/// Waits for a signal that ends the command.
async fn stop() {
    // Without a handler the signal ends the command at once.
    let Ok(mut terminated) = signal(SignalKind::terminate()) else { return std::future::pending().await };
    tokio::select! {
        interrupted = ctrl_c() => if interrupted.is_err() { std::future::pending().await },
        _ = terminated.recv() => {}
    }
}

/// The message of an error, without the names of the layers that it came through.
pub(crate) fn message(error: &DataFusionError) -> String {
    match error {
        DataFusionError::External(error) => match error.downcast_ref::<drystone::Error>() {
            Some(error) if error.kind() == ErrorKind::ReadOnly => {
                "this statement changes the database, which is open for reading only; add --write".to_owned()
            }
            _ => error.to_string(),
        },
        DataFusionError::Context(context, inner) => format!("{context}: {}", message(inner)),
        error => error.strip_backtrace(),
    }
}
