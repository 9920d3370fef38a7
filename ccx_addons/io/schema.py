"""The tables of data/ccx.db: MIGRATIONS, in order, never edited once released. Plain SQL, no database here.

Times are UTC milliseconds, durations milliseconds, tokens and bytes counts, costs US dollars. Text that is not known is
empty, numbers that are not known are NULL. Key material never enters: keys appear as masks and ids.
"""

from typing import Final

from ccx_addons.io.rollup_tables import old, taken_over

_REQUESTS: Final = """
CREATE TABLE requests (
    id TEXT NOT NULL PRIMARY KEY,               -- UUID version 7
    rev INTEGER NOT NULL,                       -- grows with every write of any row
    boot_id TEXT NOT NULL DEFAULT '',
    worker INTEGER NOT NULL DEFAULT 0,
    started_at INTEGER NOT NULL,
    ended_at INTEGER,
    state TEXT NOT NULL DEFAULT 'running',      -- running, ok, failed, client_left, lost
    phase TEXT NOT NULL DEFAULT '',
    kind TEXT NOT NULL DEFAULT '',
    operation TEXT NOT NULL DEFAULT '',
    stream INTEGER NOT NULL DEFAULT 0,
    client_name TEXT NOT NULL DEFAULT '',
    client_key_mask TEXT NOT NULL DEFAULT '',
    client_ip TEXT NOT NULL DEFAULT '',
    user_agent TEXT NOT NULL DEFAULT '',
    trace_hash TEXT NOT NULL DEFAULT '',
    route_prefix TEXT NOT NULL DEFAULT '',
    model TEXT NOT NULL DEFAULT '',
    upstream_model TEXT NOT NULL DEFAULT '',
    channel_id TEXT NOT NULL DEFAULT '',
    channel_name TEXT NOT NULL DEFAULT '',
    key_mask TEXT NOT NULL DEFAULT '',
    converted TEXT NOT NULL DEFAULT '',         -- e.g. messages>chat
    attempts_n INTEGER NOT NULL DEFAULT 0,
    status INTEGER NOT NULL DEFAULT 0,
    error_kind TEXT NOT NULL DEFAULT '',
    error_message TEXT NOT NULL DEFAULT '',
    stream_end TEXT NOT NULL DEFAULT '',
    ttfb_ms REAL,
    first_event_ms REAL,
    total_ms REAL,
    connect_ms REAL,
    tls_ms REAL,
    max_gap_ms REAL,
    input_tokens INTEGER,
    cache_read_tokens INTEGER,
    cache_write_tokens INTEGER,
    output_tokens INTEGER,
    reasoning_tokens INTEGER,
    usage_source TEXT NOT NULL DEFAULT '',      -- reported, estimated
    cost_usd REAL,
    price_source TEXT NOT NULL DEFAULT '',
    bytes_in INTEGER,
    bytes_out INTEGER,
    losses TEXT NOT NULL DEFAULT '',            -- JSON
    config_revision TEXT NOT NULL DEFAULT '',
    source TEXT NOT NULL DEFAULT 'proxy'        -- proxy, health, test, account, mirror
) STRICT
"""

_REQUESTS_LIST: Final = """
CREATE INDEX requests_list ON requests (
    started_at, id, kind, state, status, model, upstream_model, channel_id, channel_name, client_name, key_mask,
    converted, stream_end, attempts_n, total_ms, source, trace_hash, error_kind, error_message
)
"""

_ATTEMPTS: Final = """
CREATE TABLE attempts (
    request_id TEXT NOT NULL,
    n INTEGER NOT NULL,
    channel_id TEXT NOT NULL DEFAULT '',
    channel_name TEXT NOT NULL DEFAULT '',
    key_mask TEXT NOT NULL DEFAULT '',
    base_url TEXT NOT NULL DEFAULT '',
    upstream_model TEXT NOT NULL DEFAULT '',
    started_at INTEGER,
    connect_ms REAL,
    tls_ms REAL,
    ttfb_ms REAL,
    total_ms REAL,
    reused INTEGER NOT NULL DEFAULT 0,
    status INTEGER NOT NULL DEFAULT 0,
    outcome TEXT NOT NULL DEFAULT '',
    verdict TEXT NOT NULL DEFAULT '',
    reason TEXT NOT NULL DEFAULT '',
    error_message TEXT NOT NULL DEFAULT '',
    retry_after REAL,
    PRIMARY KEY (request_id, n)
) STRICT, WITHOUT ROWID
"""

_CANDIDATES: Final = """
CREATE TABLE candidates (
    request_id TEXT NOT NULL,
    "order" INTEGER NOT NULL,
    channel_id TEXT NOT NULL DEFAULT '',
    verdict TEXT NOT NULL DEFAULT '',
    reason TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (request_id, "order")
) STRICT, WITHOUT ROWID
"""

_BODIES: Final = """
CREATE TABLE bodies (
    request_id TEXT NOT NULL,
    side TEXT NOT NULL,                         -- whose it is (core/kept.py, Side)
    at INTEGER NOT NULL,
    headers TEXT NOT NULL DEFAULT '',           -- JSON: pairs
    body BLOB NOT NULL,                         -- zlib
    size INTEGER NOT NULL,                      -- before compression
    truncated INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (request_id, side)
) STRICT
"""

_STATE: Final = (
    """
CREATE TABLE breakers (
    kind TEXT NOT NULL,
    channel_id TEXT NOT NULL,
    base_url TEXT NOT NULL DEFAULT '',
    key_id TEXT NOT NULL DEFAULT '',
    model TEXT NOT NULL DEFAULT '',             -- empty: for every model
    rev INTEGER NOT NULL,
    state TEXT NOT NULL DEFAULT 'closed',       -- closed, open, half-open
    level INTEGER NOT NULL DEFAULT 0,
    failures INTEGER NOT NULL DEFAULT 0,        -- in a row
    opened_at INTEGER,
    until INTEGER,
    reason TEXT NOT NULL DEFAULT '',
    detail TEXT NOT NULL DEFAULT '',            -- JSON: the window's samples
    updated_at INTEGER,
    PRIMARY KEY (kind, channel_id, base_url, key_id, model)
) STRICT, WITHOUT ROWID
""",
    """
CREATE TABLE key_state (
    kind TEXT NOT NULL,
    channel_id TEXT NOT NULL,
    key_id TEXT NOT NULL,
    model TEXT NOT NULL DEFAULT '',             -- empty: for every model
    rev INTEGER NOT NULL,
    key_mask TEXT NOT NULL DEFAULT '',
    state TEXT NOT NULL DEFAULT 'ok',           -- ok, cooling, blocked
    reason TEXT NOT NULL DEFAULT '',
    message TEXT NOT NULL DEFAULT '',           -- the upstream's words, secrets masked
    until INTEGER,                              -- NULL: it does not rest
    failures INTEGER NOT NULL DEFAULT 0,        -- in a row
    failed_at INTEGER,
    used_at INTEGER,
    detail TEXT NOT NULL DEFAULT '',            -- JSON
    updated_at INTEGER,
    PRIMARY KEY (kind, channel_id, key_id, model)
) STRICT, WITHOUT ROWID
""",
    """
CREATE TABLE affinity (
    kind TEXT NOT NULL,
    trace_hash TEXT NOT NULL,
    rev INTEGER NOT NULL,
    channel_id TEXT NOT NULL DEFAULT '',
    key_id TEXT NOT NULL DEFAULT '',
    expires_at INTEGER NOT NULL,
    detail TEXT NOT NULL DEFAULT '',            -- JSON
    PRIMARY KEY (kind, trace_hash)
) STRICT, WITHOUT ROWID
""",
    """
CREATE TABLE sessions (
    kind TEXT NOT NULL,
    trace_hash TEXT NOT NULL,
    rev INTEGER NOT NULL,
    title TEXT NOT NULL DEFAULT '',
    parent TEXT NOT NULL DEFAULT '',            -- trace of the agent that started this one
    client_name TEXT NOT NULL DEFAULT '',
    model TEXT NOT NULL DEFAULT '',
    channel_id TEXT NOT NULL DEFAULT '',
    channel_name TEXT NOT NULL DEFAULT '',
    first_at INTEGER NOT NULL DEFAULT 0,
    last_at INTEGER NOT NULL DEFAULT 0,
    requests INTEGER NOT NULL DEFAULT 0,
    failed INTEGER NOT NULL DEFAULT 0,
    input_tokens INTEGER NOT NULL DEFAULT 0,
    cache_read_tokens INTEGER NOT NULL DEFAULT 0,
    output_tokens INTEGER NOT NULL DEFAULT 0,
    cost_usd REAL NOT NULL DEFAULT 0,
    PRIMARY KEY (kind, trace_hash)
) STRICT, WITHOUT ROWID
""",
    "CREATE INDEX sessions_last ON sessions (last_at)",
    """
CREATE TABLE overrides (
    kind TEXT NOT NULL,
    trace_hash TEXT NOT NULL,
    rev INTEGER NOT NULL,
    channels TEXT NOT NULL DEFAULT '',          -- JSON: channel ids in order
    avoid TEXT NOT NULL DEFAULT '',             -- JSON: channel ids
    created_at INTEGER,
    expires_at INTEGER,
    note TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (kind, trace_hash)
) STRICT, WITHOUT ROWID
""",
    """
CREATE TABLE commands (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    kind TEXT NOT NULL,                         -- reset, unblock, override, watch ...
    args TEXT NOT NULL DEFAULT ''               -- JSON
) STRICT
""",
    """
CREATE TABLE command_acks (
    command_id INTEGER NOT NULL,
    boot_id TEXT NOT NULL,
    worker INTEGER NOT NULL,
    at INTEGER NOT NULL,
    result TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (command_id, boot_id, worker)
) STRICT, WITHOUT ROWID
""",
    """
CREATE TABLE events (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    at INTEGER NOT NULL,
    boot_id TEXT NOT NULL DEFAULT '',
    worker INTEGER NOT NULL DEFAULT 0,
    level TEXT NOT NULL,                        -- info, warning, error
    kind TEXT NOT NULL,                         -- breaker, key, config, login, start, stop, store ...
    message TEXT NOT NULL DEFAULT '',
    detail TEXT NOT NULL DEFAULT ''
) STRICT
""",
    "CREATE INDEX events_kind ON events (kind, id)",
    """
CREATE TABLE response_sessions (
    id TEXT NOT NULL PRIMARY KEY,               -- the response id a client may name as previous_response_id
    client TEXT NOT NULL,
    created INTEGER NOT NULL,
    expires INTEGER NOT NULL,
    channel_id TEXT NOT NULL DEFAULT '',        -- whose upstream made it
    trace_hash TEXT NOT NULL DEFAULT '',        -- the conversation it belongs to
    messages TEXT NOT NULL                      -- JSON: Responses items
) STRICT
""",
    "CREATE INDEX response_sessions_expires ON response_sessions (expires)",
)


MIGRATIONS: Final[tuple[tuple[str, tuple[str, ...]], ...]] = (
    (
        "0001_start",
        (
            "CREATE TABLE counter (name TEXT NOT NULL PRIMARY KEY, value INTEGER NOT NULL) STRICT, WITHOUT ROWID",
            "INSERT INTO counter VALUES ('rev', unixepoch() * 1000)",
            _REQUESTS,
            _REQUESTS_LIST,
            "CREATE INDEX requests_rev ON requests (rev)",
            "CREATE INDEX requests_running ON requests (started_at) WHERE state = 'running'",
            _ATTEMPTS,
            _CANDIDATES,
            _BODIES,
            "CREATE INDEX bodies_at ON bodies (at)",
            *_STATE,
            old("rollup_hour", "hour"),
            old("rollup_day", "day"),
        ),
    ),
    ("0002_quarter_hours", (old("rollup_quarter", "quarter"),)),
    # JSON: the whole answer, where no upstream keeps it
    ("0003_stored_answers", ("ALTER TABLE response_sessions ADD COLUMN answer TEXT NOT NULL DEFAULT ''",)),
    # as that of the attempt's request: proxy, test
    ("0004_source_of_attempts", ("ALTER TABLE attempts ADD COLUMN source TEXT NOT NULL DEFAULT 'proxy'",)),
    (
        "0005_issued",
        (
            """
CREATE TABLE issued (
    id TEXT NOT NULL,                           -- of an answer or an item that an upstream keeps
    client TEXT NOT NULL,                       -- who got it
    channel_id TEXT NOT NULL,                   -- whose upstream keeps it
    expires INTEGER NOT NULL,
    PRIMARY KEY (id, client)
) STRICT, WITHOUT ROWID
""",
            "CREATE INDEX issued_expires ON issued (expires)",
        ),
    ),
    # with which key it was made
    (
        "0006_keys_of_answers",
        (
            "ALTER TABLE response_sessions ADD COLUMN key_id TEXT NOT NULL DEFAULT ''",
            "ALTER TABLE issued ADD COLUMN key_id TEXT NOT NULL DEFAULT ''",
        ),
    ),
    (
        "0007_refusals",
        (
            """
CREATE TABLE refusals (
    kind TEXT NOT NULL,
    channel_id TEXT NOT NULL,
    model TEXT NOT NULL,                        -- the upstream's name
    name TEXT NOT NULL,                         -- what is left out of requests
    rev INTEGER NOT NULL,
    reason TEXT NOT NULL DEFAULT '',            -- the upstream's words
    since INTEGER,
    until INTEGER,                              -- null: forgotten
    updated_at INTEGER NOT NULL,
    detail TEXT NOT NULL DEFAULT '',            -- JSON
    PRIMARY KEY (kind, channel_id, model, name)
) STRICT, WITHOUT ROWID
""",
        ),
    ),
    (
        "0008_shapes",
        (
            """
CREATE TABLE shapes (
    request_id TEXT NOT NULL PRIMARY KEY,
    trace_hash TEXT NOT NULL,
    kind TEXT NOT NULL,
    at INTEGER NOT NULL,
    client_name TEXT NOT NULL DEFAULT '',
    channel_id TEXT NOT NULL DEFAULT '',
    parts TEXT NOT NULL,                        -- JSON: names, sizes and keyed hashes (core/shape.py)
    before_id TEXT NOT NULL DEFAULT '',         -- the request that this one continues
    why TEXT NOT NULL DEFAULT '',               -- JSON: why its cache was lost
    again_tokens INTEGER NOT NULL DEFAULT 0,    -- tokens that were in the cache and are paid for again
    again_usd REAL                              -- what they cost more by that
) STRICT
""",
            "CREATE INDEX shapes_trace ON shapes (trace_hash, at)",
            "CREATE INDEX shapes_again ON shapes (at, client_name, channel_id, again_tokens, again_usd)"
            " WHERE again_tokens > 0",
        ),
    ),
    (
        "0009_use_of_keys",
        (
            """
CREATE TABLE key_use (
    channel_id TEXT NOT NULL,
    key_id TEXT NOT NULL,
    used_at INTEGER NOT NULL,                   -- last, give or take a minute
    PRIMARY KEY (channel_id, key_id)
) STRICT, WITHOUT ROWID
""",
        ),
    ),
    ("0010_rollups", tuple(taken_over())),
    (
        "0011_said_and_views",
        (
            "CREATE VIRTUAL TABLE said USING fts5 (words)",  # by the rowid of the body it was in
            "CREATE TRIGGER said_is_gone AFTER DELETE ON bodies BEGIN DELETE FROM said WHERE rowid = old.rowid; END",
            """
CREATE TABLE views (
    name TEXT NOT NULL PRIMARY KEY,
    query TEXT NOT NULL,                        -- of the list of requests
    at INTEGER NOT NULL,
    who TEXT NOT NULL DEFAULT ''
) STRICT
""",
        ),
    ),
    (
        "0012_alerts",
        (
            """
CREATE TABLE alerts (
    key TEXT NOT NULL PRIMARY KEY,              -- what is wrong now and was told
    event TEXT NOT NULL,
    subject TEXT NOT NULL,
    text TEXT NOT NULL DEFAULT '',
    path TEXT NOT NULL DEFAULT '',
    since INTEGER NOT NULL
) STRICT, WITHOUT ROWID
""",
            """
CREATE TABLE deliveries (
    id TEXT NOT NULL,
    alert TEXT NOT NULL,                        -- name of the receiver
    event TEXT NOT NULL,
    state TEXT NOT NULL,                        -- firing, resolved, test
    subject TEXT NOT NULL,
    text TEXT NOT NULL DEFAULT '',
    at INTEGER NOT NULL,
    tried_at INTEGER NOT NULL,
    due INTEGER NOT NULL,                       -- of the next try
    tries INTEGER NOT NULL DEFAULT 0,
    outcome TEXT NOT NULL,                      -- waiting, told, failed, dropped
    status INTEGER NOT NULL DEFAULT 0,
    words TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (id, alert)
) STRICT, WITHOUT ROWID
""",
            "CREATE INDEX deliveries_at ON deliveries (at)",
        ),
    ),
    (
        "0013_mirrors",
        (
            """
CREATE TABLE mirrored (
    id TEXT NOT NULL PRIMARY KEY,               -- of the mirror's request
    original TEXT NOT NULL,                     -- id of the client's
    mirror TEXT NOT NULL,                       -- name of the mirror
    at INTEGER NOT NULL,
    stop TEXT NOT NULL DEFAULT '',              -- how the answer ended
    original_stop TEXT NOT NULL DEFAULT '',
    calls INTEGER,                              -- of tools; NULL: the answers were not compared
    original_calls INTEGER,
    same_tools INTEGER,                         -- NULL: neither called one
    same_arguments INTEGER,
    alike REAL                                  -- the text, from 0 to 1
) STRICT
""",
            "CREATE INDEX mirrored_at ON mirrored (mirror, at)",
            "CREATE INDEX mirrored_original ON mirrored (original)",
            """
CREATE TABLE mirror_left_out (
    mirror TEXT NOT NULL,
    at INTEGER NOT NULL,                        -- the hour
    why TEXT NOT NULL,                          -- busy, limit, budget, channel, elsewhere
    n INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (mirror, at, why)
) STRICT, WITHOUT ROWID
""",
        ),
    ),
    # which answer an item is a part of
    ("0014_answers_of_items", ("ALTER TABLE issued ADD COLUMN answer TEXT NOT NULL DEFAULT ''",)),
    # when it came: JSON, [lines by then, ms since the request came] for each moment
    ("0015_times_of_bodies", ("ALTER TABLE bodies ADD COLUMN times TEXT NOT NULL DEFAULT ''",)),
)
"""(name, statements). Revisions begin with the time in milliseconds, so that a database made anew never counts below
its forerunner: whoever follows the revisions does not have to know that it was replaced."""
