//! `drystone alter`: changes the schema of a table, or its name. The work is the library's; this
//! file reads the arguments, and shows what a dry run would do.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use drystone::{Dyn, Error, ErrorKind, FieldDef, Result, Schema, WriteTransaction};
use indicatif::HumanCount;

use crate::formats::names::{Names, all_names};
use crate::open;
use crate::report::{Outcome, failed, stdout, wrong_use};
use crate::waiting::Waiting;

/// Change the fields of a table, or its name
///
/// Rows, indexes and defaults are kept. A change that would lose a value is refused, and nothing is
/// changed.
#[derive(Args)]
pub(crate) struct Alter {
    /// The database file
    db: PathBuf,
    /// The table
    table: String,
    /// Say what would happen and how many rows would be written again, and change nothing. The
    /// change is tried and undone, so errors are found as well. The file may be longer until the
    /// next change
    #[arg(long, global = true)]
    dry_run: bool,
    #[command(flatten)]
    waiting: Waiting,
    #[command(subcommand)]
    action: AlterAction,
}

#[derive(Subcommand)]
enum AlterAction {
    /// Append a field; existing rows get its default, or null
    Append {
        /// The field, such as 'delay: i16?' or 'price: f64 = 0'
        field: String,
    },
    /// Give a field another name; no row is written
    Rename {
        /// The field
        field: String,
        /// Its new name
        new_name: String,
    },
    /// Drop a field with its values
    Drop {
        /// The field, which must not be part of the key or of an index
        field: String,
    },
    /// Give a field another type, if every value is kept exactly
    Type {
        /// The field
        field: String,
        /// The type, with a question mark where null is allowed: 'i32?'
        #[arg(value_name = "TYPE")]
        new_type: String,
    },
    /// Put the fields in another order, those of the key first
    Reorder {
        /// All fields, in order, with commas between them
        #[arg(required = true)]
        fields: Vec<Names>,
    },
    /// Add names at the end of an enumeration
    Names {
        /// The field
        field: String,
        /// The names, with commas between them
        #[arg(required = true)]
        names: Vec<Names>,
    },
    /// Give the table another name
    To {
        /// The new name
        new_name: String,
    },
}

impl Alter {
    pub(crate) fn run(&self) -> Result<Outcome> {
        let db = open::to_write(&self.db)?;
        let write = self.waiting.write(&db)?;
        let (before, rows) = self.measure(&write, &self.table)?;
        let written = self.action.run(&write, &self.table)?;
        if !self.dry_run {
            write.commit()?;
            return Ok(Outcome::Done);
        }
        let name = if let AlterAction::To { new_name } = &self.action { new_name } else { &self.table };
        let (after, _) = self.measure(&write, name)?;
        drop(write);
        self.show(name, (&before, &after), written, rows).map_err(failed)?;
        Ok(Outcome::Done)
    }

    fn measure(&self, write: &WriteTransaction, name: &str) -> Result<(Schema, u64)> {
        let table = write.table::<Dyn>(name)?;
        Ok((table.schema().clone(), table.len()))
    }

    fn show(
        &self,
        new_name: &str,
        (before, after): (&Schema, &Schema),
        written: u64,
        rows: u64,
    ) -> std::io::Result<()> {
        use std::io::Write;
        let mut out = stdout();
        writeln!(out, "table {:?}: {before}", self.table)?;
        writeln!(out, "would be {new_name:?}: {after}")?;
        let (written, rows) = (HumanCount(written), HumanCount(rows));
        writeln!(out, "rows written again: {written} of {rows}")?;
        out.flush()
    }
}

impl AlterAction {
    /// Makes the change. Returns how many rows were written again.
    fn run(&self, write: &WriteTransaction, table: &str) -> Result<u64> {
        match self {
            AlterAction::Append { field } => write.append_field(table, one_field(field)?),
            AlterAction::Rename { field, new_name } => write.rename_field(table, field, new_name),
            AlterAction::Drop { field } => write.drop_field(table, field),
            AlterAction::Type { field, new_type } => retype(write, table, field, new_type),
            AlterAction::Reorder { fields } => write.reorder(table, &strs(&all_names(fields))),
            AlterAction::Names { field, names } => write.add_names(table, field, &strs(&all_names(names))),
            AlterAction::To { new_name } => write.rename_table(table, new_name).map(|()| 0),
        }
    }
}

/// The only field of a schema in text form.
fn one_field(text: &str) -> Result<FieldDef> {
    let schema: Schema = text.parse()?;
    match schema.fields() {
        [field] => Ok(field.clone()),
        fields => wrong_use(format!("{} fields; append one at a time", fields.len())),
    }
}

/// Gives a field a type, which says whether null is allowed.
fn retype(write: &WriteTransaction, table: &str, field: &str, text: &str) -> Result<u64> {
    let parsed: Schema = format!("field: {text}").parse().map_err(|error: Error| {
        Error::new(ErrorKind::Usage, format!("{text:?} is not a type, such as i32 or str[8]?: {error}"))
    })?;
    let [new] = parsed.fields() else { return wrong_use(format!("{text:?} is more than a type")) };
    if new.is_key() || new.default().is_some() {
        return wrong_use(format!("{text:?} is more than a type; give a type and perhaps a question mark"));
    }
    // Forbid null before the type changes, and allow it after: then only values that the table
    // holds must fit the new type.
    if !new.is_nullable() {
        write.set_nullable(table, field, false)?;
    }
    let written = write.change_type(table, field, new.ty())?;
    if new.is_nullable() {
        write.set_nullable(table, field, true)?;
    }
    Ok(written)
}

fn strs(names: &[String]) -> Vec<&str> {
    names.iter().map(|name| &**name).collect()
}
