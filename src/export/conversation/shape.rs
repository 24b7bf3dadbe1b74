//! The shape of each turn: templates under `data/export/turns/`.
//!
//! What a turn looks like is read off a file, and `grammar` reads it back without looking there, so that
//! the two hold each other. Which turn comes when, and what goes into it, is up to `conversation`.

use crate::export::fill::fill;

/// A template and what goes into it.
macro_rules! shape {
    ($(#[$doc:meta])* $name:ident($($slot:ident),*) from $file:literal) => {
        $(#[$doc])*
        pub fn $name($($slot: &str),*) -> String {
            let template = include_str!(concat!("../../../data/export/turns/", $file)).trim_end();
            fill::<&str>(template, &[$((stringify!($slot), $slot)),*])
        }
    };
}

shape! {
    /// The user's turn.
    user(prompt) from "user.txt"
}
shape! {
    /// The first round's turn: T1 and the call.
    first(thinking, call) from "first.txt"
}
shape! {
    /// A later round's: the judgement that rejects the image before it, T and the call.
    again(judgement, thinking, call) from "again.txt"
}
shape! {
    /// The last turn: the judgement that accepts the image.
    accept(judgement) from "accept.txt"
}
shape! {
    /// The observation in the text dialect.
    observation_text() from "observation_text.txt"
}
shape! {
    /// The observation where the trainer's template writes tool turns.
    observation_native() from "observation_native.txt"
}
shape! {
    /// The call; `caption` is a JSON string, quotes and all.
    call(caption) from "call.txt"
}
