"""When the sample's things happened, in nanoseconds."""

NOW = 1_795_175_000_000_000_000
MINUTE = 60_000_000_000
