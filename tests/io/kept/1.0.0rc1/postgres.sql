CREATE TABLE IF NOT EXISTS affinity ("kind" text COLLATE "C" NOT NULL, "trace_hash" text COLLATE "C" NOT NULL, "rev" bigint NOT NULL, "channel_id" text COLLATE "C" NOT NULL DEFAULT '', "key_id" text COLLATE "C" NOT NULL DEFAULT '', "expires_at" bigint NOT NULL, "detail" text COLLATE "C" NOT NULL DEFAULT '', PRIMARY KEY ("kind", "trace_hash"));
ALTER TABLE affinity ADD COLUMN IF NOT EXISTS "rev" bigint NOT NULL;
ALTER TABLE affinity ADD COLUMN IF NOT EXISTS "channel_id" text COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE affinity ADD COLUMN IF NOT EXISTS "key_id" text COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE affinity ADD COLUMN IF NOT EXISTS "expires_at" bigint NOT NULL;
ALTER TABLE affinity ADD COLUMN IF NOT EXISTS "detail" text COLLATE "C" NOT NULL DEFAULT '';
CREATE TABLE IF NOT EXISTS alerts ("key" text COLLATE "C" NOT NULL, "event" text COLLATE "C" NOT NULL, "subject" text COLLATE "C" NOT NULL, "text" text COLLATE "C" NOT NULL DEFAULT '', "path" text COLLATE "C" NOT NULL DEFAULT '', "since" bigint NOT NULL, PRIMARY KEY ("key"));
ALTER TABLE alerts ADD COLUMN IF NOT EXISTS "event" text COLLATE "C" NOT NULL;
ALTER TABLE alerts ADD COLUMN IF NOT EXISTS "subject" text COLLATE "C" NOT NULL;
ALTER TABLE alerts ADD COLUMN IF NOT EXISTS "text" text COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE alerts ADD COLUMN IF NOT EXISTS "path" text COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE alerts ADD COLUMN IF NOT EXISTS "since" bigint NOT NULL;
CREATE TABLE IF NOT EXISTS attempts ("request_id" text COLLATE "C" NOT NULL, "n" bigint NOT NULL, "channel_id" text COLLATE "C" NOT NULL DEFAULT '', "channel_name" text COLLATE "C" NOT NULL DEFAULT '', "key_mask" text COLLATE "C" NOT NULL DEFAULT '', "base_url" text COLLATE "C" NOT NULL DEFAULT '', "upstream_model" text COLLATE "C" NOT NULL DEFAULT '', "started_at" bigint, "connect_ms" double precision, "tls_ms" double precision, "ttfb_ms" double precision, "total_ms" double precision, "reused" bigint NOT NULL DEFAULT 0, "status" bigint NOT NULL DEFAULT 0, "outcome" text COLLATE "C" NOT NULL DEFAULT '', "verdict" text COLLATE "C" NOT NULL DEFAULT '', "reason" text COLLATE "C" NOT NULL DEFAULT '', "error_message" text COLLATE "C" NOT NULL DEFAULT '', "retry_after" double precision, "source" text COLLATE "C" NOT NULL DEFAULT 'proxy', PRIMARY KEY ("request_id", "n")) PARTITION BY RANGE (request_id);
CREATE TABLE IF NOT EXISTS attempts_rest PARTITION OF attempts DEFAULT;
ALTER TABLE attempts ADD COLUMN IF NOT EXISTS "channel_id" text COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE attempts ADD COLUMN IF NOT EXISTS "channel_name" text COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE attempts ADD COLUMN IF NOT EXISTS "key_mask" text COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE attempts ADD COLUMN IF NOT EXISTS "base_url" text COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE attempts ADD COLUMN IF NOT EXISTS "upstream_model" text COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE attempts ADD COLUMN IF NOT EXISTS "started_at" bigint;
ALTER TABLE attempts ADD COLUMN IF NOT EXISTS "connect_ms" double precision;
ALTER TABLE attempts ADD COLUMN IF NOT EXISTS "tls_ms" double precision;
ALTER TABLE attempts ADD COLUMN IF NOT EXISTS "ttfb_ms" double precision;
ALTER TABLE attempts ADD COLUMN IF NOT EXISTS "total_ms" double precision;
ALTER TABLE attempts ADD COLUMN IF NOT EXISTS "reused" bigint NOT NULL DEFAULT 0;
ALTER TABLE attempts ADD COLUMN IF NOT EXISTS "status" bigint NOT NULL DEFAULT 0;
ALTER TABLE attempts ADD COLUMN IF NOT EXISTS "outcome" text COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE attempts ADD COLUMN IF NOT EXISTS "verdict" text COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE attempts ADD COLUMN IF NOT EXISTS "reason" text COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE attempts ADD COLUMN IF NOT EXISTS "error_message" text COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE attempts ADD COLUMN IF NOT EXISTS "retry_after" double precision;
ALTER TABLE attempts ADD COLUMN IF NOT EXISTS "source" text COLLATE "C" NOT NULL DEFAULT 'proxy';
CREATE TABLE IF NOT EXISTS bodies ("request_id" text COLLATE "C" NOT NULL, "side" text COLLATE "C" NOT NULL, "at" bigint NOT NULL, "headers" text COLLATE "C" NOT NULL DEFAULT '', "body" bytea NOT NULL, "size" bigint NOT NULL, "truncated" bigint NOT NULL DEFAULT 0, PRIMARY KEY ("request_id", "side")) PARTITION BY RANGE (request_id);
CREATE TABLE IF NOT EXISTS bodies_rest PARTITION OF bodies DEFAULT;
ALTER TABLE bodies ADD COLUMN IF NOT EXISTS "at" bigint NOT NULL;
ALTER TABLE bodies ADD COLUMN IF NOT EXISTS "headers" text COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE bodies ADD COLUMN IF NOT EXISTS "body" bytea NOT NULL;
ALTER TABLE bodies ADD COLUMN IF NOT EXISTS "size" bigint NOT NULL;
ALTER TABLE bodies ADD COLUMN IF NOT EXISTS "truncated" bigint NOT NULL DEFAULT 0;
CREATE INDEX IF NOT EXISTS bodies_at ON bodies (at);
CREATE TABLE IF NOT EXISTS breakers ("kind" text COLLATE "C" NOT NULL, "channel_id" text COLLATE "C" NOT NULL, "base_url" text COLLATE "C" NOT NULL DEFAULT '', "key_id" text COLLATE "C" NOT NULL DEFAULT '', "model" text COLLATE "C" NOT NULL DEFAULT '', "rev" bigint NOT NULL, "state" text COLLATE "C" NOT NULL DEFAULT 'closed', "level" bigint NOT NULL DEFAULT 0, "failures" bigint NOT NULL DEFAULT 0, "opened_at" bigint, "until" bigint, "reason" text COLLATE "C" NOT NULL DEFAULT '', "detail" text COLLATE "C" NOT NULL DEFAULT '', "updated_at" bigint, PRIMARY KEY ("kind", "channel_id", "base_url", "key_id", "model"));
ALTER TABLE breakers ADD COLUMN IF NOT EXISTS "rev" bigint NOT NULL;
ALTER TABLE breakers ADD COLUMN IF NOT EXISTS "state" text COLLATE "C" NOT NULL DEFAULT 'closed';
ALTER TABLE breakers ADD COLUMN IF NOT EXISTS "level" bigint NOT NULL DEFAULT 0;
ALTER TABLE breakers ADD COLUMN IF NOT EXISTS "failures" bigint NOT NULL DEFAULT 0;
ALTER TABLE breakers ADD COLUMN IF NOT EXISTS "opened_at" bigint;
ALTER TABLE breakers ADD COLUMN IF NOT EXISTS "until" bigint;
ALTER TABLE breakers ADD COLUMN IF NOT EXISTS "reason" text COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE breakers ADD COLUMN IF NOT EXISTS "detail" text COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE breakers ADD COLUMN IF NOT EXISTS "updated_at" bigint;
CREATE TABLE IF NOT EXISTS candidates ("request_id" text COLLATE "C" NOT NULL, "order" bigint NOT NULL, "channel_id" text COLLATE "C" NOT NULL DEFAULT '', "verdict" text COLLATE "C" NOT NULL DEFAULT '', "reason" text COLLATE "C" NOT NULL DEFAULT '', PRIMARY KEY ("request_id", "order")) PARTITION BY RANGE (request_id);
CREATE TABLE IF NOT EXISTS candidates_rest PARTITION OF candidates DEFAULT;
ALTER TABLE candidates ADD COLUMN IF NOT EXISTS "channel_id" text COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE candidates ADD COLUMN IF NOT EXISTS "verdict" text COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE candidates ADD COLUMN IF NOT EXISTS "reason" text COLLATE "C" NOT NULL DEFAULT '';
CREATE TABLE IF NOT EXISTS command_acks ("command_id" bigint NOT NULL, "boot_id" text COLLATE "C" NOT NULL, "worker" bigint NOT NULL, "at" bigint NOT NULL, "result" text COLLATE "C" NOT NULL DEFAULT '', PRIMARY KEY ("command_id", "boot_id", "worker"));
ALTER TABLE command_acks ADD COLUMN IF NOT EXISTS "at" bigint NOT NULL;
ALTER TABLE command_acks ADD COLUMN IF NOT EXISTS "result" text COLLATE "C" NOT NULL DEFAULT '';
CREATE TABLE IF NOT EXISTS commands ("id" bigint GENERATED BY DEFAULT AS IDENTITY, "at" bigint NOT NULL, "expires_at" bigint NOT NULL, "kind" text COLLATE "C" NOT NULL, "args" text COLLATE "C" NOT NULL DEFAULT '', PRIMARY KEY ("id"));
ALTER TABLE commands ADD COLUMN IF NOT EXISTS "at" bigint NOT NULL;
ALTER TABLE commands ADD COLUMN IF NOT EXISTS "expires_at" bigint NOT NULL;
ALTER TABLE commands ADD COLUMN IF NOT EXISTS "kind" text COLLATE "C" NOT NULL;
ALTER TABLE commands ADD COLUMN IF NOT EXISTS "args" text COLLATE "C" NOT NULL DEFAULT '';
CREATE TABLE IF NOT EXISTS kept_counter ("name" text COLLATE "C" NOT NULL, "value" bigint NOT NULL, PRIMARY KEY ("name"));
ALTER TABLE kept_counter ADD COLUMN IF NOT EXISTS "value" bigint NOT NULL;
CREATE TABLE IF NOT EXISTS deliveries ("id" text COLLATE "C" NOT NULL, "alert" text COLLATE "C" NOT NULL, "event" text COLLATE "C" NOT NULL, "state" text COLLATE "C" NOT NULL, "subject" text COLLATE "C" NOT NULL, "text" text COLLATE "C" NOT NULL DEFAULT '', "at" bigint NOT NULL, "tried_at" bigint NOT NULL, "due" bigint NOT NULL, "tries" bigint NOT NULL DEFAULT 0, "outcome" text COLLATE "C" NOT NULL, "status" bigint NOT NULL DEFAULT 0, "words" text COLLATE "C" NOT NULL DEFAULT '', PRIMARY KEY ("id", "alert"));
ALTER TABLE deliveries ADD COLUMN IF NOT EXISTS "event" text COLLATE "C" NOT NULL;
ALTER TABLE deliveries ADD COLUMN IF NOT EXISTS "state" text COLLATE "C" NOT NULL;
ALTER TABLE deliveries ADD COLUMN IF NOT EXISTS "subject" text COLLATE "C" NOT NULL;
ALTER TABLE deliveries ADD COLUMN IF NOT EXISTS "text" text COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE deliveries ADD COLUMN IF NOT EXISTS "at" bigint NOT NULL;
ALTER TABLE deliveries ADD COLUMN IF NOT EXISTS "tried_at" bigint NOT NULL;
ALTER TABLE deliveries ADD COLUMN IF NOT EXISTS "due" bigint NOT NULL;
ALTER TABLE deliveries ADD COLUMN IF NOT EXISTS "tries" bigint NOT NULL DEFAULT 0;
ALTER TABLE deliveries ADD COLUMN IF NOT EXISTS "outcome" text COLLATE "C" NOT NULL;
ALTER TABLE deliveries ADD COLUMN IF NOT EXISTS "status" bigint NOT NULL DEFAULT 0;
ALTER TABLE deliveries ADD COLUMN IF NOT EXISTS "words" text COLLATE "C" NOT NULL DEFAULT '';
CREATE INDEX IF NOT EXISTS deliveries_at ON deliveries (at);
CREATE TABLE IF NOT EXISTS events ("id" bigint GENERATED BY DEFAULT AS IDENTITY, "at" bigint NOT NULL, "boot_id" text COLLATE "C" NOT NULL DEFAULT '', "worker" bigint NOT NULL DEFAULT 0, "level" text COLLATE "C" NOT NULL, "kind" text COLLATE "C" NOT NULL, "message" text COLLATE "C" NOT NULL DEFAULT '', "detail" text COLLATE "C" NOT NULL DEFAULT '', PRIMARY KEY ("id"));
ALTER TABLE events ADD COLUMN IF NOT EXISTS "at" bigint NOT NULL;
ALTER TABLE events ADD COLUMN IF NOT EXISTS "boot_id" text COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE events ADD COLUMN IF NOT EXISTS "worker" bigint NOT NULL DEFAULT 0;
ALTER TABLE events ADD COLUMN IF NOT EXISTS "level" text COLLATE "C" NOT NULL;
ALTER TABLE events ADD COLUMN IF NOT EXISTS "kind" text COLLATE "C" NOT NULL;
ALTER TABLE events ADD COLUMN IF NOT EXISTS "message" text COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE events ADD COLUMN IF NOT EXISTS "detail" text COLLATE "C" NOT NULL DEFAULT '';
CREATE INDEX IF NOT EXISTS events_kind ON events (kind, id);
CREATE TABLE IF NOT EXISTS issued ("id" text COLLATE "C" NOT NULL, "client" text COLLATE "C" NOT NULL, "channel_id" text COLLATE "C" NOT NULL, "expires" bigint NOT NULL, "key_id" text COLLATE "C" NOT NULL DEFAULT '', PRIMARY KEY ("id", "client"));
ALTER TABLE issued ADD COLUMN IF NOT EXISTS "channel_id" text COLLATE "C" NOT NULL;
ALTER TABLE issued ADD COLUMN IF NOT EXISTS "expires" bigint NOT NULL;
ALTER TABLE issued ADD COLUMN IF NOT EXISTS "key_id" text COLLATE "C" NOT NULL DEFAULT '';
CREATE INDEX IF NOT EXISTS issued_expires ON issued (expires);
CREATE TABLE IF NOT EXISTS key_state ("kind" text COLLATE "C" NOT NULL, "channel_id" text COLLATE "C" NOT NULL, "key_id" text COLLATE "C" NOT NULL, "model" text COLLATE "C" NOT NULL DEFAULT '', "rev" bigint NOT NULL, "key_mask" text COLLATE "C" NOT NULL DEFAULT '', "state" text COLLATE "C" NOT NULL DEFAULT 'ok', "reason" text COLLATE "C" NOT NULL DEFAULT '', "message" text COLLATE "C" NOT NULL DEFAULT '', "until" bigint, "failures" bigint NOT NULL DEFAULT 0, "failed_at" bigint, "used_at" bigint, "detail" text COLLATE "C" NOT NULL DEFAULT '', "updated_at" bigint, PRIMARY KEY ("kind", "channel_id", "key_id", "model"));
ALTER TABLE key_state ADD COLUMN IF NOT EXISTS "rev" bigint NOT NULL;
ALTER TABLE key_state ADD COLUMN IF NOT EXISTS "key_mask" text COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE key_state ADD COLUMN IF NOT EXISTS "state" text COLLATE "C" NOT NULL DEFAULT 'ok';
ALTER TABLE key_state ADD COLUMN IF NOT EXISTS "reason" text COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE key_state ADD COLUMN IF NOT EXISTS "message" text COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE key_state ADD COLUMN IF NOT EXISTS "until" bigint;
ALTER TABLE key_state ADD COLUMN IF NOT EXISTS "failures" bigint NOT NULL DEFAULT 0;
ALTER TABLE key_state ADD COLUMN IF NOT EXISTS "failed_at" bigint;
ALTER TABLE key_state ADD COLUMN IF NOT EXISTS "used_at" bigint;
ALTER TABLE key_state ADD COLUMN IF NOT EXISTS "detail" text COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE key_state ADD COLUMN IF NOT EXISTS "updated_at" bigint;
CREATE TABLE IF NOT EXISTS key_use ("channel_id" text COLLATE "C" NOT NULL, "key_id" text COLLATE "C" NOT NULL, "used_at" bigint NOT NULL, PRIMARY KEY ("channel_id", "key_id"));
ALTER TABLE key_use ADD COLUMN IF NOT EXISTS "used_at" bigint NOT NULL;
CREATE TABLE IF NOT EXISTS mirror_left_out ("mirror" text COLLATE "C" NOT NULL, "at" bigint NOT NULL, "why" text COLLATE "C" NOT NULL, "n" bigint NOT NULL DEFAULT 0, PRIMARY KEY ("mirror", "at", "why"));
ALTER TABLE mirror_left_out ADD COLUMN IF NOT EXISTS "n" bigint NOT NULL DEFAULT 0;
CREATE TABLE IF NOT EXISTS mirrored ("id" text COLLATE "C" NOT NULL, "original" text COLLATE "C" NOT NULL, "mirror" text COLLATE "C" NOT NULL, "at" bigint NOT NULL, "stop" text COLLATE "C" NOT NULL DEFAULT '', "original_stop" text COLLATE "C" NOT NULL DEFAULT '', "calls" bigint, "original_calls" bigint, "same_tools" bigint, "same_arguments" bigint, "alike" double precision, PRIMARY KEY ("id"));
ALTER TABLE mirrored ADD COLUMN IF NOT EXISTS "original" text COLLATE "C" NOT NULL;
ALTER TABLE mirrored ADD COLUMN IF NOT EXISTS "mirror" text COLLATE "C" NOT NULL;
ALTER TABLE mirrored ADD COLUMN IF NOT EXISTS "at" bigint NOT NULL;
ALTER TABLE mirrored ADD COLUMN IF NOT EXISTS "stop" text COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE mirrored ADD COLUMN IF NOT EXISTS "original_stop" text COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE mirrored ADD COLUMN IF NOT EXISTS "calls" bigint;
ALTER TABLE mirrored ADD COLUMN IF NOT EXISTS "original_calls" bigint;
ALTER TABLE mirrored ADD COLUMN IF NOT EXISTS "same_tools" bigint;
ALTER TABLE mirrored ADD COLUMN IF NOT EXISTS "same_arguments" bigint;
ALTER TABLE mirrored ADD COLUMN IF NOT EXISTS "alike" double precision;
CREATE INDEX IF NOT EXISTS mirrored_at ON mirrored (mirror, at);
CREATE INDEX IF NOT EXISTS mirrored_original ON mirrored (original);
CREATE TABLE IF NOT EXISTS overrides ("kind" text COLLATE "C" NOT NULL, "trace_hash" text COLLATE "C" NOT NULL, "rev" bigint NOT NULL, "channels" text COLLATE "C" NOT NULL DEFAULT '', "avoid" text COLLATE "C" NOT NULL DEFAULT '', "created_at" bigint, "expires_at" bigint, "note" text COLLATE "C" NOT NULL DEFAULT '', PRIMARY KEY ("kind", "trace_hash"));
ALTER TABLE overrides ADD COLUMN IF NOT EXISTS "rev" bigint NOT NULL;
ALTER TABLE overrides ADD COLUMN IF NOT EXISTS "channels" text COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE overrides ADD COLUMN IF NOT EXISTS "avoid" text COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE overrides ADD COLUMN IF NOT EXISTS "created_at" bigint;
ALTER TABLE overrides ADD COLUMN IF NOT EXISTS "expires_at" bigint;
ALTER TABLE overrides ADD COLUMN IF NOT EXISTS "note" text COLLATE "C" NOT NULL DEFAULT '';
CREATE TABLE IF NOT EXISTS refusals ("kind" text COLLATE "C" NOT NULL, "channel_id" text COLLATE "C" NOT NULL, "model" text COLLATE "C" NOT NULL, "name" text COLLATE "C" NOT NULL, "rev" bigint NOT NULL, "reason" text COLLATE "C" NOT NULL DEFAULT '', "since" bigint, "until" bigint, "updated_at" bigint NOT NULL, "detail" text COLLATE "C" NOT NULL DEFAULT '', PRIMARY KEY ("kind", "channel_id", "model", "name"));
ALTER TABLE refusals ADD COLUMN IF NOT EXISTS "rev" bigint NOT NULL;
ALTER TABLE refusals ADD COLUMN IF NOT EXISTS "reason" text COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE refusals ADD COLUMN IF NOT EXISTS "since" bigint;
ALTER TABLE refusals ADD COLUMN IF NOT EXISTS "until" bigint;
ALTER TABLE refusals ADD COLUMN IF NOT EXISTS "updated_at" bigint NOT NULL;
ALTER TABLE refusals ADD COLUMN IF NOT EXISTS "detail" text COLLATE "C" NOT NULL DEFAULT '';
CREATE TABLE IF NOT EXISTS requests ("id" text COLLATE "C" NOT NULL, "rev" bigint NOT NULL, "boot_id" text COLLATE "C" NOT NULL DEFAULT '', "worker" bigint NOT NULL DEFAULT 0, "started_at" bigint NOT NULL, "ended_at" bigint, "state" text COLLATE "C" NOT NULL DEFAULT 'running', "phase" text COLLATE "C" NOT NULL DEFAULT '', "kind" text COLLATE "C" NOT NULL DEFAULT '', "operation" text COLLATE "C" NOT NULL DEFAULT '', "stream" bigint NOT NULL DEFAULT 0, "client_name" text COLLATE "C" NOT NULL DEFAULT '', "client_key_mask" text COLLATE "C" NOT NULL DEFAULT '', "client_ip" text COLLATE "C" NOT NULL DEFAULT '', "user_agent" text COLLATE "C" NOT NULL DEFAULT '', "trace_hash" text COLLATE "C" NOT NULL DEFAULT '', "route_prefix" text COLLATE "C" NOT NULL DEFAULT '', "model" text COLLATE "C" NOT NULL DEFAULT '', "upstream_model" text COLLATE "C" NOT NULL DEFAULT '', "channel_id" text COLLATE "C" NOT NULL DEFAULT '', "channel_name" text COLLATE "C" NOT NULL DEFAULT '', "key_mask" text COLLATE "C" NOT NULL DEFAULT '', "converted" text COLLATE "C" NOT NULL DEFAULT '', "attempts_n" bigint NOT NULL DEFAULT 0, "status" bigint NOT NULL DEFAULT 0, "error_kind" text COLLATE "C" NOT NULL DEFAULT '', "error_message" text COLLATE "C" NOT NULL DEFAULT '', "stream_end" text COLLATE "C" NOT NULL DEFAULT '', "ttfb_ms" double precision, "first_event_ms" double precision, "total_ms" double precision, "connect_ms" double precision, "tls_ms" double precision, "max_gap_ms" double precision, "input_tokens" bigint, "cache_read_tokens" bigint, "cache_write_tokens" bigint, "output_tokens" bigint, "reasoning_tokens" bigint, "usage_source" text COLLATE "C" NOT NULL DEFAULT '', "cost_usd" double precision, "price_source" text COLLATE "C" NOT NULL DEFAULT '', "bytes_in" bigint, "bytes_out" bigint, "losses" text COLLATE "C" NOT NULL DEFAULT '', "config_revision" text COLLATE "C" NOT NULL DEFAULT '', "source" text COLLATE "C" NOT NULL DEFAULT 'proxy', "cost_input" double precision, "cost_cache_read" double precision, "cost_cache_write" double precision, "cost_output" double precision, "cost_reasoning" double precision, "cache_saved" double precision, PRIMARY KEY ("id")) PARTITION BY RANGE (id);
CREATE TABLE IF NOT EXISTS requests_rest PARTITION OF requests DEFAULT;
ALTER TABLE requests ADD COLUMN IF NOT EXISTS "rev" bigint NOT NULL;
ALTER TABLE requests ADD COLUMN IF NOT EXISTS "boot_id" text COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE requests ADD COLUMN IF NOT EXISTS "worker" bigint NOT NULL DEFAULT 0;
ALTER TABLE requests ADD COLUMN IF NOT EXISTS "started_at" bigint NOT NULL;
ALTER TABLE requests ADD COLUMN IF NOT EXISTS "ended_at" bigint;
ALTER TABLE requests ADD COLUMN IF NOT EXISTS "state" text COLLATE "C" NOT NULL DEFAULT 'running';
ALTER TABLE requests ADD COLUMN IF NOT EXISTS "phase" text COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE requests ADD COLUMN IF NOT EXISTS "kind" text COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE requests ADD COLUMN IF NOT EXISTS "operation" text COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE requests ADD COLUMN IF NOT EXISTS "stream" bigint NOT NULL DEFAULT 0;
ALTER TABLE requests ADD COLUMN IF NOT EXISTS "client_name" text COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE requests ADD COLUMN IF NOT EXISTS "client_key_mask" text COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE requests ADD COLUMN IF NOT EXISTS "client_ip" text COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE requests ADD COLUMN IF NOT EXISTS "user_agent" text COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE requests ADD COLUMN IF NOT EXISTS "trace_hash" text COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE requests ADD COLUMN IF NOT EXISTS "route_prefix" text COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE requests ADD COLUMN IF NOT EXISTS "model" text COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE requests ADD COLUMN IF NOT EXISTS "upstream_model" text COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE requests ADD COLUMN IF NOT EXISTS "channel_id" text COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE requests ADD COLUMN IF NOT EXISTS "channel_name" text COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE requests ADD COLUMN IF NOT EXISTS "key_mask" text COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE requests ADD COLUMN IF NOT EXISTS "converted" text COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE requests ADD COLUMN IF NOT EXISTS "attempts_n" bigint NOT NULL DEFAULT 0;
ALTER TABLE requests ADD COLUMN IF NOT EXISTS "status" bigint NOT NULL DEFAULT 0;
ALTER TABLE requests ADD COLUMN IF NOT EXISTS "error_kind" text COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE requests ADD COLUMN IF NOT EXISTS "error_message" text COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE requests ADD COLUMN IF NOT EXISTS "stream_end" text COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE requests ADD COLUMN IF NOT EXISTS "ttfb_ms" double precision;
ALTER TABLE requests ADD COLUMN IF NOT EXISTS "first_event_ms" double precision;
ALTER TABLE requests ADD COLUMN IF NOT EXISTS "total_ms" double precision;
ALTER TABLE requests ADD COLUMN IF NOT EXISTS "connect_ms" double precision;
ALTER TABLE requests ADD COLUMN IF NOT EXISTS "tls_ms" double precision;
ALTER TABLE requests ADD COLUMN IF NOT EXISTS "max_gap_ms" double precision;
ALTER TABLE requests ADD COLUMN IF NOT EXISTS "input_tokens" bigint;
ALTER TABLE requests ADD COLUMN IF NOT EXISTS "cache_read_tokens" bigint;
ALTER TABLE requests ADD COLUMN IF NOT EXISTS "cache_write_tokens" bigint;
ALTER TABLE requests ADD COLUMN IF NOT EXISTS "output_tokens" bigint;
ALTER TABLE requests ADD COLUMN IF NOT EXISTS "reasoning_tokens" bigint;
ALTER TABLE requests ADD COLUMN IF NOT EXISTS "usage_source" text COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE requests ADD COLUMN IF NOT EXISTS "cost_usd" double precision;
ALTER TABLE requests ADD COLUMN IF NOT EXISTS "price_source" text COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE requests ADD COLUMN IF NOT EXISTS "bytes_in" bigint;
ALTER TABLE requests ADD COLUMN IF NOT EXISTS "bytes_out" bigint;
ALTER TABLE requests ADD COLUMN IF NOT EXISTS "losses" text COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE requests ADD COLUMN IF NOT EXISTS "config_revision" text COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE requests ADD COLUMN IF NOT EXISTS "source" text COLLATE "C" NOT NULL DEFAULT 'proxy';
ALTER TABLE requests ADD COLUMN IF NOT EXISTS "cost_input" double precision;
ALTER TABLE requests ADD COLUMN IF NOT EXISTS "cost_cache_read" double precision;
ALTER TABLE requests ADD COLUMN IF NOT EXISTS "cost_cache_write" double precision;
ALTER TABLE requests ADD COLUMN IF NOT EXISTS "cost_output" double precision;
ALTER TABLE requests ADD COLUMN IF NOT EXISTS "cost_reasoning" double precision;
ALTER TABLE requests ADD COLUMN IF NOT EXISTS "cache_saved" double precision;
CREATE INDEX IF NOT EXISTS requests_list ON requests (started_at, id);
CREATE INDEX IF NOT EXISTS requests_rev ON requests (rev);
CREATE INDEX IF NOT EXISTS requests_running ON requests (started_at) WHERE state = 'running';
CREATE TABLE IF NOT EXISTS response_sessions ("id" text COLLATE "C" NOT NULL, "client" text COLLATE "C" NOT NULL, "created" bigint NOT NULL, "expires" bigint NOT NULL, "channel_id" text COLLATE "C" NOT NULL DEFAULT '', "trace_hash" text COLLATE "C" NOT NULL DEFAULT '', "messages" text COLLATE "C" NOT NULL, "answer" text COLLATE "C" NOT NULL DEFAULT '', "key_id" text COLLATE "C" NOT NULL DEFAULT '', PRIMARY KEY ("id"));
ALTER TABLE response_sessions ADD COLUMN IF NOT EXISTS "client" text COLLATE "C" NOT NULL;
ALTER TABLE response_sessions ADD COLUMN IF NOT EXISTS "created" bigint NOT NULL;
ALTER TABLE response_sessions ADD COLUMN IF NOT EXISTS "expires" bigint NOT NULL;
ALTER TABLE response_sessions ADD COLUMN IF NOT EXISTS "channel_id" text COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE response_sessions ADD COLUMN IF NOT EXISTS "trace_hash" text COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE response_sessions ADD COLUMN IF NOT EXISTS "messages" text COLLATE "C" NOT NULL;
ALTER TABLE response_sessions ADD COLUMN IF NOT EXISTS "answer" text COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE response_sessions ADD COLUMN IF NOT EXISTS "key_id" text COLLATE "C" NOT NULL DEFAULT '';
CREATE INDEX IF NOT EXISTS response_sessions_expires ON response_sessions (expires);
CREATE TABLE IF NOT EXISTS rollup_attempts ("start" bigint NOT NULL, "channel_id" text COLLATE "C" NOT NULL, "key_mask" text COLLATE "C" NOT NULL, "asked" bigint NOT NULL DEFAULT 0, "bad" bigint NOT NULL DEFAULT 0, "last" bigint NOT NULL DEFAULT 0, PRIMARY KEY ("start", "channel_id", "key_mask"));
ALTER TABLE rollup_attempts ADD COLUMN IF NOT EXISTS "asked" bigint NOT NULL DEFAULT 0;
ALTER TABLE rollup_attempts ADD COLUMN IF NOT EXISTS "bad" bigint NOT NULL DEFAULT 0;
ALTER TABLE rollup_attempts ADD COLUMN IF NOT EXISTS "last" bigint NOT NULL DEFAULT 0;
CREATE TABLE IF NOT EXISTS rollup_cube ("start" bigint NOT NULL, "kind" text COLLATE "C" NOT NULL, "channel" text COLLATE "C" NOT NULL, "model" text COLLATE "C" NOT NULL, "upstream" text COLLATE "C" NOT NULL, "client" text COLLATE "C" NOT NULL, "key_mask" text COLLATE "C" NOT NULL, "label" text COLLATE "C" NOT NULL DEFAULT '', "requests" bigint NOT NULL DEFAULT 0, "ok" bigint NOT NULL DEFAULT 0, "failed" bigint NOT NULL DEFAULT 0, "client_left" bigint NOT NULL DEFAULT 0, "lost" bigint NOT NULL DEFAULT 0, "failovers" bigint NOT NULL DEFAULT 0, "attempts" bigint NOT NULL DEFAULT 0, "input_tokens" bigint NOT NULL DEFAULT 0, "cache_read_tokens" bigint NOT NULL DEFAULT 0, "cache_write_tokens" bigint NOT NULL DEFAULT 0, "output_tokens" bigint NOT NULL DEFAULT 0, "reasoning_tokens" bigint NOT NULL DEFAULT 0, "wasted_tokens" bigint NOT NULL DEFAULT 0, "cost_usd" double precision NOT NULL DEFAULT 0, "unpriced" bigint NOT NULL DEFAULT 0, "stream_tokens" bigint NOT NULL DEFAULT 0, "stream_ms" double precision NOT NULL DEFAULT 0, "ok_failovers" bigint NOT NULL DEFAULT 0, "cost_input" double precision NOT NULL DEFAULT 0, "cost_cache_read" double precision NOT NULL DEFAULT 0, "cost_cache_write" double precision NOT NULL DEFAULT 0, "cost_output" double precision NOT NULL DEFAULT 0, "cost_reasoning" double precision NOT NULL DEFAULT 0, "cache_saved" double precision NOT NULL DEFAULT 0, PRIMARY KEY ("start", "kind", "channel", "model", "upstream", "client", "key_mask"));
ALTER TABLE rollup_cube ADD COLUMN IF NOT EXISTS "label" text COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE rollup_cube ADD COLUMN IF NOT EXISTS "requests" bigint NOT NULL DEFAULT 0;
ALTER TABLE rollup_cube ADD COLUMN IF NOT EXISTS "ok" bigint NOT NULL DEFAULT 0;
ALTER TABLE rollup_cube ADD COLUMN IF NOT EXISTS "failed" bigint NOT NULL DEFAULT 0;
ALTER TABLE rollup_cube ADD COLUMN IF NOT EXISTS "client_left" bigint NOT NULL DEFAULT 0;
ALTER TABLE rollup_cube ADD COLUMN IF NOT EXISTS "lost" bigint NOT NULL DEFAULT 0;
ALTER TABLE rollup_cube ADD COLUMN IF NOT EXISTS "failovers" bigint NOT NULL DEFAULT 0;
ALTER TABLE rollup_cube ADD COLUMN IF NOT EXISTS "attempts" bigint NOT NULL DEFAULT 0;
ALTER TABLE rollup_cube ADD COLUMN IF NOT EXISTS "input_tokens" bigint NOT NULL DEFAULT 0;
ALTER TABLE rollup_cube ADD COLUMN IF NOT EXISTS "cache_read_tokens" bigint NOT NULL DEFAULT 0;
ALTER TABLE rollup_cube ADD COLUMN IF NOT EXISTS "cache_write_tokens" bigint NOT NULL DEFAULT 0;
ALTER TABLE rollup_cube ADD COLUMN IF NOT EXISTS "output_tokens" bigint NOT NULL DEFAULT 0;
ALTER TABLE rollup_cube ADD COLUMN IF NOT EXISTS "reasoning_tokens" bigint NOT NULL DEFAULT 0;
ALTER TABLE rollup_cube ADD COLUMN IF NOT EXISTS "wasted_tokens" bigint NOT NULL DEFAULT 0;
ALTER TABLE rollup_cube ADD COLUMN IF NOT EXISTS "cost_usd" double precision NOT NULL DEFAULT 0;
ALTER TABLE rollup_cube ADD COLUMN IF NOT EXISTS "unpriced" bigint NOT NULL DEFAULT 0;
ALTER TABLE rollup_cube ADD COLUMN IF NOT EXISTS "stream_tokens" bigint NOT NULL DEFAULT 0;
ALTER TABLE rollup_cube ADD COLUMN IF NOT EXISTS "stream_ms" double precision NOT NULL DEFAULT 0;
ALTER TABLE rollup_cube ADD COLUMN IF NOT EXISTS "ok_failovers" bigint NOT NULL DEFAULT 0;
ALTER TABLE rollup_cube ADD COLUMN IF NOT EXISTS "cost_input" double precision NOT NULL DEFAULT 0;
ALTER TABLE rollup_cube ADD COLUMN IF NOT EXISTS "cost_cache_read" double precision NOT NULL DEFAULT 0;
ALTER TABLE rollup_cube ADD COLUMN IF NOT EXISTS "cost_cache_write" double precision NOT NULL DEFAULT 0;
ALTER TABLE rollup_cube ADD COLUMN IF NOT EXISTS "cost_output" double precision NOT NULL DEFAULT 0;
ALTER TABLE rollup_cube ADD COLUMN IF NOT EXISTS "cost_reasoning" double precision NOT NULL DEFAULT 0;
ALTER TABLE rollup_cube ADD COLUMN IF NOT EXISTS "cache_saved" double precision NOT NULL DEFAULT 0;
CREATE TABLE IF NOT EXISTS rollups ("view" text COLLATE "C" NOT NULL, "level" bigint NOT NULL, "start" bigint NOT NULL, "a" text COLLATE "C" NOT NULL, "b" text COLLATE "C" NOT NULL, "label" text COLLATE "C" NOT NULL DEFAULT '', "requests" bigint NOT NULL DEFAULT 0, "ok" bigint NOT NULL DEFAULT 0, "failed" bigint NOT NULL DEFAULT 0, "client_left" bigint NOT NULL DEFAULT 0, "lost" bigint NOT NULL DEFAULT 0, "failovers" bigint NOT NULL DEFAULT 0, "attempts" bigint NOT NULL DEFAULT 0, "input_tokens" bigint NOT NULL DEFAULT 0, "cache_read_tokens" bigint NOT NULL DEFAULT 0, "cache_write_tokens" bigint NOT NULL DEFAULT 0, "output_tokens" bigint NOT NULL DEFAULT 0, "reasoning_tokens" bigint NOT NULL DEFAULT 0, "wasted_tokens" bigint NOT NULL DEFAULT 0, "cost_usd" double precision NOT NULL DEFAULT 0, "unpriced" bigint NOT NULL DEFAULT 0, "stream_tokens" bigint NOT NULL DEFAULT 0, "stream_ms" double precision NOT NULL DEFAULT 0, "ok_failovers" bigint NOT NULL DEFAULT 0, "cost_input" double precision NOT NULL DEFAULT 0, "cost_cache_read" double precision NOT NULL DEFAULT 0, "cost_cache_write" double precision NOT NULL DEFAULT 0, "cost_output" double precision NOT NULL DEFAULT 0, "cost_reasoning" double precision NOT NULL DEFAULT 0, "cache_saved" double precision NOT NULL DEFAULT 0, "ttft_0" bigint NOT NULL DEFAULT 0, "ttft_1" bigint NOT NULL DEFAULT 0, "ttft_2" bigint NOT NULL DEFAULT 0, "ttft_3" bigint NOT NULL DEFAULT 0, "ttft_4" bigint NOT NULL DEFAULT 0, "ttft_5" bigint NOT NULL DEFAULT 0, "ttft_6" bigint NOT NULL DEFAULT 0, "ttft_7" bigint NOT NULL DEFAULT 0, "ttft_8" bigint NOT NULL DEFAULT 0, "ttft_9" bigint NOT NULL DEFAULT 0, "ttft_10" bigint NOT NULL DEFAULT 0, "ttft_11" bigint NOT NULL DEFAULT 0, "ttft_12" bigint NOT NULL DEFAULT 0, "ttft_13" bigint NOT NULL DEFAULT 0, "ttft_14" bigint NOT NULL DEFAULT 0, "ttft_15" bigint NOT NULL DEFAULT 0, "ttft_16" bigint NOT NULL DEFAULT 0, "ttft_17" bigint NOT NULL DEFAULT 0, "ttft_18" bigint NOT NULL DEFAULT 0, "ttft_19" bigint NOT NULL DEFAULT 0, "ttft_20" bigint NOT NULL DEFAULT 0, "ttft_21" bigint NOT NULL DEFAULT 0, "ttft_22" bigint NOT NULL DEFAULT 0, "ttft_23" bigint NOT NULL DEFAULT 0, "ttft_24" bigint NOT NULL DEFAULT 0, "ttft_25" bigint NOT NULL DEFAULT 0, "ttft_26" bigint NOT NULL DEFAULT 0, "ttft_27" bigint NOT NULL DEFAULT 0, "ttft_28" bigint NOT NULL DEFAULT 0, "ttft_29" bigint NOT NULL DEFAULT 0, PRIMARY KEY ("view", "level", "start", "a", "b"));
ALTER TABLE rollups ADD COLUMN IF NOT EXISTS "label" text COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE rollups ADD COLUMN IF NOT EXISTS "requests" bigint NOT NULL DEFAULT 0;
ALTER TABLE rollups ADD COLUMN IF NOT EXISTS "ok" bigint NOT NULL DEFAULT 0;
ALTER TABLE rollups ADD COLUMN IF NOT EXISTS "failed" bigint NOT NULL DEFAULT 0;
ALTER TABLE rollups ADD COLUMN IF NOT EXISTS "client_left" bigint NOT NULL DEFAULT 0;
ALTER TABLE rollups ADD COLUMN IF NOT EXISTS "lost" bigint NOT NULL DEFAULT 0;
ALTER TABLE rollups ADD COLUMN IF NOT EXISTS "failovers" bigint NOT NULL DEFAULT 0;
ALTER TABLE rollups ADD COLUMN IF NOT EXISTS "attempts" bigint NOT NULL DEFAULT 0;
ALTER TABLE rollups ADD COLUMN IF NOT EXISTS "input_tokens" bigint NOT NULL DEFAULT 0;
ALTER TABLE rollups ADD COLUMN IF NOT EXISTS "cache_read_tokens" bigint NOT NULL DEFAULT 0;
ALTER TABLE rollups ADD COLUMN IF NOT EXISTS "cache_write_tokens" bigint NOT NULL DEFAULT 0;
ALTER TABLE rollups ADD COLUMN IF NOT EXISTS "output_tokens" bigint NOT NULL DEFAULT 0;
ALTER TABLE rollups ADD COLUMN IF NOT EXISTS "reasoning_tokens" bigint NOT NULL DEFAULT 0;
ALTER TABLE rollups ADD COLUMN IF NOT EXISTS "wasted_tokens" bigint NOT NULL DEFAULT 0;
ALTER TABLE rollups ADD COLUMN IF NOT EXISTS "cost_usd" double precision NOT NULL DEFAULT 0;
ALTER TABLE rollups ADD COLUMN IF NOT EXISTS "unpriced" bigint NOT NULL DEFAULT 0;
ALTER TABLE rollups ADD COLUMN IF NOT EXISTS "stream_tokens" bigint NOT NULL DEFAULT 0;
ALTER TABLE rollups ADD COLUMN IF NOT EXISTS "stream_ms" double precision NOT NULL DEFAULT 0;
ALTER TABLE rollups ADD COLUMN IF NOT EXISTS "ok_failovers" bigint NOT NULL DEFAULT 0;
ALTER TABLE rollups ADD COLUMN IF NOT EXISTS "cost_input" double precision NOT NULL DEFAULT 0;
ALTER TABLE rollups ADD COLUMN IF NOT EXISTS "cost_cache_read" double precision NOT NULL DEFAULT 0;
ALTER TABLE rollups ADD COLUMN IF NOT EXISTS "cost_cache_write" double precision NOT NULL DEFAULT 0;
ALTER TABLE rollups ADD COLUMN IF NOT EXISTS "cost_output" double precision NOT NULL DEFAULT 0;
ALTER TABLE rollups ADD COLUMN IF NOT EXISTS "cost_reasoning" double precision NOT NULL DEFAULT 0;
ALTER TABLE rollups ADD COLUMN IF NOT EXISTS "cache_saved" double precision NOT NULL DEFAULT 0;
ALTER TABLE rollups ADD COLUMN IF NOT EXISTS "ttft_0" bigint NOT NULL DEFAULT 0;
ALTER TABLE rollups ADD COLUMN IF NOT EXISTS "ttft_1" bigint NOT NULL DEFAULT 0;
ALTER TABLE rollups ADD COLUMN IF NOT EXISTS "ttft_2" bigint NOT NULL DEFAULT 0;
ALTER TABLE rollups ADD COLUMN IF NOT EXISTS "ttft_3" bigint NOT NULL DEFAULT 0;
ALTER TABLE rollups ADD COLUMN IF NOT EXISTS "ttft_4" bigint NOT NULL DEFAULT 0;
ALTER TABLE rollups ADD COLUMN IF NOT EXISTS "ttft_5" bigint NOT NULL DEFAULT 0;
ALTER TABLE rollups ADD COLUMN IF NOT EXISTS "ttft_6" bigint NOT NULL DEFAULT 0;
ALTER TABLE rollups ADD COLUMN IF NOT EXISTS "ttft_7" bigint NOT NULL DEFAULT 0;
ALTER TABLE rollups ADD COLUMN IF NOT EXISTS "ttft_8" bigint NOT NULL DEFAULT 0;
ALTER TABLE rollups ADD COLUMN IF NOT EXISTS "ttft_9" bigint NOT NULL DEFAULT 0;
ALTER TABLE rollups ADD COLUMN IF NOT EXISTS "ttft_10" bigint NOT NULL DEFAULT 0;
ALTER TABLE rollups ADD COLUMN IF NOT EXISTS "ttft_11" bigint NOT NULL DEFAULT 0;
ALTER TABLE rollups ADD COLUMN IF NOT EXISTS "ttft_12" bigint NOT NULL DEFAULT 0;
ALTER TABLE rollups ADD COLUMN IF NOT EXISTS "ttft_13" bigint NOT NULL DEFAULT 0;
ALTER TABLE rollups ADD COLUMN IF NOT EXISTS "ttft_14" bigint NOT NULL DEFAULT 0;
ALTER TABLE rollups ADD COLUMN IF NOT EXISTS "ttft_15" bigint NOT NULL DEFAULT 0;
ALTER TABLE rollups ADD COLUMN IF NOT EXISTS "ttft_16" bigint NOT NULL DEFAULT 0;
ALTER TABLE rollups ADD COLUMN IF NOT EXISTS "ttft_17" bigint NOT NULL DEFAULT 0;
ALTER TABLE rollups ADD COLUMN IF NOT EXISTS "ttft_18" bigint NOT NULL DEFAULT 0;
ALTER TABLE rollups ADD COLUMN IF NOT EXISTS "ttft_19" bigint NOT NULL DEFAULT 0;
ALTER TABLE rollups ADD COLUMN IF NOT EXISTS "ttft_20" bigint NOT NULL DEFAULT 0;
ALTER TABLE rollups ADD COLUMN IF NOT EXISTS "ttft_21" bigint NOT NULL DEFAULT 0;
ALTER TABLE rollups ADD COLUMN IF NOT EXISTS "ttft_22" bigint NOT NULL DEFAULT 0;
ALTER TABLE rollups ADD COLUMN IF NOT EXISTS "ttft_23" bigint NOT NULL DEFAULT 0;
ALTER TABLE rollups ADD COLUMN IF NOT EXISTS "ttft_24" bigint NOT NULL DEFAULT 0;
ALTER TABLE rollups ADD COLUMN IF NOT EXISTS "ttft_25" bigint NOT NULL DEFAULT 0;
ALTER TABLE rollups ADD COLUMN IF NOT EXISTS "ttft_26" bigint NOT NULL DEFAULT 0;
ALTER TABLE rollups ADD COLUMN IF NOT EXISTS "ttft_27" bigint NOT NULL DEFAULT 0;
ALTER TABLE rollups ADD COLUMN IF NOT EXISTS "ttft_28" bigint NOT NULL DEFAULT 0;
ALTER TABLE rollups ADD COLUMN IF NOT EXISTS "ttft_29" bigint NOT NULL DEFAULT 0;
CREATE TABLE IF NOT EXISTS sessions ("kind" text COLLATE "C" NOT NULL, "trace_hash" text COLLATE "C" NOT NULL, "rev" bigint NOT NULL, "title" text COLLATE "C" NOT NULL DEFAULT '', "parent" text COLLATE "C" NOT NULL DEFAULT '', "client_name" text COLLATE "C" NOT NULL DEFAULT '', "model" text COLLATE "C" NOT NULL DEFAULT '', "channel_id" text COLLATE "C" NOT NULL DEFAULT '', "channel_name" text COLLATE "C" NOT NULL DEFAULT '', "first_at" bigint NOT NULL DEFAULT 0, "last_at" bigint NOT NULL DEFAULT 0, "requests" bigint NOT NULL DEFAULT 0, "failed" bigint NOT NULL DEFAULT 0, "input_tokens" bigint NOT NULL DEFAULT 0, "cache_read_tokens" bigint NOT NULL DEFAULT 0, "output_tokens" bigint NOT NULL DEFAULT 0, "cost_usd" double precision NOT NULL DEFAULT 0, PRIMARY KEY ("kind", "trace_hash"));
ALTER TABLE sessions ADD COLUMN IF NOT EXISTS "rev" bigint NOT NULL;
ALTER TABLE sessions ADD COLUMN IF NOT EXISTS "title" text COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE sessions ADD COLUMN IF NOT EXISTS "parent" text COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE sessions ADD COLUMN IF NOT EXISTS "client_name" text COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE sessions ADD COLUMN IF NOT EXISTS "model" text COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE sessions ADD COLUMN IF NOT EXISTS "channel_id" text COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE sessions ADD COLUMN IF NOT EXISTS "channel_name" text COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE sessions ADD COLUMN IF NOT EXISTS "first_at" bigint NOT NULL DEFAULT 0;
ALTER TABLE sessions ADD COLUMN IF NOT EXISTS "last_at" bigint NOT NULL DEFAULT 0;
ALTER TABLE sessions ADD COLUMN IF NOT EXISTS "requests" bigint NOT NULL DEFAULT 0;
ALTER TABLE sessions ADD COLUMN IF NOT EXISTS "failed" bigint NOT NULL DEFAULT 0;
ALTER TABLE sessions ADD COLUMN IF NOT EXISTS "input_tokens" bigint NOT NULL DEFAULT 0;
ALTER TABLE sessions ADD COLUMN IF NOT EXISTS "cache_read_tokens" bigint NOT NULL DEFAULT 0;
ALTER TABLE sessions ADD COLUMN IF NOT EXISTS "output_tokens" bigint NOT NULL DEFAULT 0;
ALTER TABLE sessions ADD COLUMN IF NOT EXISTS "cost_usd" double precision NOT NULL DEFAULT 0;
CREATE INDEX IF NOT EXISTS sessions_last ON sessions (last_at);
CREATE TABLE IF NOT EXISTS shapes ("request_id" text COLLATE "C" NOT NULL, "trace_hash" text COLLATE "C" NOT NULL, "kind" text COLLATE "C" NOT NULL, "at" bigint NOT NULL, "client_name" text COLLATE "C" NOT NULL DEFAULT '', "channel_id" text COLLATE "C" NOT NULL DEFAULT '', "parts" text COLLATE "C" NOT NULL, "before_id" text COLLATE "C" NOT NULL DEFAULT '', "why" text COLLATE "C" NOT NULL DEFAULT '', "again_tokens" bigint NOT NULL DEFAULT 0, "again_usd" double precision, PRIMARY KEY ("request_id")) PARTITION BY RANGE (request_id);
CREATE TABLE IF NOT EXISTS shapes_rest PARTITION OF shapes DEFAULT;
ALTER TABLE shapes ADD COLUMN IF NOT EXISTS "trace_hash" text COLLATE "C" NOT NULL;
ALTER TABLE shapes ADD COLUMN IF NOT EXISTS "kind" text COLLATE "C" NOT NULL;
ALTER TABLE shapes ADD COLUMN IF NOT EXISTS "at" bigint NOT NULL;
ALTER TABLE shapes ADD COLUMN IF NOT EXISTS "client_name" text COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE shapes ADD COLUMN IF NOT EXISTS "channel_id" text COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE shapes ADD COLUMN IF NOT EXISTS "parts" text COLLATE "C" NOT NULL;
ALTER TABLE shapes ADD COLUMN IF NOT EXISTS "before_id" text COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE shapes ADD COLUMN IF NOT EXISTS "why" text COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE shapes ADD COLUMN IF NOT EXISTS "again_tokens" bigint NOT NULL DEFAULT 0;
ALTER TABLE shapes ADD COLUMN IF NOT EXISTS "again_usd" double precision;
CREATE INDEX IF NOT EXISTS shapes_again ON shapes (at, client_name, channel_id, again_tokens, again_usd) WHERE again_tokens > 0;
CREATE INDEX IF NOT EXISTS shapes_trace ON shapes (trace_hash, at);
CREATE TABLE IF NOT EXISTS views ("name" text COLLATE "C" NOT NULL, "query" text COLLATE "C" NOT NULL, "at" bigint NOT NULL, "who" text COLLATE "C" NOT NULL DEFAULT '', PRIMARY KEY ("name"));
ALTER TABLE views ADD COLUMN IF NOT EXISTS "query" text COLLATE "C" NOT NULL;
ALTER TABLE views ADD COLUMN IF NOT EXISTS "at" bigint NOT NULL;
ALTER TABLE views ADD COLUMN IF NOT EXISTS "who" text COLLATE "C" NOT NULL DEFAULT '';
INSERT INTO kept_counter VALUES ('base', 0), ('folded', 0), ('history', 0), ('history_rev', 0) ON CONFLICT DO NOTHING;

CREATE TABLE IF NOT EXISTS instances (
    machine text PRIMARY KEY, boot_id text NOT NULL, version text NOT NULL, workers bigint NOT NULL,
    started_at bigint NOT NULL, seen_at bigint NOT NULL, clock_offset double precision NOT NULL,
    revision text NOT NULL, refused text NOT NULL, why text NOT NULL, secrets text NOT NULL, queue bigint NOT NULL,
    engines text NOT NULL);
CREATE TABLE IF NOT EXISTS config_versions (
    n bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, revision text NOT NULL, parent text NOT NULL,
    text text NOT NULL, at bigint NOT NULL, who text NOT NULL, machine text NOT NULL, state text NOT NULL);
CREATE TABLE IF NOT EXISTS boots (
    boot_id text NOT NULL, worker bigint NOT NULL, seen_at timestamptz NOT NULL, PRIMARY KEY (boot_id, worker));
CREATE TABLE IF NOT EXISTS made (name text NOT NULL PRIMARY KEY, value text NOT NULL);
ALTER TABLE bodies ADD COLUMN IF NOT EXISTS words tsvector;
CREATE INDEX IF NOT EXISTS bodies_words ON bodies USING gin (words) WHERE words IS NOT NULL;
;

CREATE OR REPLACE FUNCTION iif(boolean, anycompatible, anycompatible) RETURNS anycompatible
    LANGUAGE sql IMMUTABLE PARALLEL SAFE AS 'SELECT CASE WHEN $1 THEN $2 ELSE $3 END';
CREATE OR REPLACE FUNCTION max(anycompatible, anycompatible) RETURNS anycompatible
    LANGUAGE sql IMMUTABLE PARALLEL SAFE AS 'SELECT CASE WHEN $1 >= $2 THEN $1 WHEN $1 < $2 THEN $2 END';
CREATE OR REPLACE FUNCTION min(anycompatible, anycompatible) RETURNS anycompatible
    LANGUAGE sql IMMUTABLE PARALLEL SAFE AS 'SELECT CASE WHEN $1 <= $2 THEN $1 WHEN $1 > $2 THEN $2 END';
CREATE OR REPLACE FUNCTION ccx_add(double precision, boolean) RETURNS double precision
    LANGUAGE sql IMMUTABLE PARALLEL SAFE AS 'SELECT CASE WHEN $2 THEN $1 + 1 ELSE $1 END';
CREATE OR REPLACE AGGREGATE total(double precision)
    (SFUNC = float8pl, STYPE = double precision, INITCOND = '0', COMBINEFUNC = float8pl, PARALLEL = SAFE);
CREATE OR REPLACE AGGREGATE total(boolean)
    (SFUNC = ccx_add, STYPE = double precision, INITCOND = '0', COMBINEFUNC = float8pl, PARALLEL = SAFE);
CREATE OR REPLACE FUNCTION json_extract(text, text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS 'SELECT CASE WHEN $1 <> '''' THEN jsonb_path_query_first($1::jsonb, $2::jsonpath) #>> ''{}'' END';
CREATE OR REPLACE FUNCTION ccx_words(text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$ SELECT translate($1, $x$!"#$%&'()*+,-./:;<=>?@[\]^_`{|}~$x$, repeat(' ', 32)) $$;
CREATE OR REPLACE FUNCTION ccx_phrase(text) RETURNS tsquery
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS 'SELECT (nullif(phraseto_tsquery(''simple'', ccx_words($1))::text, '''') || '':*'')::tsquery';
CREATE OR REPLACE FUNCTION ccx_rev() RETURNS bigint LANGUAGE sql VOLATILE
    AS 'SELECT value + pg_current_xact_id()::text::bigint FROM kept_counter WHERE name = ''base''';
CREATE OR REPLACE VIEW counter AS
    SELECT name, value FROM kept_counter
    UNION ALL SELECT 'rev', value + pg_snapshot_xmin(pg_current_snapshot())::text::bigint - 1
        FROM kept_counter WHERE name = 'base';
CREATE OR REPLACE RULE counter_update AS ON UPDATE TO counter
    DO INSTEAD UPDATE kept_counter SET value = NEW.value WHERE name = OLD.name;
;
-- The meeting place in PostgreSQL: every scope or none, by the server's clock. What is counted under one name is locked
-- together, in the same order by everybody. All is forgotten when the server crashes: then each worker tells its part.
-- A change here is one more FUNCTIONS_VERSION (../postgres_schema.py).
CREATE UNLOGGED TABLE IF NOT EXISTS meet_epoch (one int PRIMARY KEY, born bigint NOT NULL);
CREATE UNLOGGED TABLE IF NOT EXISTS meet_start (name text, slot text, at bigint NOT NULL, PRIMARY KEY (name, slot));
CREATE INDEX IF NOT EXISTS meet_start_at ON meet_start (name, at);
CREATE UNLOGGED TABLE IF NOT EXISTS meet_slot (name text, slot text, until bigint NOT NULL, PRIMARY KEY (name, slot));
CREATE UNLOGGED TABLE IF NOT EXISTS meet_held (
    name text, slot text, until bigint NOT NULL, tokens bigint NOT NULL, usd double precision NOT NULL,
    PRIMARY KEY (name, slot));
CREATE UNLOGGED TABLE IF NOT EXISTS meet_used (
    name text, slot text, at bigint NOT NULL, tokens bigint NOT NULL, PRIMARY KEY (name, slot));
CREATE UNLOGGED TABLE IF NOT EXISTS meet_flying (
    name text, slot text, until bigint NOT NULL, tokens bigint NOT NULL, PRIMARY KEY (name, slot));
-- ``name``: of a client and its day or month, ``spent``: tokens or dollars
CREATE UNLOGGED TABLE IF NOT EXISTS meet_spent (name text PRIMARY KEY, spent double precision NOT NULL, until bigint NOT NULL);

CREATE OR REPLACE FUNCTION ccx_ms() RETURNS bigint LANGUAGE sql VOLATILE
AS $$ SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint $$;

CREATE OR REPLACE FUNCTION meet_lock(names text[]) RETURNS void LANGUAGE sql VOLATILE
AS $$
    SELECT count(pg_advisory_xact_lock(number))
    FROM (SELECT DISTINCT hashtextextended(name, 0) AS number FROM unnest(names) name ORDER BY 1) sorted
$$;

-- Since when it counts.
CREATE OR REPLACE FUNCTION meet_born() RETURNS bigint LANGUAGE plpgsql VOLATILE
AS $$
DECLARE found bigint;
BEGIN
    SELECT born INTO found FROM meet_epoch;
    IF found IS NULL THEN
        INSERT INTO meet_epoch VALUES (1, ccx_ms()) ON CONFLICT DO NOTHING;
        SELECT born INTO found FROM meet_epoch;
    END IF;
    RETURN found;
END $$;

CREATE OR REPLACE FUNCTION meet_known(place text, spent_by_now double precision, kept bigint) RETURNS double precision
LANGUAGE sql VOLATILE
AS $$
    INSERT INTO meet_spent VALUES (place, spent_by_now, ccx_ms() + kept)
    ON CONFLICT (name) DO UPDATE SET spent = greatest(meet_spent.spent, excluded.spent), until = excluded.until
    RETURNING spent
$$;

-- A place in every scope, or in none. ``sums``: names of what the client has spent this day and this month, or empty;
-- ``budget``: most tokens and dollars, those of this request, those known to be spent, ms that sums are kept.
-- Returns {0: taken, n: scope n is full, or pace n minus the number of scopes, -1: too young, -2: tokens, -3: dollars,
-- -4: held}, ms to wait (-1: as soon as a place is given back), since when it counts.
CREATE OR REPLACE FUNCTION meet_enter(
    slot_id text, lease bigint, names text[], rpms bigint[], mosts bigint[], paces text[], limits bigint[], want bigint,
    client text, sums text[], budget double precision[]
) RETURNS bigint[] LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    born bigint := meet_born();
    at_now bigint;
    count_now bigint;
    excess bigint;
    first bigint;
    used double precision;
    paid double precision;
    flying bigint;
    wait bigint;
    each record;
BEGIN
    at_now := ccx_ms();
    IF at_now - born < 1000 THEN RETURN ARRAY[-1, 0, born]; END IF;
    PERFORM meet_lock(names || paces || client);
    at_now := ccx_ms();
    IF cardinality(sums) > 0 THEN
        used := meet_known(sums[1], budget[5], budget[7]::bigint);
        paid := meet_known(sums[2], budget[6], budget[7]::bigint);
        IF budget[1] > 0 AND used >= budget[1] THEN RETURN ARRAY[-2, 0, born]; END IF;
        IF budget[2] > 0 AND paid >= budget[2] THEN RETURN ARRAY[-3, 0, born]; END IF;
        DELETE FROM meet_held WHERE name = client AND until <= at_now;
        SELECT count(*), used + coalesce(sum(tokens), 0), paid + coalesce(sum(usd), 0) INTO count_now, used, paid
            FROM meet_held WHERE name = client;
        IF count_now > 0 AND (budget[1] > 0 AND used >= budget[1] OR budget[2] > 0 AND paid >= budget[2]) THEN
            RETURN ARRAY[-4, 1000, born];
        END IF;
    END IF;
    FOR i IN 1..cardinality(names) LOOP
        IF mosts[i] > 0 THEN
            DELETE FROM meet_slot WHERE name = names[i] AND until <= at_now;
            SELECT count(*) INTO count_now FROM meet_slot WHERE name = names[i];
            IF count_now >= mosts[i] THEN RETURN ARRAY[i, -1, born]; END IF;
        END IF;
        IF rpms[i] > 0 THEN
            DELETE FROM meet_start WHERE name = names[i] AND at <= at_now - 60000;
            SELECT count(*) INTO count_now FROM meet_start WHERE name = names[i];
            excess := count_now - rpms[i] + 1;
            IF excess > 0 THEN
                SELECT at INTO first FROM meet_start WHERE name = names[i] ORDER BY at OFFSET excess - 1 LIMIT 1;
                RETURN ARRAY[i, greatest(1, first + 60000 - at_now), born];
            END IF;
        END IF;
    END LOOP;
    -- Each one over its pace by itself at most: used in the last minute, and under way.
    FOR i IN 1..cardinality(paces) LOOP
        wait := 0;
        DELETE FROM meet_used WHERE name = paces[i] AND at <= at_now - 60000;
        DELETE FROM meet_flying WHERE name = paces[i] AND until <= at_now;
        SELECT coalesce(sum(tokens), 0) INTO flying FROM meet_flying WHERE name = paces[i];
        SELECT flying + coalesce(sum(tokens), 0) INTO excess FROM meet_used WHERE name = paces[i];
        FOR each IN SELECT at, tokens FROM meet_used WHERE name = paces[i] ORDER BY at, slot LOOP
            EXIT WHEN excess < limits[i];
            excess := excess - each.tokens;
            wait := each.at + 60000 - at_now;
        END LOOP;
        IF excess >= limits[i] THEN wait := 1000; END IF;
        IF wait > 0 THEN RETURN ARRAY[cardinality(names) + i, wait, born]; END IF;
    END LOOP;
    FOR i IN 1..cardinality(names) LOOP
        IF rpms[i] > 0 THEN
            INSERT INTO meet_start VALUES (names[i], slot_id, at_now)
                ON CONFLICT (name, slot) DO UPDATE SET at = excluded.at;
        END IF;
        IF mosts[i] > 0 THEN
            INSERT INTO meet_slot VALUES (names[i], slot_id, at_now + lease)
                ON CONFLICT (name, slot) DO UPDATE SET until = excluded.until;
        END IF;
    END LOOP;
    INSERT INTO meet_flying SELECT name, slot_id, at_now + lease, want FROM unnest(paces) name ORDER BY name
        ON CONFLICT (name, slot) DO UPDATE SET until = excluded.until, tokens = excluded.tokens;
    IF cardinality(sums) > 0 AND (budget[3] > 0 OR budget[4] > 0) THEN
        INSERT INTO meet_held VALUES (client, slot_id, at_now + lease, budget[3]::bigint, budget[4])
            ON CONFLICT (name, slot) DO UPDATE SET until = excluded.until;
    END IF;
    RETURN ARRAY[0, 0, born];
END $$;

-- ``begun``: names in which it never began after all.
CREATE OR REPLACE FUNCTION meet_leave(slot_id text, names text[], begun text[]) RETURNS void LANGUAGE sql VOLATILE
AS $$
    SELECT meet_lock(names);
    DELETE FROM meet_slot WHERE name = ANY (names) AND slot = slot_id;
    DELETE FROM meet_held WHERE name = ANY (names) AND slot = slot_id;
    DELETE FROM meet_flying WHERE name = ANY (names) AND slot = slot_id;
    DELETE FROM meet_start WHERE name = ANY (begun) AND slot = slot_id;
$$;

-- What one worker has taken, told again: slots are unique, so twice is once. ``ages``: ms since it began.
CREATE OR REPLACE FUNCTION meet_begun(names text[], slots text[], ages bigint[]) RETURNS void LANGUAGE sql VOLATILE
AS $$
    SELECT meet_lock(names);
    INSERT INTO meet_start SELECT name, slot, ccx_ms() - age FROM unnest(names, slots, ages) AS told(name, slot, age)
        ORDER BY name, slot ON CONFLICT DO NOTHING;
$$;

CREATE OR REPLACE FUNCTION meet_under_way(
    names text[], slots text[], lease bigint, more bigint[], cost double precision[]
) RETURNS void LANGUAGE sql VOLATILE
AS $$
    SELECT meet_lock(names);
    INSERT INTO meet_slot SELECT DISTINCT name, slot, ccx_ms() + lease FROM unnest(names, slots) AS told(name, slot)
        ORDER BY name, slot ON CONFLICT (name, slot) DO UPDATE SET until = excluded.until;
    INSERT INTO meet_held SELECT name, slot, ccx_ms() + lease, tokens, usd
        FROM unnest(names, slots, more, cost) AS told(name, slot, tokens, usd) WHERE tokens > 0 OR usd > 0
        ORDER BY name, slot ON CONFLICT (name, slot) DO UPDATE SET until = excluded.until;
$$;

CREATE OR REPLACE FUNCTION meet_use(names text[], slots text[], ages bigint[], counts bigint[]) RETURNS void
LANGUAGE sql VOLATILE
AS $$
    SELECT meet_lock(names);
    INSERT INTO meet_used SELECT name, slot, ccx_ms() - age, tokens
        FROM unnest(names, slots, ages, counts) AS told(name, slot, age, tokens)
        ORDER BY name, slot ON CONFLICT DO NOTHING;
$$;

CREATE OR REPLACE FUNCTION meet_fly(names text[], slots text[], lease bigint, counts bigint[]) RETURNS void
LANGUAGE sql VOLATILE
AS $$
    SELECT meet_lock(names);
    INSERT INTO meet_flying SELECT name, slot, ccx_ms() + lease, tokens
        FROM unnest(names, slots, counts) AS told(name, slot, tokens)
        ORDER BY name, slot ON CONFLICT (name, slot) DO UPDATE SET until = excluded.until, tokens = excluded.tokens;
$$;

CREATE OR REPLACE FUNCTION meet_spend(sums text[], costs double precision[], kept bigint) RETURNS void
LANGUAGE sql VOLATILE
AS $$
    INSERT INTO meet_spent SELECT name, cost, ccx_ms() + kept FROM unnest(sums, costs) AS told(name, cost) ORDER BY name
        ON CONFLICT (name) DO UPDATE SET spent = meet_spent.spent + excluded.spent, until = excluded.until;
$$;

-- What nobody asks for any more.
CREATE OR REPLACE FUNCTION meet_tidy() RETURNS void LANGUAGE sql VOLATILE
AS $$
    DELETE FROM meet_start WHERE at < ccx_ms() - 120000;
    DELETE FROM meet_used WHERE at < ccx_ms() - 120000;
    DELETE FROM meet_slot WHERE until < ccx_ms() - 120000;
    DELETE FROM meet_held WHERE until < ccx_ms() - 120000;
    DELETE FROM meet_flying WHERE until < ccx_ms() - 120000;
    DELETE FROM meet_spent WHERE until < ccx_ms();
$$;

