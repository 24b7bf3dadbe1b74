//! BLIP3o-60k: 11 tars of `{key}.jpg` + `{key}.txt`; the tar's name is the category. The loose
//! prompt lists beside them have no known images and are not read. About 10,000 samples follow
//! GenEval's templates: decontaminate, or leave `geneval_train` out.

use super::Reader;
use super::tars::samples;
use super::webdataset::{row, tars, wanted};
use crate::pool::input::{Input, bare};
use crate::pool::open::name_of;
use crate::pool::out::{Flow, Out};

pub const READER: Reader = Reader {
    name: "blip3o_60k",
    about: "BLIP3o-60k: tars of image + text, the tar's name is the category",
    layout: "{dalle3,geneval_train,…}.tar: {key}.jpg + {key}.txt; loose *.txt are ignored; Apache-2.0",
    claims,
    read,
};

const TARS: [&str; 11] = [
    "dalle3.tar",
    "geneval_train.tar",
    "human_gestures.tar",
    "journeydb.tar",
    "mscoco_human.tar",
    "object_1.tar",
    "object_2.tar",
    "occupation_1.tar",
    "occupation_2.tar",
    "text_1.tar",
    "text_2.tar",
];

fn claims(input: &Input) -> bool {
    let base = |name: &str| bare(name.rsplit('/').next().unwrap_or(name));
    let known = |name: &str| TARS.contains(&base(name).as_str());
    // One alone could be anyone's, unless the folder says whose.
    let tars = tars(input);
    let all = !tars.is_empty() && tars.iter().all(|name| known(name));
    all && (tars.len() > 1 || input.uri.to_lowercase().contains("blip3o"))
}

fn read(input: &Input, out: &mut Out) -> Flow {
    for name in tars(input) {
        let category = name_of(name);
        samples(input, name, out, wanted, &mut |out, sample| row(out, sample, Some(&category)))?;
    }
    Ok(())
}
