//! Folders of `datasets.save_to_disk`: Arrow streams, fields by column, as in Parquet.

use super::Reader;
use super::cells::{columns, row};
use super::parquet::{Trouble, unpanicked};
use crate::pool::BadKind;
use crate::pool::input::Input;
use crate::pool::out::{Flow, Halt, Out};
use arrow_ipc::reader::StreamReader;
use std::io::BufReader;

pub const READER: Reader = Reader {
    name: "arrow",
    about: "Arrow streams, as `datasets.save_to_disk` writes them",
    layout: "data-*.arrow (streams): columns as for `parquet`; the files of metadata beside them are \
             left alone",
    claims: |input| !input.ending(&[".arrow"]).is_empty(),
    read,
};

fn read(input: &Input, out: &mut Out) -> Flow {
    for name in input.ending_or_all(&[".arrow"]) {
        match unpanicked(|| file(input, name, out)) {
            Ok(()) => {}
            Err(Trouble::Damaged(why)) => out.bad(name, BadKind::DamagedArchive, &why, false)?,
            Err(Trouble::Halted) => return Err(Halt),
        }
    }
    Ok(())
}

fn file(input: &Input, name: &str, out: &mut Out) -> Result<(), Trouble> {
    let damaged = |e: &dyn std::fmt::Display| Trouble::Damaged(e.to_string());
    let stream = BufReader::new(input.open(name).map_err(|e| damaged(&e))?);
    let reader = StreamReader::try_new(stream, None).map_err(|e| damaged(&e))?;
    let schema = reader.schema();
    let wanted = columns(&schema, out);
    let all: Vec<String> = schema.fields().iter().map(|field| field.name().clone()).collect();
    let mut number = 0;
    for batch in reader {
        let batch = batch.and_then(|batch| batch.project(&wanted)).map_err(|e| damaged(&e))?;
        for at in 0..batch.num_rows() {
            number += 1;
            row(input, name, out, &batch, (at, number), &all)?;
        }
    }
    Ok(())
}
