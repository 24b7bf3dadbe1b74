//! text-to-image-2M: tars of `{key}.jpg` + `{key}.json` with the prompt as `prompt` (or `caption` in
//! the 1024 set). Its images come from FLUX: as a hint for a FLUX generator they say little.

use super::Reader;
use super::tars::samples;
use super::webdataset::{row, tars, wanted};
use crate::pool::input::Input;
use crate::pool::out::{Flow, Out};

pub const READER: Reader = Reader {
    name: "text_to_image_2m",
    about: "text-to-image-2M: tars of image + JSON with `prompt` or `caption`",
    layout: "data_512_2M/data_*.tar, data_1024_10K/data_*.tar: {key}.jpg + {key}.json; MIT",
    claims: |input| tars(input).iter().any(|name| folder(input, name).is_some()),
    read,
};

/// The set of which a tar is: told by its own folder or the one that was opened.
fn folder(input: &Input, name: &str) -> Option<&'static str> {
    let whole = format!("{}/{name}", input.uri);
    ["data_512_2M", "data_1024_10K"].into_iter().find(|set| whole.split('/').any(|p| p == *set))
}

fn read(input: &Input, out: &mut Out) -> Flow {
    for name in tars(input) {
        let category = folder(input, name);
        samples(input, name, out, wanted, &mut |out, sample| row(out, sample, category))?;
    }
    Ok(())
}
