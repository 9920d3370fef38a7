BEGIN TRANSACTION;
CREATE TABLE "_sqlite_migrations" (
   "id" INTEGER PRIMARY KEY,
   "migration_set" TEXT,
   "name" TEXT,
   "applied_at" TEXT
);
INSERT INTO "_sqlite_migrations" VALUES(1,'ccx','0001_start','2026-11-29 01:36:16.614330+00:00');
INSERT INTO "_sqlite_migrations" VALUES(2,'ccx','0002_quarter_hours','2026-11-29 01:36:16.614648+00:00');
INSERT INTO "_sqlite_migrations" VALUES(3,'ccx','0003_stored_answers','2026-11-29 01:36:16.617705+00:00');
INSERT INTO "_sqlite_migrations" VALUES(4,'ccx','0004_source_of_attempts','2026-11-29 01:36:16.619284+00:00');
INSERT INTO "_sqlite_migrations" VALUES(5,'ccx','0005_issued','2026-11-29 01:36:16.620504+00:00');
INSERT INTO "_sqlite_migrations" VALUES(6,'ccx','0006_keys_of_answers','2026-11-29 01:36:16.622673+00:00');
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
;
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
    retry_after REAL, source TEXT NOT NULL DEFAULT 'proxy',
    PRIMARY KEY (request_id, n)
) STRICT, WITHOUT ROWID
;
INSERT INTO "attempts" VALUES('01a0bfe6-6649-7e14-be71-b211868662a2',1,'ch_main0001','main','sk-a…AAAA','https://api.anthropic.com','claude-opus-4-7',1789925942857,21.5,32.1,311.8,8537.7,0,200,'ok','commit','','',NULL,'proxy');
INSERT INTO "attempts" VALUES('01a0c0a2-bc92-71e9-a25b-d366d8456c49',1,'ch_codex003','codex','sk-p…CCCC','https://api.example.com/v1','gpt-5.4-codex',1789938285714,NULL,NULL,581.7,2278.1,0,200,'ok','commit','','',NULL,'proxy');
INSERT INTO "attempts" VALUES('01a0c15f-12db-73a8-8418-ecc5ebea8d01',1,'ch_main0001','main','sk-a…AAAA','https://api.anthropic.com','claude-sonnet-5',1789950628571,NULL,NULL,1268.7,3853.4,0,200,'ok','commit','','',NULL,'proxy');
INSERT INTO "attempts" VALUES('01a0c21b-6924-7725-af7b-8d856f3f8402',1,'ch_main0001','main','sk-a…AAAA','https://api.anthropic.com','claude-sonnet-5',1789962971428,NULL,NULL,711.2,11861.9,0,200,'ok','commit','','',NULL,'proxy');
INSERT INTO "attempts" VALUES('01a0c2d7-bf6d-7eac-8f2f-7d61256f78b7',1,'ch_codex003','codex','sk-p…CCCC','https://api.example.com/v1','gpt-5.4-codex',1789975314285,NULL,NULL,487.8,6641.4,0,200,'ok','commit','','',NULL,'proxy');
INSERT INTO "attempts" VALUES('01a0c394-15b6-70b0-8a39-fa2fdc876c00',1,'ch_gem00004','gemini','AIza…DDDD','https://api.example.com/v1','gemini-3.8-flash',1789987657142,NULL,NULL,519.0,1202.7,0,200,'ok','commit','','',NULL,'proxy');
CREATE TABLE bodies (
    request_id TEXT NOT NULL,
    side TEXT NOT NULL,                         -- client_request, upstream_request, upstream_response, client_response
    at INTEGER NOT NULL,
    headers TEXT NOT NULL DEFAULT '',           -- JSON: pairs
    body BLOB NOT NULL,                         -- zlib
    size INTEGER NOT NULL,                      -- before compression
    truncated INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (request_id, side)
) STRICT
;
INSERT INTO "bodies" VALUES('01a0c394-15b6-70b0-8a39-fa2fdc876c00','client_request',1790000000000,'[["content-type", "application/json"]]',X'7801AB56CACD4F49CD51B252504ACE492C4D49D5CD2F282DD635D13557D25150CA4DAC882FC9CF4ECD2B062A3034300009A5161727A6A78204A2AB958AF27352417A4B8B538B401A92F3F34A52F34A40421E994AB5B1B500B3541DE6',96,0);
INSERT INTO "bodies" VALUES('01a0c394-15b6-70b0-8a39-fa2fdc876c00','client_response',1790000000000,'[["content-type", "application/json"]]',X'7801AB562AA92C4855B25250CA4D2D2E4E4C4F55D251504ACECF2B49CD2B018A4657C3E54B522B4A4092601AA8DE233527275F51A936B61600EED81588',68,0);
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
;
INSERT INTO "breakers" VALUES('messages','ch_main0001','https://api.anthropic.com','','',1795916176007,'open',1,5,1789999988000,1790000048000,'5 failures in a row, last 529','',1790000000000);
CREATE TABLE candidates (
    request_id TEXT NOT NULL,
    "order" INTEGER NOT NULL,
    channel_id TEXT NOT NULL DEFAULT '',
    verdict TEXT NOT NULL DEFAULT '',
    reason TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (request_id, "order")
) STRICT, WITHOUT ROWID
;
CREATE TABLE command_acks (
    command_id INTEGER NOT NULL,
    boot_id TEXT NOT NULL,
    worker INTEGER NOT NULL,
    at INTEGER NOT NULL,
    result TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (command_id, boot_id, worker)
) STRICT, WITHOUT ROWID
;
CREATE TABLE commands (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    kind TEXT NOT NULL,                         -- reset, unblock, override, watch ...
    args TEXT NOT NULL DEFAULT ''               -- JSON
) STRICT
;
CREATE TABLE counter (name TEXT NOT NULL PRIMARY KEY, value INTEGER NOT NULL) STRICT, WITHOUT ROWID;
INSERT INTO "counter" VALUES('rev',1795916176010);
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
;
INSERT INTO "events" VALUES(1,1790000000000,'kept',-1,'info','start','the gateway started','');
INSERT INTO "events" VALUES(2,1790000000000,'kept',-1,'warning','breaker','main opened: 5 failures in a row, last 529','');
CREATE TABLE issued (
    id TEXT NOT NULL,                           -- of an answer or an item that an upstream keeps
    client TEXT NOT NULL,                       -- who got it
    channel_id TEXT NOT NULL,                   -- whose upstream keeps it
    expires INTEGER NOT NULL, key_id TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (id, client)
) STRICT, WITHOUT ROWID
;
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
;
INSERT INTO "key_state" VALUES('responses','ch_codex003','k_00000000','',1795916176008,'sk-p…CCCC','cooling','rate limit','',1790000120000,1,1789999995000,NULL,'',NULL);
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
;
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
    source TEXT NOT NULL DEFAULT 'proxy'        -- proxy, health, test
) STRICT
;
INSERT INTO "requests" VALUES('01a0bfe6-6649-7e14-be71-b211868662a2',1795916176001,'seed',0,1789925942857,1789925951394,'ok','done','messages','generate',1,'default','ccx-…cdef','192.168.1.3','claude-cli/2.1.330 (external, cli)','00000000000000000000000000000000','','claude-opus-4-7','claude-opus-4-7','ch_main0001','main','sk-a…AAAA','',1,200,'','','done',311.8,389.8,8537.7,21.5,32.1,575.0,2919,2346,0,469,0,'reported',0.009458,'list:seed/claude-opus-4-7',11676,2000,'','seed','proxy');
INSERT INTO "requests" VALUES('01a0c0a2-bc92-71e9-a25b-d366d8456c49',1795916176002,'seed',0,1789938285714,1789938287992,'ok','done','responses','generate',1,'default','ccx-…cdef','192.168.1.6','codex_cli_rs/0.169.0','00000000000000000000000000000000','','gpt-5.4-codex','gpt-5.4-codex','ch_codex003','codex','sk-p…CCCC','',1,200,'','','done',581.7,727.1,2278.1,NULL,NULL,72.4,19186,16047,0,83,20,'reported',0.015476,'list:seed/gpt-5.4-codex',76744,2001,'','seed','proxy');
INSERT INTO "requests" VALUES('01a0c15f-12db-73a8-8418-ecc5ebea8d01',1795916176003,'seed',0,1789950628571,1789950632424,'ok','done','messages','generate',1,'ci','ccx-…cdef','192.168.1.4','claude-cli/2.1.330 (external, cli)','00000000000000000000000000000000','','claude-sonnet-5','claude-sonnet-5','ch_main0001','main','sk-a…AAAA','',1,200,'','','done',1268.7,1585.9,3853.4,NULL,NULL,555.9,16694,13074,0,90,0,'reported',0.016132,'list:seed/claude-sonnet-5',66776,2002,'','seed','proxy');
INSERT INTO "requests" VALUES('01a0c21b-6924-7725-af7b-8d856f3f8402',1795916176004,'seed',0,1789962971428,1789962983289,'ok','done','messages','generate',1,'ci','ccx-…cdef','192.168.1.2','claude-cli/2.1.330 (external, cli)','00000000000000000000000000000000','','claude-sonnet-5','claude-sonnet-5','ch_main0001','main','sk-a…AAAA','',1,200,'','','done',711.2,889.0,11861.9,NULL,NULL,759.2,27066,23202,0,1720,0,'reported',0.044353,'list:seed/claude-sonnet-5',108264,2003,'','seed','proxy');
INSERT INTO "requests" VALUES('01a0c2d7-bf6d-7eac-8f2f-7d61256f78b7',1795916176005,'seed',0,1789975314285,1789975320926,'ok','done','responses','generate',1,'alice-laptop','ccx-…cdef','192.168.1.5','codex_cli_rs/0.169.0','00000000000000000000000000000000','','gpt-5.4-codex','gpt-5.4-codex','ch_codex003','codex','sk-p…CCCC','',1,200,'','','done',487.8,609.8,6641.4,NULL,NULL,364.0,5232,3561,0,332,83,'reported',0.011061,'list:seed/gpt-5.4-codex',20928,2004,'','seed','proxy');
INSERT INTO "requests" VALUES('01a0c394-15b6-70b0-8a39-fa2fdc876c00',1795916176006,'seed',0,1789987657142,1789987658344,'ok','done','gemini','generate',1,'ci','ccx-…cdef','192.168.1.8','GeminiCLI/0.61.0','','','gemini-3.8-flash','gemini-3.8-flash','ch_gem00004','gemini','AIza…DDDD','',1,200,'','','done',519.0,648.7,1202.7,NULL,NULL,538.4,4802,0,0,323,0,'reported',NULL,'',19208,2005,'','seed','proxy');
INSERT INTO "requests" VALUES('01a0c450-5c60-7767-b32f-95a7df96a29f',1795916176009,'kept',0,1789999996000,NULL,'running','streaming','gemini','generate',1,'alice-laptop','','','','','','gemini-3.8-flash','','ch_gem00004','gemini','','',1,0,'','','',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'',NULL,'',NULL,NULL,'','','proxy');
INSERT INTO "requests" VALUES('01a0c450-5878-75da-be04-dc4d5af1087b',1795916176010,'kept',0,1789999995000,NULL,'running','streaming','messages','generate',1,'alice-laptop','','','','','','claude-opus-4-7','','ch_main0001','main','','',1,0,'','','',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'',NULL,'',NULL,NULL,'','','proxy');
CREATE TABLE response_sessions (
    id TEXT NOT NULL PRIMARY KEY,               -- the response id a client may name as previous_response_id
    client TEXT NOT NULL,
    created INTEGER NOT NULL,
    expires INTEGER NOT NULL,
    channel_id TEXT NOT NULL DEFAULT '',        -- whose upstream made it
    trace_hash TEXT NOT NULL DEFAULT '',        -- the conversation it belongs to
    messages TEXT NOT NULL                      -- JSON: Responses items
, answer TEXT NOT NULL DEFAULT '', key_id TEXT NOT NULL DEFAULT '') STRICT
;
CREATE TABLE rollup_day (
    day INTEGER NOT NULL,
    kind TEXT NOT NULL,
    channel_id TEXT NOT NULL,
    model TEXT NOT NULL,
    client_name TEXT NOT NULL,
    key_mask TEXT NOT NULL,
    channel_name TEXT NOT NULL DEFAULT '',
    requests INTEGER NOT NULL DEFAULT 0,
    ok INTEGER NOT NULL DEFAULT 0,
    failed INTEGER NOT NULL DEFAULT 0,
    client_left INTEGER NOT NULL DEFAULT 0,
    lost INTEGER NOT NULL DEFAULT 0,
    failovers INTEGER NOT NULL DEFAULT 0,
    attempts INTEGER NOT NULL DEFAULT 0,
    input_tokens INTEGER NOT NULL DEFAULT 0,
    cache_read_tokens INTEGER NOT NULL DEFAULT 0,
    cache_write_tokens INTEGER NOT NULL DEFAULT 0,
    output_tokens INTEGER NOT NULL DEFAULT 0,
    reasoning_tokens INTEGER NOT NULL DEFAULT 0,
    wasted_tokens INTEGER NOT NULL DEFAULT 0,
    cost_usd REAL NOT NULL DEFAULT 0,
    unpriced INTEGER NOT NULL DEFAULT 0,
    stream_tokens INTEGER NOT NULL DEFAULT 0,
    stream_ms REAL NOT NULL DEFAULT 0,
    ttft_0 INTEGER NOT NULL DEFAULT 0,
    ttft_1 INTEGER NOT NULL DEFAULT 0,
    ttft_2 INTEGER NOT NULL DEFAULT 0,
    ttft_3 INTEGER NOT NULL DEFAULT 0,
    ttft_4 INTEGER NOT NULL DEFAULT 0,
    ttft_5 INTEGER NOT NULL DEFAULT 0,
    ttft_6 INTEGER NOT NULL DEFAULT 0,
    ttft_7 INTEGER NOT NULL DEFAULT 0,
    ttft_8 INTEGER NOT NULL DEFAULT 0,
    ttft_9 INTEGER NOT NULL DEFAULT 0,
    ttft_10 INTEGER NOT NULL DEFAULT 0,
    ttft_11 INTEGER NOT NULL DEFAULT 0,
    ttft_12 INTEGER NOT NULL DEFAULT 0,
    ttft_13 INTEGER NOT NULL DEFAULT 0,
    ttft_14 INTEGER NOT NULL DEFAULT 0,
    ttft_15 INTEGER NOT NULL DEFAULT 0,
    ttft_16 INTEGER NOT NULL DEFAULT 0,
    ttft_17 INTEGER NOT NULL DEFAULT 0,
    ttft_18 INTEGER NOT NULL DEFAULT 0,
    ttft_19 INTEGER NOT NULL DEFAULT 0,
    ttft_20 INTEGER NOT NULL DEFAULT 0,
    total_0 INTEGER NOT NULL DEFAULT 0,
    total_1 INTEGER NOT NULL DEFAULT 0,
    total_2 INTEGER NOT NULL DEFAULT 0,
    total_3 INTEGER NOT NULL DEFAULT 0,
    total_4 INTEGER NOT NULL DEFAULT 0,
    total_5 INTEGER NOT NULL DEFAULT 0,
    total_6 INTEGER NOT NULL DEFAULT 0,
    total_7 INTEGER NOT NULL DEFAULT 0,
    total_8 INTEGER NOT NULL DEFAULT 0,
    total_9 INTEGER NOT NULL DEFAULT 0,
    total_10 INTEGER NOT NULL DEFAULT 0,
    total_11 INTEGER NOT NULL DEFAULT 0,
    total_12 INTEGER NOT NULL DEFAULT 0,
    total_13 INTEGER NOT NULL DEFAULT 0,
    total_14 INTEGER NOT NULL DEFAULT 0,
    total_15 INTEGER NOT NULL DEFAULT 0,
    total_16 INTEGER NOT NULL DEFAULT 0,
    total_17 INTEGER NOT NULL DEFAULT 0,
    total_18 INTEGER NOT NULL DEFAULT 0,
    total_19 INTEGER NOT NULL DEFAULT 0,
    total_20 INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (day, kind, channel_id, model, client_name, key_mask)
) WITHOUT ROWID
;
INSERT INTO "rollup_day" VALUES(1789862400000,'messages','ch_main0001','claude-opus-4-7','default','sk-a…AAAA','main',1,1,0,0,0,0,1,2919,2346,0,469,0,0,0.009458,0,469,8.14790000000000054578e+03,0,0,0,0,0,1,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,1,0,0,0,0,0,0);
INSERT INTO "rollup_day" VALUES(1789862400000,'responses','ch_codex003','gpt-5.4-codex','default','sk-p…CCCC','codex',1,1,0,0,0,0,1,19186,16047,0,83,20,0,0.015476,0,83,1551.0,0,0,0,0,0,0,0,0,1,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,1,0,0,0,0,0,0,0,0,0);
INSERT INTO "rollup_day" VALUES(1789948800000,'gemini','ch_gem00004','gemini-3.8-flash','ci','AIza…DDDD','gemini',1,1,0,0,0,0,1,4802,0,0,323,0,0,0.0,1,323,554.0,0,0,0,0,0,0,0,1,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,1,0,0,0,0,0,0,0,0,0,0,0);
INSERT INTO "rollup_day" VALUES(1789948800000,'messages','ch_main0001','claude-sonnet-5','ci','sk-a…AAAA','main',2,2,0,0,0,0,2,43760,36276,0,1810,0,0,0.060485,0,1810,13240.4,0,0,0,0,0,0,0,0,1,0,1,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,1,0,0,1,0,0,0,0,0);
INSERT INTO "rollup_day" VALUES(1789948800000,'responses','ch_codex003','gpt-5.4-codex','alice-laptop','sk-p…CCCC','codex',1,1,0,0,0,0,1,5232,3561,0,332,83,0,0.011061,0,332,6.03159999999999945448e+03,0,0,0,0,0,0,0,1,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,1,0,0,0,0,0,0,0);
CREATE TABLE rollup_hour (
    hour INTEGER NOT NULL,
    kind TEXT NOT NULL,
    channel_id TEXT NOT NULL,
    model TEXT NOT NULL,
    client_name TEXT NOT NULL,
    key_mask TEXT NOT NULL,
    channel_name TEXT NOT NULL DEFAULT '',
    requests INTEGER NOT NULL DEFAULT 0,
    ok INTEGER NOT NULL DEFAULT 0,
    failed INTEGER NOT NULL DEFAULT 0,
    client_left INTEGER NOT NULL DEFAULT 0,
    lost INTEGER NOT NULL DEFAULT 0,
    failovers INTEGER NOT NULL DEFAULT 0,
    attempts INTEGER NOT NULL DEFAULT 0,
    input_tokens INTEGER NOT NULL DEFAULT 0,
    cache_read_tokens INTEGER NOT NULL DEFAULT 0,
    cache_write_tokens INTEGER NOT NULL DEFAULT 0,
    output_tokens INTEGER NOT NULL DEFAULT 0,
    reasoning_tokens INTEGER NOT NULL DEFAULT 0,
    wasted_tokens INTEGER NOT NULL DEFAULT 0,
    cost_usd REAL NOT NULL DEFAULT 0,
    unpriced INTEGER NOT NULL DEFAULT 0,
    stream_tokens INTEGER NOT NULL DEFAULT 0,
    stream_ms REAL NOT NULL DEFAULT 0,
    ttft_0 INTEGER NOT NULL DEFAULT 0,
    ttft_1 INTEGER NOT NULL DEFAULT 0,
    ttft_2 INTEGER NOT NULL DEFAULT 0,
    ttft_3 INTEGER NOT NULL DEFAULT 0,
    ttft_4 INTEGER NOT NULL DEFAULT 0,
    ttft_5 INTEGER NOT NULL DEFAULT 0,
    ttft_6 INTEGER NOT NULL DEFAULT 0,
    ttft_7 INTEGER NOT NULL DEFAULT 0,
    ttft_8 INTEGER NOT NULL DEFAULT 0,
    ttft_9 INTEGER NOT NULL DEFAULT 0,
    ttft_10 INTEGER NOT NULL DEFAULT 0,
    ttft_11 INTEGER NOT NULL DEFAULT 0,
    ttft_12 INTEGER NOT NULL DEFAULT 0,
    ttft_13 INTEGER NOT NULL DEFAULT 0,
    ttft_14 INTEGER NOT NULL DEFAULT 0,
    ttft_15 INTEGER NOT NULL DEFAULT 0,
    ttft_16 INTEGER NOT NULL DEFAULT 0,
    ttft_17 INTEGER NOT NULL DEFAULT 0,
    ttft_18 INTEGER NOT NULL DEFAULT 0,
    ttft_19 INTEGER NOT NULL DEFAULT 0,
    ttft_20 INTEGER NOT NULL DEFAULT 0,
    total_0 INTEGER NOT NULL DEFAULT 0,
    total_1 INTEGER NOT NULL DEFAULT 0,
    total_2 INTEGER NOT NULL DEFAULT 0,
    total_3 INTEGER NOT NULL DEFAULT 0,
    total_4 INTEGER NOT NULL DEFAULT 0,
    total_5 INTEGER NOT NULL DEFAULT 0,
    total_6 INTEGER NOT NULL DEFAULT 0,
    total_7 INTEGER NOT NULL DEFAULT 0,
    total_8 INTEGER NOT NULL DEFAULT 0,
    total_9 INTEGER NOT NULL DEFAULT 0,
    total_10 INTEGER NOT NULL DEFAULT 0,
    total_11 INTEGER NOT NULL DEFAULT 0,
    total_12 INTEGER NOT NULL DEFAULT 0,
    total_13 INTEGER NOT NULL DEFAULT 0,
    total_14 INTEGER NOT NULL DEFAULT 0,
    total_15 INTEGER NOT NULL DEFAULT 0,
    total_16 INTEGER NOT NULL DEFAULT 0,
    total_17 INTEGER NOT NULL DEFAULT 0,
    total_18 INTEGER NOT NULL DEFAULT 0,
    total_19 INTEGER NOT NULL DEFAULT 0,
    total_20 INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (hour, kind, channel_id, model, client_name, key_mask)
) WITHOUT ROWID
;
INSERT INTO "rollup_hour" VALUES(1789923600000,'messages','ch_main0001','claude-opus-4-7','default','sk-a…AAAA','main',1,1,0,0,0,0,1,2919,2346,0,469,0,0,0.009458,0,469,8.14790000000000054578e+03,0,0,0,0,0,1,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,1,0,0,0,0,0,0);
INSERT INTO "rollup_hour" VALUES(1789938000000,'responses','ch_codex003','gpt-5.4-codex','default','sk-p…CCCC','codex',1,1,0,0,0,0,1,19186,16047,0,83,20,0,0.015476,0,83,1551.0,0,0,0,0,0,0,0,0,1,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,1,0,0,0,0,0,0,0,0,0);
INSERT INTO "rollup_hour" VALUES(1789948800000,'messages','ch_main0001','claude-sonnet-5','ci','sk-a…AAAA','main',1,1,0,0,0,0,1,16694,13074,0,90,0,0,0.016132,0,90,2267.5,0,0,0,0,0,0,0,0,0,0,1,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,1,0,0,0,0,0,0,0,0);
INSERT INTO "rollup_hour" VALUES(1789959600000,'messages','ch_main0001','claude-sonnet-5','ci','sk-a…AAAA','main',1,1,0,0,0,0,1,27066,23202,0,1720,0,0,0.044353,0,1720,10972.9,0,0,0,0,0,0,0,0,1,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,1,0,0,0,0,0);
INSERT INTO "rollup_hour" VALUES(1789974000000,'responses','ch_codex003','gpt-5.4-codex','alice-laptop','sk-p…CCCC','codex',1,1,0,0,0,0,1,5232,3561,0,332,83,0,0.011061,0,332,6.03159999999999945448e+03,0,0,0,0,0,0,0,1,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,1,0,0,0,0,0,0,0);
INSERT INTO "rollup_hour" VALUES(1789984800000,'gemini','ch_gem00004','gemini-3.8-flash','ci','AIza…DDDD','gemini',1,1,0,0,0,0,1,4802,0,0,323,0,0,0.0,1,323,554.0,0,0,0,0,0,0,0,1,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,1,0,0,0,0,0,0,0,0,0,0,0);
CREATE TABLE rollup_quarter (
    quarter INTEGER NOT NULL,
    kind TEXT NOT NULL,
    channel_id TEXT NOT NULL,
    model TEXT NOT NULL,
    client_name TEXT NOT NULL,
    key_mask TEXT NOT NULL,
    channel_name TEXT NOT NULL DEFAULT '',
    requests INTEGER NOT NULL DEFAULT 0,
    ok INTEGER NOT NULL DEFAULT 0,
    failed INTEGER NOT NULL DEFAULT 0,
    client_left INTEGER NOT NULL DEFAULT 0,
    lost INTEGER NOT NULL DEFAULT 0,
    failovers INTEGER NOT NULL DEFAULT 0,
    attempts INTEGER NOT NULL DEFAULT 0,
    input_tokens INTEGER NOT NULL DEFAULT 0,
    cache_read_tokens INTEGER NOT NULL DEFAULT 0,
    cache_write_tokens INTEGER NOT NULL DEFAULT 0,
    output_tokens INTEGER NOT NULL DEFAULT 0,
    reasoning_tokens INTEGER NOT NULL DEFAULT 0,
    wasted_tokens INTEGER NOT NULL DEFAULT 0,
    cost_usd REAL NOT NULL DEFAULT 0,
    unpriced INTEGER NOT NULL DEFAULT 0,
    stream_tokens INTEGER NOT NULL DEFAULT 0,
    stream_ms REAL NOT NULL DEFAULT 0,
    ttft_0 INTEGER NOT NULL DEFAULT 0,
    ttft_1 INTEGER NOT NULL DEFAULT 0,
    ttft_2 INTEGER NOT NULL DEFAULT 0,
    ttft_3 INTEGER NOT NULL DEFAULT 0,
    ttft_4 INTEGER NOT NULL DEFAULT 0,
    ttft_5 INTEGER NOT NULL DEFAULT 0,
    ttft_6 INTEGER NOT NULL DEFAULT 0,
    ttft_7 INTEGER NOT NULL DEFAULT 0,
    ttft_8 INTEGER NOT NULL DEFAULT 0,
    ttft_9 INTEGER NOT NULL DEFAULT 0,
    ttft_10 INTEGER NOT NULL DEFAULT 0,
    ttft_11 INTEGER NOT NULL DEFAULT 0,
    ttft_12 INTEGER NOT NULL DEFAULT 0,
    ttft_13 INTEGER NOT NULL DEFAULT 0,
    ttft_14 INTEGER NOT NULL DEFAULT 0,
    ttft_15 INTEGER NOT NULL DEFAULT 0,
    ttft_16 INTEGER NOT NULL DEFAULT 0,
    ttft_17 INTEGER NOT NULL DEFAULT 0,
    ttft_18 INTEGER NOT NULL DEFAULT 0,
    ttft_19 INTEGER NOT NULL DEFAULT 0,
    ttft_20 INTEGER NOT NULL DEFAULT 0,
    total_0 INTEGER NOT NULL DEFAULT 0,
    total_1 INTEGER NOT NULL DEFAULT 0,
    total_2 INTEGER NOT NULL DEFAULT 0,
    total_3 INTEGER NOT NULL DEFAULT 0,
    total_4 INTEGER NOT NULL DEFAULT 0,
    total_5 INTEGER NOT NULL DEFAULT 0,
    total_6 INTEGER NOT NULL DEFAULT 0,
    total_7 INTEGER NOT NULL DEFAULT 0,
    total_8 INTEGER NOT NULL DEFAULT 0,
    total_9 INTEGER NOT NULL DEFAULT 0,
    total_10 INTEGER NOT NULL DEFAULT 0,
    total_11 INTEGER NOT NULL DEFAULT 0,
    total_12 INTEGER NOT NULL DEFAULT 0,
    total_13 INTEGER NOT NULL DEFAULT 0,
    total_14 INTEGER NOT NULL DEFAULT 0,
    total_15 INTEGER NOT NULL DEFAULT 0,
    total_16 INTEGER NOT NULL DEFAULT 0,
    total_17 INTEGER NOT NULL DEFAULT 0,
    total_18 INTEGER NOT NULL DEFAULT 0,
    total_19 INTEGER NOT NULL DEFAULT 0,
    total_20 INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (quarter, kind, channel_id, model, client_name, key_mask)
) WITHOUT ROWID
;
INSERT INTO "rollup_quarter" VALUES(1789925400000,'messages','ch_main0001','claude-opus-4-7','default','sk-a…AAAA','main',1,1,0,0,0,0,1,2919,2346,0,469,0,0,0.009458,0,469,8.14790000000000054578e+03,0,0,0,0,0,1,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,1,0,0,0,0,0,0);
INSERT INTO "rollup_quarter" VALUES(1789938000000,'responses','ch_codex003','gpt-5.4-codex','default','sk-p…CCCC','codex',1,1,0,0,0,0,1,19186,16047,0,83,20,0,0.015476,0,83,1551.0,0,0,0,0,0,0,0,0,1,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,1,0,0,0,0,0,0,0,0,0);
INSERT INTO "rollup_quarter" VALUES(1789950600000,'messages','ch_main0001','claude-sonnet-5','ci','sk-a…AAAA','main',1,1,0,0,0,0,1,16694,13074,0,90,0,0,0.016132,0,90,2267.5,0,0,0,0,0,0,0,0,0,0,1,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,1,0,0,0,0,0,0,0,0);
INSERT INTO "rollup_quarter" VALUES(1789962300000,'messages','ch_main0001','claude-sonnet-5','ci','sk-a…AAAA','main',1,1,0,0,0,0,1,27066,23202,0,1720,0,0,0.044353,0,1720,10972.9,0,0,0,0,0,0,0,0,1,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,1,0,0,0,0,0);
INSERT INTO "rollup_quarter" VALUES(1789974900000,'responses','ch_codex003','gpt-5.4-codex','alice-laptop','sk-p…CCCC','codex',1,1,0,0,0,0,1,5232,3561,0,332,83,0,0.011061,0,332,6.03159999999999945448e+03,0,0,0,0,0,0,0,1,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,1,0,0,0,0,0,0,0);
INSERT INTO "rollup_quarter" VALUES(1789987500000,'gemini','ch_gem00004','gemini-3.8-flash','ci','AIza…DDDD','gemini',1,1,0,0,0,0,1,4802,0,0,323,0,0,0.0,1,323,554.0,0,0,0,0,0,0,0,1,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,1,0,0,0,0,0,0,0,0,0,0,0);
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
;
INSERT INTO "sessions" VALUES('messages','00000000000000000000000000000000',1795916176004,'','','ci','claude-sonnet-5','ch_main0001','main',1789962971428,1789962983289,3,0,46679,38622,2279,0.069943);
INSERT INTO "sessions" VALUES('responses','00000000000000000000000000000000',1795916176005,'','','alice-laptop','gpt-5.4-codex','ch_codex003','codex',1789975314285,1789975320926,2,0,24418,19608,415,2.65369999999999980899e-02);
CREATE UNIQUE INDEX "idx__sqlite_migrations_migration_set_name"
    ON "_sqlite_migrations" ("migration_set", "name");
CREATE INDEX requests_list ON requests (
    started_at, id, kind, state, status, model, upstream_model, channel_id, channel_name, client_name, key_mask,
    converted, stream_end, attempts_n, total_ms, source, trace_hash, error_kind, error_message
)
;
CREATE INDEX requests_rev ON requests (rev);
CREATE INDEX requests_running ON requests (started_at) WHERE state = 'running';
CREATE INDEX bodies_at ON bodies (at);
CREATE INDEX sessions_last ON sessions (last_at);
CREATE INDEX events_kind ON events (kind, id);
CREATE INDEX response_sessions_expires ON response_sessions (expires);
CREATE INDEX issued_expires ON issued (expires);
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('events',2);
COMMIT;
