//! GenRef-wds: samples with names of two dots (`0001.good_image.jpg`); the good image is the
//! reference, `subset` the category. The bad image and the reflection are not used.

use super::Reader;
use super::tars::{IMAGES, Sample, samples};
use super::webdataset::tars;
use crate::pool::BadKind;
use crate::pool::draft::Draft;
use crate::pool::out::{Flow, Out};

pub const READER: Reader = Reader {
    name: "genref",
    about: "GenRef-wds: a prompt, a good and a bad image, a reflection",
    layout: "genref_*.tar: {key}.prompt.txt, {key}.good_image.jpg, {key}.bad_image.jpg, \
             {key}.reflection.txt, {key}.subset.txt",
    claims: |input| {
        tars(input).iter().any(|n| n.rsplit('/').next().is_some_and(|b| b.starts_with("genref_")))
    },
    read: |input, out| {
        for name in tars(input) {
            samples(input, name, out, wanted, &mut row)?;
        }
        Ok(())
    },
};

fn wanted(ending: &str) -> bool {
    let good = ending.strip_prefix("good_image.").is_some_and(|e| IMAGES.contains(&e));
    good || ending == "prompt.txt" || ending == "subset.txt"
}

fn row(out: &mut Out, mut sample: Sample) -> Flow {
    let good: Vec<String> = IMAGES.iter().map(|e| format!("good_image.{e}")).collect();
    let good: Vec<&str> = good.iter().map(String::as_str).collect();
    let image = sample.take(&good);
    let image = Some(image.ok_or_else(|| format!("{}.good_image.jpg", sample.key)));
    let texts = sample.text(&["prompt.txt"]).and_then(|p| Ok((p, sample.text(&["subset.txt"])?)));
    match texts {
        Ok((text, category)) => {
            out.mapped("prompt", "{key}.prompt.txt");
            out.mapped("category", "{key}.subset.txt");
            out.mapped("image", "{key}.good_image.jpg");
            out.row(Draft { key: sample.key, text, category, image, ..Draft::default() })
        }
        Err(why) => out.bad(&sample.key, BadKind::Encoding, &why, false),
    }
}
