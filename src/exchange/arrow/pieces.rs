//! `Conversion`: makes records of record batches, in pieces.

use std::sync::Arc;

use arrow_array::RecordBatch;

use super::decode::{self, BadRow};
use crate::error::Error;
use crate::schema::{Schema, TextRules};

/// This many rows of a batch are converted into records at a time.
const PIECE_ROWS: usize = 16_384;

/// How the columns of batches become the fields of records.
pub(in crate::exchange) struct Conversion {
    pub(super) schema: Schema,
    pub(super) rules: TextRules,
    /// For each column, the position of its field, unless the column is ignored.
    pub(super) fields: Box<[Option<u16>]>,
}

/// Records of rows that follow each other, and what is wrong behind them.
pub(in crate::exchange) struct Piece {
    pub(super) records: Vec<u8>,
    pub(super) problem: Option<Obstacle>,
}

/// Why there are no more records.
pub(super) enum Obstacle {
    /// The next row cannot be stored.
    Row(Error),
    /// The next batch cannot be read.
    Batch(String),
}

impl Conversion {
    /// The pieces of a batch, or of what came in its place.
    pub(in crate::exchange) fn pieces(
        self: &Arc<Conversion>,
        batch: Result<RecordBatch, String>,
    ) -> impl Iterator<Item = Piece> + Send + use<> {
        let batch = batch.and_then(|batch| match batch.num_columns() {
            columns if columns == self.fields.len() => Ok(batch),
            columns => Err(format!("a batch of {columns} columns")),
        });
        let conversion = Arc::clone(self);
        let (mut next, end) = (0, batch.as_ref().map_or(1, RecordBatch::num_rows));
        std::iter::from_fn(move || {
            if next >= end {
                return None;
            }
            match &batch {
                Ok(batch) => {
                    let rows = PIECE_ROWS.min(end - next);
                    let piece = conversion.piece(&batch.slice(next, rows));
                    next = if piece.problem.is_some() { end } else { next + rows };
                    Some(piece)
                }
                Err(error) => {
                    next = end;
                    Some(Piece { records: Vec::new(), problem: Some(Obstacle::Batch(error.clone())) })
                }
            }
        })
    }

    /// The records of these rows, up to the first that cannot be stored.
    fn piece(&self, batch: &RecordBatch) -> Piece {
        let width = self.schema.width();
        let mut records = self.schema.default_bytes().repeat(batch.num_rows());
        let mut problem = None;
        for (column, field) in batch.columns().iter().zip(&self.fields) {
            let Some(at) = field else { continue };
            let field = &self.schema.fields()[usize::from(*at)];
            if let Err(BadRow { row, error }) =
                decode::column(column, field, &self.rules, &mut records, width)
            {
                // Another column may have a bad row before this one.
                records.truncate(row * width);
                problem = Some(Obstacle::Row(error));
            }
        }
        Piece { records, problem }
    }
}
