//! A query's answer as text, CSV, JSON or Parquet.

use crate::audit::error::AuditError;
use crate::audit::show::{Grid, Look, line};
use crate::record::Cause;
use arrow_array::{ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray};
use parquet::arrow::ArrowWriter;
use parquet::errors::ParquetError;
use std::path::Path;
use std::sync::Arc;

/// A value.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
#[serde(untagged)]
pub enum Cell {
    Null,
    Int(i64),
    Real(f64),
    Text(String),
}

/// Columns and rows, in the query's order.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    pub columns: Vec<String>,
    pub rows: Vec<Vec<Cell>>,
}

/// The widest a text cell is shown.
const WIDE: usize = 80;

impl Cell {
    fn plain(&self) -> String {
        match self {
            Cell::Null => String::new(),
            Cell::Int(n) => n.to_string(),
            Cell::Real(x) => x.to_string(),
            Cell::Text(text) => text.clone(),
        }
    }
}

impl Answer {
    /// An aligned table; numbers to the right.
    pub fn text(&self, look: Look) -> String {
        let number = |at: usize| self.rows.iter().all(|row| !matches!(row[at], Cell::Text(_)));
        let sides: String =
            (0..self.columns.len()).map(|at| if number(at) { 'r' } else { 'l' }).collect();
        let mut grid = Grid::new(&sides);
        grid.row(self.columns.iter().cloned());
        for row in &self.rows {
            grid.row(row.iter().map(|cell| line(&cell.plain(), WIDE)));
        }
        let mut lines = grid.lines().into_iter();
        let mut out = format!("{}\n", look.dim(&lines.next().unwrap_or_default()));
        lines.for_each(|row| out.push_str(&format!("{row}\n")));
        out
    }

    pub fn csv(&self) -> Result<Vec<u8>, AuditError> {
        let fault = |err: csv::Error| AuditError::Output(Cause::new(err));
        let mut out = csv::Writer::from_writer(Vec::new());
        out.write_record(&self.columns).map_err(fault)?;
        for row in &self.rows {
            out.write_record(row.iter().map(Cell::plain)).map_err(fault)?;
        }
        out.into_inner().map_err(|err| AuditError::Output(Cause::new(err.into_error())))
    }

    /// A list of objects; of columns with the same name the last is kept.
    pub fn json(&self) -> serde_json::Value {
        let object = |row: &Vec<Cell>| {
            let pairs = self.columns.iter().zip(row);
            let pairs = pairs.map(|(name, cell)| (name.clone(), serde_json::json!(cell)));
            serde_json::Value::Object(pairs.collect())
        };
        self.rows.iter().map(object).collect()
    }

    /// As the ending of `path` says: .csv, .json, .parquet or .txt; None for another one.
    pub fn as_file(&self, path: &Path) -> Result<Option<Vec<u8>>, AuditError> {
        Ok(Some(match path.extension().and_then(|ext| ext.to_str()) {
            Some("csv") => self.csv()?,
            Some("json") => format!("{:#}", self.json()).into_bytes(),
            Some("parquet") => self.parquet()?,
            Some("txt") => self.text(Look::PLAIN).into_bytes(),
            _ => return Ok(None),
        }))
    }

    /// One file. A column is of integers, of reals, or of text, as its values are.
    pub fn parquet(&self) -> Result<Vec<u8>, AuditError> {
        let fault = |err: ParquetError| AuditError::Output(Cause::new(err));
        let columns = self
            .columns
            .iter()
            .enumerate()
            .map(|(at, name)| (name.as_str(), self.column(at), true));
        let batch =
            RecordBatch::try_from_iter_with_nullable(columns).map_err(|e| fault(e.into()))?;
        let mut out = ArrowWriter::try_new(Vec::new(), batch.schema(), None).map_err(fault)?;
        out.write(&batch).map_err(fault)?;
        out.into_inner().map_err(fault)
    }

    fn column(&self, at: usize) -> ArrayRef {
        let cells = || self.rows.iter().map(move |row| &row[at]);
        if cells().all(|cell| matches!(cell, Cell::Int(_) | Cell::Null)) {
            let ints = cells().map(|cell| if let Cell::Int(n) = cell { Some(*n) } else { None });
            return Arc::new(Int64Array::from_iter(ints));
        }
        if cells().all(|cell| !matches!(cell, Cell::Text(_))) {
            let reals = cells().map(|cell| match cell {
                Cell::Int(n) => Some(*n as f64),
                Cell::Real(x) => Some(*x),
                _ => None,
            });
            return Arc::new(Float64Array::from_iter(reals));
        }
        let texts = cells().map(|cell| (*cell != Cell::Null).then(|| cell.plain()));
        Arc::new(StringArray::from_iter(texts))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer() -> Answer {
        let row =
            |n: i64, x: f64, text: &str| vec![Cell::Int(n), Cell::Real(x), Cell::Text(text.into())];
        Answer {
            columns: ["n", "x", "t"].map(str::to_owned).to_vec(),
            rows: vec![row(1, 0.5, "a,\"b\""), vec![Cell::Null, Cell::Int(2), Cell::Null]],
        }
    }

    #[test]
    fn the_forms_hold_the_same_values() {
        let a = answer();
        assert_eq!(
            String::from_utf8(a.csv().unwrap()).unwrap(),
            "n,x,t\n1,0.5,\"a,\"\"b\"\"\"\n,2,\n"
        );
        assert_eq!(a.json()[0]["t"], "a,\"b\"");
        assert!(a.json()[1]["n"].is_null());
        let bytes = bytes::Bytes::from(a.parquet().unwrap());
        let reader = parquet::arrow::arrow_reader::ParquetRecordBatchReader::try_new(bytes, 10);
        let batch = reader.unwrap().next().unwrap().unwrap();
        assert_eq!((batch.num_rows(), batch.num_columns()), (2, 3));
        assert_eq!(batch.column(1).data_type(), &arrow_schema::DataType::Float64);
    }

    #[test]
    fn escape_sequences_do_not_reach_the_terminal() {
        let a = Answer {
            columns: vec!["t".to_owned()],
            rows: vec![vec![Cell::Text("\u{1b}[31m".to_owned())]],
        };
        assert!(!a.text(Look::PLAIN).contains('\u{1b}'));
    }
}
