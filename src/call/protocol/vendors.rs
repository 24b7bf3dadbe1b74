//! What `submit-poll` knows of each vendor, as its option's names and values.

/// What `vendor` stands for: key, value; lists are separated by `|`.
pub type Preset = &'static [(&'static str, &'static str)];

pub const PLAIN: Preset = &[
    ("submit", ""),
    ("auth", "authorization: Bearer "),
    ("wrap", ""),
    ("poll", "/polling_url"),
    ("status", "/status"),
    ("done", "done|completed|succeeded|success"),
    ("refused", "refused|moderated"),
    ("failed", "failed|error|canceled"),
    ("result", ""),
    ("image", "/image"),
];
pub const BFL: Preset = &[
    ("submit", "{model}"),
    ("auth", "x-key: "),
    ("poll", "/polling_url"),
    ("done", "Ready"),
    ("refused", "Request Moderated|Content Moderated"),
    ("failed", "Error|Failed|Task not found"),
    ("image", "/result/sample"),
    ("fields", "num_inference_steps=steps|guidance_scale=guidance"),
    ("poll_hosts", "*.bfl.ai"),
    ("image_hosts", "*.bfl.ai"),
];
pub const FAL: Preset = &[
    ("submit", "{model}"),
    ("auth", "authorization: Key "),
    ("poll", "/status_url"),
    ("done", "COMPLETED"),
    ("result", "/response_url"),
    ("image", "/images/0/url"),
    ("fields", "width=image_size.width|height=image_size.height"),
    ("image_hosts", "fal.media|*.fal.media"),
];
pub const REPLICATE: Preset = &[
    ("submit", "models/{model}/predictions"),
    ("wrap", "input"),
    ("poll", "/urls/get"),
    ("done", "succeeded"),
    ("failed", "failed|canceled"),
    ("image", "/output"),
    ("fields", "guidance_scale=guidance"),
    ("image_hosts", "replicate.delivery|*.replicate.delivery"),
];
