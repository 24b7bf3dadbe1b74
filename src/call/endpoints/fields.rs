//! The keys of a role's table that every protocol knows: one line each, for the docs and for
//! "did you mean".

/// Name and what it does.
pub const FIELDS: &[(&str, &str)] = &[
    ("protocol", "the wire format: one of `coldstart endpoints protocols`"),
    ("urls", "the server's base URL, or a list of equal servers: [\"http://gpu1:8000/v1\", …]"),
    ("model", "the name on the wire, when it is not the one in the pipeline's _models.toml"),
    ("same_as", "another role whose endpoint (and limits) this role shares"),
    ("key_env", "the environment variable that holds the API key"),
    ("max_in_flight", "calls in flight at most; without it the limit is found by trying"),
    ("rpm", "requests a minute at most"),
    ("tpm", "tokens a minute at most, input and output"),
    ("connect_timeout", "until connected; \"10s\""),
    ("first_byte_timeout", "until the answer begins; \"10m\" (\"15m\" for images)"),
    ("idle_timeout", "silence within an answer; \"5m\""),
    ("total_timeout", "the whole try; \"1h\" (\"15m\" for images)"),
    ("attempts", "tries of one call at most, refusals for overload apart; 8"),
    (
        "prices",
        "{input = 1.25, output = 10.0, cached = 0.31, thinking = 10.0} in USD per million tokens, \
         image = 0.04 in USD each",
    ),
    ("extra", "fields added to every request's body; they win over ours"),
    ("headers", "headers added to every request (never a key: that is `key_env`)"),
    ("image_hosts", "hosts besides the endpoint's own from which image URLs are fetched"),
    (
        "quota_is_rate",
        "true: a refusal that speaks of a used-up quota is a limit of speed, waited out and tried \
         again (DashScope means it so); false: it ends the run. Without it the protocol decides: \
         true for `dialect = \"dashscope\"`",
    ),
    ("accept_models", "names that may answer for the asked model"),
];

/// Keys that only make sense in one role's table, not in `[default]`.
pub const NOT_SHARED: [&str; 3] = ["model", "same_as", "protocol"];
