-- The declared schema: what every database looks like after all migrations. A test replays the migrations and compares.
-- Raw rows carry small integers; the views `traffic_events` and `connection_metrics` give them their names.
-- The ingest transaction appends to index-free `_delta` tables, each of which feeds several roll-ups; the fold job moves
-- them there, and reports read the `_current` views of both together (see rollups.py).
-- PARTITION BY is for plain PostgreSQL; on TimescaleDB the same tables become hypertables (see timescale.py).

CREATE TABLE settings_store (                      -- small facts of this database: demo flag, schema facts
    name  text PRIMARY KEY,
    value jsonb NOT NULL
);

-- Look-ups --------------------------------------------------------------------------------------------------------
CREATE TABLE relays (
    relay_id smallint PRIMARY KEY,
    name     text NOT NULL UNIQUE
);
CREATE TABLE event_types (
    event_type_id smallint PRIMARY KEY,
    name          text NOT NULL UNIQUE
);
CREATE TABLE outcomes (
    outcome_id smallint PRIMARY KEY,
    name       text NOT NULL UNIQUE
);
CREATE TABLE error_codes (                         -- 0 is "nothing went wrong"
    error_code_id smallint PRIMARY KEY,
    name          text NOT NULL UNIQUE
);
CREATE TABLE apps (
    app_id smallint PRIMARY KEY,
    name   text NOT NULL UNIQUE
);
CREATE TABLE clients (                             -- client_no is dense from 0: it is a bit position in active_hour
    client_no  integer PRIMARY KEY,
    client_id  text NOT NULL UNIQUE,
    identity   text NOT NULL DEFAULT 'address',
    name       text,
    first_seen timestamptz NOT NULL
);

-- Raw -------------------------------------------------------------------------------------------------------------
CREATE SEQUENCE traffic_event_ids AS bigint CACHE 1000;

CREATE TABLE traffic_events_raw (
    id               bigint NOT NULL DEFAULT nextval('traffic_event_ids'),
    timestamp        timestamptz NOT NULL,
    connection       bigint NOT NULL,
    bytes_in         bigint NOT NULL,
    bytes_out        bigint NOT NULL,
    payload_in       bigint NOT NULL,
    payload_out      bigint NOT NULL,
    client_no        integer NOT NULL,
    kind             integer,
    events_out       integer NOT NULL,
    response_time_ms real,
    first_event_ms   real,
    relay_id         smallint NOT NULL,
    event_type_id    smallint NOT NULL,
    outcome_id       smallint NOT NULL,
    error_code_id    smallint NOT NULL,
    app_id           smallint,
    event_id         bytea,
    metadata         jsonb
) PARTITION BY RANGE (timestamp);

CREATE INDEX traffic_events_raw_time ON traffic_events_raw USING brin (timestamp) WITH (pages_per_range = 32);
CREATE INDEX traffic_events_raw_errors ON traffic_events_raw (timestamp DESC) WHERE error_code_id <> 0;

CREATE TABLE deliveries_raw (                      -- periodic totals of what connections carried beside their events
    timestamp   timestamptz NOT NULL,
    connection  bigint NOT NULL,
    events_out  bigint NOT NULL,
    bytes_in    bigint NOT NULL,
    bytes_out   bigint NOT NULL,
    payload_in  bigint NOT NULL,
    payload_out bigint NOT NULL,
    client_no   integer NOT NULL,
    notices     integer NOT NULL,
    relay_id    smallint NOT NULL
) PARTITION BY RANGE (timestamp);

CREATE TABLE connections_raw (                     -- one row per ended connection, filed under its end
    closed_at  timestamptz NOT NULL,
    opened_at  timestamptz,                        -- null: an imported log does not tell; so with the numbers
    connection bigint NOT NULL,
    bytes_in   bigint,
    bytes_out  bigint,
    events     integer,
    client_no  integer NOT NULL,
    relay_id   smallint NOT NULL,
    app_id     smallint,
    close_code integer
) PARTITION BY RANGE (closed_at);

CREATE TABLE connection_metrics_raw (              -- one row per tap worker and second
    timestamp          timestamptz NOT NULL,
    relay_id           smallint NOT NULL,
    worker             smallint NOT NULL,
    active_connections integer NOT NULL,
    peak_connections   integer NOT NULL,
    opened             integer NOT NULL,
    closed             integer NOT NULL,
    events             integer NOT NULL,
    frames_out         bigint NOT NULL,
    bytes_in           bigint NOT NULL,
    bytes_out          bigint NOT NULL,
    pending            integer NOT NULL,
    dropped            bigint NOT NULL,
    cpu_percent        real,
    memory_percent     real,
    memory_bytes       bigint,
    disk_percent       real,
    disk_bytes         bigint,
    unreachable        integer NOT NULL DEFAULT 0  -- times that the relay could not be reached
) PARTITION BY RANGE (timestamp);

CREATE INDEX deliveries_raw_time ON deliveries_raw USING brin (timestamp) WITH (pages_per_range = 32);
CREATE INDEX connections_raw_time ON connections_raw USING brin (closed_at) WITH (pages_per_range = 32);
CREATE INDEX connection_metrics_raw_time ON connection_metrics_raw (timestamp DESC);
CREATE INDEX connection_metrics_raw_unreachable ON connection_metrics_raw (timestamp) WHERE unreachable > 0;

-- Exactly once ----------------------------------------------------------------------------------------------------
CREATE TABLE batches (                             -- a batch is stored when its row is here, in the same transaction
    source    text NOT NULL,
    sequence  bigint NOT NULL,
    stored_at timestamptz NOT NULL DEFAULT now(),
    events    integer NOT NULL,
    PRIMARY KEY (source, sequence)
);

CREATE TABLE quarantine (                          -- what could not be stored as it came, counted per batch and reason
    source    text NOT NULL,
    sequence  bigint NOT NULL,
    record    text NOT NULL,                       -- event, delivery, connection, sample
    reason    text NOT NULL,
    refused   boolean NOT NULL,                    -- true: not stored; false: stored without the offending part
    n         integer NOT NULL,
    sample    text NOT NULL,                       -- the first such record, cut
    stored_at timestamptz NOT NULL DEFAULT now()
);

-- Roll-ups --------------------------------------------------------------------------------------------------------
-- Declared in rollups.py; a test holds them to it. event_type_id 0 is the pseudo type DELIVERY: connection totals that
-- belong to no client message (n = 0). rt_sum is in milliseconds, each addend a multiple of 1/1024 ms, so that sums are
-- exact and do not depend on the order of addition.
CREATE AGGREGATE concatenated (smallint[]) (SFUNC = array_cat, STYPE = smallint[]);
CREATE AGGREGATE concatenated (integer[]) (SFUNC = array_cat, STYPE = integer[]);

CREATE TABLE traffic_second (
    bucket timestamptz NOT NULL,
    relay_id smallint NOT NULL,
    event_type_id smallint NOT NULL,
    n bigint NOT NULL,
    errors bigint NOT NULL,
    unanswered bigint NOT NULL,
    events_out bigint NOT NULL,
    bytes_in bigint NOT NULL,
    bytes_out bigint NOT NULL,
    PRIMARY KEY (bucket, relay_id, event_type_id)
);

CREATE TABLE traffic_minute (
    bucket timestamptz NOT NULL,
    relay_id smallint NOT NULL,
    event_type_id smallint NOT NULL,
    n bigint NOT NULL,
    errors bigint NOT NULL,
    unanswered bigint NOT NULL,
    events_out bigint NOT NULL,
    bytes_in bigint NOT NULL,
    bytes_out bigint NOT NULL,
    payload_in bigint NOT NULL,
    payload_out bigint NOT NULL,
    rt_n bigint NOT NULL,
    rt_sum double precision NOT NULL,
    PRIMARY KEY (bucket, relay_id, event_type_id)
);

CREATE TABLE traffic_hour (
    bucket timestamptz NOT NULL,
    relay_id smallint NOT NULL,
    event_type_id smallint NOT NULL,
    n bigint NOT NULL,
    accepted bigint NOT NULL,
    duplicate bigint NOT NULL,
    rejected bigint NOT NULL,
    errors bigint NOT NULL,
    unanswered bigint NOT NULL,
    events_out bigint NOT NULL,
    bytes_in bigint NOT NULL,
    bytes_out bigint NOT NULL,
    payload_in bigint NOT NULL,
    payload_out bigint NOT NULL,
    rt_n bigint NOT NULL,
    rt_sum double precision NOT NULL,
    PRIMARY KEY (bucket, relay_id, event_type_id)
);

CREATE TABLE traffic_day (
    day date NOT NULL,
    relay_id smallint NOT NULL,
    event_type_id smallint NOT NULL,
    n bigint NOT NULL,
    accepted bigint NOT NULL,
    duplicate bigint NOT NULL,
    rejected bigint NOT NULL,
    errors bigint NOT NULL,
    unanswered bigint NOT NULL,
    events_out bigint NOT NULL,
    bytes_in bigint NOT NULL,
    bytes_out bigint NOT NULL,
    payload_in bigint NOT NULL,
    payload_out bigint NOT NULL,
    rt_n bigint NOT NULL,
    rt_sum double precision NOT NULL,
    PRIMARY KEY (day, relay_id, event_type_id)
);

CREATE TABLE kind_hour (
    bucket timestamptz NOT NULL,
    relay_id smallint NOT NULL,
    kind integer NOT NULL,
    n bigint NOT NULL,
    accepted bigint NOT NULL,
    duplicate bigint NOT NULL,
    rejected bigint NOT NULL,
    errors bigint NOT NULL,
    unanswered bigint NOT NULL,
    events_out bigint NOT NULL,
    bytes_in bigint NOT NULL,
    bytes_out bigint NOT NULL,
    payload_in bigint NOT NULL,
    payload_out bigint NOT NULL,
    rt_n bigint NOT NULL,
    rt_sum double precision NOT NULL,
    PRIMARY KEY (bucket, kind, relay_id)
);

CREATE TABLE kind_day (
    day date NOT NULL,
    relay_id smallint NOT NULL,
    kind integer NOT NULL,
    n bigint NOT NULL,
    accepted bigint NOT NULL,
    duplicate bigint NOT NULL,
    rejected bigint NOT NULL,
    errors bigint NOT NULL,
    unanswered bigint NOT NULL,
    events_out bigint NOT NULL,
    bytes_in bigint NOT NULL,
    bytes_out bigint NOT NULL,
    payload_in bigint NOT NULL,
    payload_out bigint NOT NULL,
    rt_n bigint NOT NULL,
    rt_sum double precision NOT NULL,
    PRIMARY KEY (day, kind, relay_id)
);

CREATE TABLE latency_live (
    bucket timestamptz NOT NULL,
    relay_id smallint NOT NULL,
    event_type_id smallint NOT NULL,
    bin integer NOT NULL,
    n bigint NOT NULL,
    PRIMARY KEY (bucket, relay_id, event_type_id, bin)
);

CREATE TABLE latency_hour (
    bucket timestamptz NOT NULL,
    relay_id smallint NOT NULL,
    event_type_id smallint NOT NULL,
    bin integer NOT NULL,
    n bigint NOT NULL,
    PRIMARY KEY (bucket, relay_id, event_type_id, bin)
);

CREATE TABLE first_event_hour (
    bucket timestamptz NOT NULL,
    relay_id smallint NOT NULL,
    first_bin integer NOT NULL,
    n bigint NOT NULL,
    PRIMARY KEY (bucket, relay_id, first_bin)
);

CREATE TABLE error_hour (
    bucket timestamptz NOT NULL,
    relay_id smallint NOT NULL,
    event_type_id smallint NOT NULL,
    error_code_id smallint NOT NULL,
    n bigint NOT NULL,
    PRIMARY KEY (bucket, relay_id, event_type_id, error_code_id)
);

CREATE TABLE error_day (
    day date NOT NULL,
    relay_id smallint NOT NULL,
    event_type_id smallint NOT NULL,
    error_code_id smallint NOT NULL,
    n bigint NOT NULL,
    PRIMARY KEY (day, relay_id, event_type_id, error_code_id)
);

CREATE TABLE client_error_hour (
    bucket timestamptz NOT NULL,
    relay_id smallint NOT NULL,
    client_no integer NOT NULL,
    error_code_id smallint NOT NULL,
    n bigint NOT NULL,
    PRIMARY KEY (client_no, bucket, relay_id, error_code_id)
);

CREATE TABLE client_hour (
    bucket timestamptz NOT NULL,
    relay_id smallint NOT NULL,
    client_no integer NOT NULL,
    event_type_id smallint NOT NULL,
    n integer NOT NULL,
    accepted integer NOT NULL,
    duplicate integer NOT NULL,
    rejected integer NOT NULL,
    errors integer NOT NULL,
    unanswered integer NOT NULL,
    events_out bigint NOT NULL,
    bytes_in bigint NOT NULL,
    bytes_out bigint NOT NULL,
    payload_in bigint NOT NULL,
    payload_out bigint NOT NULL,
    rt_n integer NOT NULL,
    rt_sum double precision NOT NULL,
    last_at timestamptz NOT NULL,
    bins smallint[],
    packed_bins smallint[],
    packed_counts integer[],
    PRIMARY KEY (client_no, bucket, relay_id, event_type_id)
);

CREATE TABLE client_day (
    day date NOT NULL,
    relay_id smallint NOT NULL,
    client_no integer NOT NULL,
    event_type_id smallint NOT NULL,
    n bigint NOT NULL,
    accepted bigint NOT NULL,
    duplicate bigint NOT NULL,
    rejected bigint NOT NULL,
    errors bigint NOT NULL,
    unanswered bigint NOT NULL,
    events_out bigint NOT NULL,
    bytes_in bigint NOT NULL,
    bytes_out bigint NOT NULL,
    payload_in bigint NOT NULL,
    payload_out bigint NOT NULL,
    rt_n bigint NOT NULL,
    rt_sum double precision NOT NULL,
    last_at timestamptz NOT NULL,
    bins smallint[],
    packed_bins smallint[],
    packed_counts integer[],
    PRIMARY KEY (client_no, day, relay_id, event_type_id)
);

CREATE TABLE session_hour (
    bucket timestamptz NOT NULL,
    relay_id smallint NOT NULL,
    duration_bin integer NOT NULL,
    n bigint NOT NULL,
    duration_ms bigint NOT NULL,
    PRIMARY KEY (bucket, relay_id, duration_bin)
);

CREATE TABLE session_day (
    day date NOT NULL,
    relay_id smallint NOT NULL,
    duration_bin integer NOT NULL,
    n bigint NOT NULL,
    duration_ms bigint NOT NULL,
    PRIMARY KEY (day, relay_id, duration_bin)
);

CREATE TABLE client_session_hour (
    bucket timestamptz NOT NULL,
    relay_id smallint NOT NULL,
    client_no integer NOT NULL,
    n bigint NOT NULL,
    duration_ms bigint NOT NULL,
    PRIMARY KEY (client_no, bucket, relay_id)
);

CREATE TABLE kind_error_hour (
    bucket timestamptz NOT NULL,
    relay_id smallint NOT NULL,
    kind integer NOT NULL,
    error_code_id smallint NOT NULL,
    n bigint NOT NULL,
    PRIMARY KEY (kind, bucket, relay_id, error_code_id)
);

CREATE TABLE kind_latency_hour (
    bucket timestamptz NOT NULL,
    relay_id smallint NOT NULL,
    kind integer NOT NULL,
    bin integer NOT NULL,
    n bigint NOT NULL,
    PRIMARY KEY (kind, bucket, relay_id, bin)
);

CREATE TABLE kind_latency_day (
    day date NOT NULL,
    relay_id smallint NOT NULL,
    kind integer NOT NULL,
    bin integer NOT NULL,
    n bigint NOT NULL,
    PRIMARY KEY (kind, day, relay_id, bin)
);

CREATE TABLE client_kind_hour (
    bucket timestamptz NOT NULL,
    relay_id smallint NOT NULL,
    client_no integer NOT NULL,
    kind integer NOT NULL,
    n integer NOT NULL,
    accepted integer NOT NULL,
    duplicate integer NOT NULL,
    rejected integer NOT NULL,
    errors integer NOT NULL,
    unanswered integer NOT NULL,
    bytes_in bigint NOT NULL,
    bytes_out bigint NOT NULL,
    payload_in bigint NOT NULL,
    payload_out bigint NOT NULL,
    rt_n integer NOT NULL,
    rt_sum double precision NOT NULL,
    PRIMARY KEY (kind, client_no, bucket, relay_id)
);

CREATE TABLE client_span (                         -- sums of client_day over blocks of `length` days from `day` on
    length smallint NOT NULL,
    event_type_id smallint NOT NULL,               -- -1: all types together
    day date NOT NULL,
    client_no integer NOT NULL,
    relay_id smallint NOT NULL,
    n bigint NOT NULL,
    accepted bigint NOT NULL,
    duplicate bigint NOT NULL,
    rejected bigint NOT NULL,
    errors bigint NOT NULL,
    unanswered bigint NOT NULL,
    events_out bigint NOT NULL,
    bytes_in bigint NOT NULL,
    bytes_out bigint NOT NULL,
    payload_in bigint NOT NULL,
    payload_out bigint NOT NULL,
    rt_n bigint NOT NULL,
    rt_sum double precision NOT NULL,
    PRIMARY KEY (length, event_type_id, day, client_no, relay_id)
);

CREATE TABLE latency_pack (                        -- the bins of an hour or day that has ended: int2 bin, int8 count each
    hours         smallint NOT NULL,               -- 1 or 24
    bucket        timestamptz NOT NULL,
    event_type_id smallint NOT NULL,               -- -1: times to the first event, -2: lengths of connections
    relay_id      smallint NOT NULL,
    bins          bytea NOT NULL,
    total         bigint,                          -- ms of all of them together; of connections only
    PRIMARY KEY (hours, bucket, event_type_id, relay_id)
);

CREATE INDEX client_hour_time ON client_hour USING brin (bucket) WITH (pages_per_range = 16, autosummarize = on);
CREATE INDEX client_day_time ON client_day USING brin (day) WITH (pages_per_range = 16, autosummarize = on);
CREATE INDEX client_kind_hour_time ON client_kind_hour USING brin (bucket) WITH (pages_per_range = 16, autosummarize = on);
CREATE INDEX client_error_hour_time ON client_error_hour USING brin (bucket) WITH (pages_per_range = 16, autosummarize = on);
CREATE INDEX client_session_hour_time ON client_session_hour USING brin (bucket) WITH (pages_per_range = 16, autosummarize = on);

-- What writers append, and the fold moves into the roll-ups.
CREATE TABLE traffic_second_delta (
    bucket timestamptz NOT NULL,
    relay_id smallint NOT NULL,
    event_type_id smallint NOT NULL,
    n integer NOT NULL,
    errors integer NOT NULL,
    unanswered integer NOT NULL,
    events_out bigint NOT NULL,
    bytes_in bigint NOT NULL,
    bytes_out bigint NOT NULL,
    payload_in bigint NOT NULL,
    payload_out bigint NOT NULL,
    rt_n integer NOT NULL,
    rt_sum double precision NOT NULL
) WITH (autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_scale_factor = 0);

CREATE TABLE traffic_hour_delta (
    bucket timestamptz NOT NULL,
    relay_id smallint NOT NULL,
    event_type_id smallint NOT NULL,
    n integer NOT NULL,
    accepted integer NOT NULL,
    duplicate integer NOT NULL,
    rejected integer NOT NULL,
    errors integer NOT NULL,
    unanswered integer NOT NULL,
    events_out bigint NOT NULL,
    bytes_in bigint NOT NULL,
    bytes_out bigint NOT NULL,
    payload_in bigint NOT NULL,
    payload_out bigint NOT NULL,
    rt_n integer NOT NULL,
    rt_sum double precision NOT NULL
) WITH (autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_scale_factor = 0);

CREATE TABLE kind_delta (
    bucket timestamptz NOT NULL,
    relay_id smallint NOT NULL,
    kind integer NOT NULL,
    n integer NOT NULL,
    accepted integer NOT NULL,
    duplicate integer NOT NULL,
    rejected integer NOT NULL,
    errors integer NOT NULL,
    unanswered integer NOT NULL,
    events_out bigint NOT NULL,
    bytes_in bigint NOT NULL,
    bytes_out bigint NOT NULL,
    payload_in bigint NOT NULL,
    payload_out bigint NOT NULL,
    rt_n integer NOT NULL,
    rt_sum double precision NOT NULL
) WITH (autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_scale_factor = 0);

CREATE TABLE latency_delta_packed (
    bucket timestamptz NOT NULL,
    relay_id smallint NOT NULL,
    event_type_id smallint[] NOT NULL,
    bin integer[] NOT NULL,
    n integer[] NOT NULL
) WITH (autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_scale_factor = 0, toast.autovacuum_vacuum_threshold = 5000, toast.autovacuum_vacuum_scale_factor = 0);
ALTER TABLE latency_delta_packed ALTER event_type_id SET STORAGE EXTERNAL, ALTER bin SET STORAGE EXTERNAL, ALTER n SET STORAGE EXTERNAL;
CREATE VIEW latency_delta AS
SELECT bucket, relay_id, unnest(event_type_id) AS event_type_id, unnest(bin) AS bin, unnest(n) AS n FROM latency_delta_packed;

CREATE TABLE first_event_delta_packed (
    bucket timestamptz NOT NULL,
    relay_id smallint NOT NULL,
    first_bin integer[] NOT NULL,
    n integer[] NOT NULL
) WITH (autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_scale_factor = 0, toast.autovacuum_vacuum_threshold = 5000, toast.autovacuum_vacuum_scale_factor = 0);
ALTER TABLE first_event_delta_packed ALTER first_bin SET STORAGE EXTERNAL, ALTER n SET STORAGE EXTERNAL;
CREATE VIEW first_event_delta AS
SELECT bucket, relay_id, unnest(first_bin) AS first_bin, unnest(n) AS n FROM first_event_delta_packed;

CREATE TABLE error_delta_packed (
    bucket timestamptz NOT NULL,
    relay_id smallint NOT NULL,
    client_no integer[] NOT NULL,
    event_type_id smallint[] NOT NULL,
    error_code_id smallint[] NOT NULL,
    n integer[] NOT NULL
) WITH (autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_scale_factor = 0, toast.autovacuum_vacuum_threshold = 5000, toast.autovacuum_vacuum_scale_factor = 0);
ALTER TABLE error_delta_packed ALTER client_no SET STORAGE EXTERNAL, ALTER event_type_id SET STORAGE EXTERNAL, ALTER error_code_id SET STORAGE EXTERNAL, ALTER n SET STORAGE EXTERNAL;
CREATE VIEW error_delta AS
SELECT bucket, relay_id, unnest(client_no) AS client_no, unnest(event_type_id) AS event_type_id, unnest(error_code_id) AS error_code_id, unnest(n) AS n FROM error_delta_packed;

CREATE TABLE client_delta_packed (
    bucket timestamptz NOT NULL,
    relay_id smallint NOT NULL,
    client_no integer[] NOT NULL,
    event_type_id smallint[] NOT NULL,
    n integer[] NOT NULL,
    accepted integer[] NOT NULL,
    duplicate integer[] NOT NULL,
    rejected integer[] NOT NULL,
    errors integer[] NOT NULL,
    unanswered integer[] NOT NULL,
    events_out bigint[] NOT NULL,
    bytes_in bigint[] NOT NULL,
    bytes_out bigint[] NOT NULL,
    payload_in bigint[] NOT NULL,
    payload_out bigint[] NOT NULL,
    rt_n integer[] NOT NULL,
    rt_sum double precision[] NOT NULL,
    first_at timestamptz[] NOT NULL,
    last_at timestamptz[] NOT NULL,
    bins_upto integer[] NOT NULL,
    bins smallint[] NOT NULL
) WITH (autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_scale_factor = 0, toast.autovacuum_vacuum_threshold = 5000, toast.autovacuum_vacuum_scale_factor = 0);
ALTER TABLE client_delta_packed ALTER client_no SET STORAGE EXTERNAL, ALTER event_type_id SET STORAGE EXTERNAL, ALTER n SET STORAGE EXTERNAL, ALTER accepted SET STORAGE EXTERNAL, ALTER duplicate SET STORAGE EXTERNAL, ALTER rejected SET STORAGE EXTERNAL, ALTER errors SET STORAGE EXTERNAL, ALTER unanswered SET STORAGE EXTERNAL, ALTER events_out SET STORAGE EXTERNAL, ALTER bytes_in SET STORAGE EXTERNAL, ALTER bytes_out SET STORAGE EXTERNAL, ALTER payload_in SET STORAGE EXTERNAL, ALTER payload_out SET STORAGE EXTERNAL, ALTER rt_n SET STORAGE EXTERNAL, ALTER rt_sum SET STORAGE EXTERNAL, ALTER first_at SET STORAGE EXTERNAL, ALTER last_at SET STORAGE EXTERNAL, ALTER bins_upto SET STORAGE EXTERNAL, ALTER bins SET STORAGE EXTERNAL;
CREATE VIEW client_delta AS
SELECT bucket, relay_id, client_no, event_type_id, n, accepted, duplicate, rejected, errors, unanswered, events_out, bytes_in, bytes_out, payload_in, payload_out, rt_n, rt_sum, first_at, last_at, CASE WHEN rt_n > 0 THEN bins[bins_upto - rt_n + 1 : bins_upto] END AS bins
FROM (SELECT bins, bucket, relay_id, unnest(client_no) AS client_no, unnest(event_type_id) AS event_type_id, unnest(n) AS n, unnest(accepted) AS accepted, unnest(duplicate) AS duplicate, unnest(rejected) AS rejected, unnest(errors) AS errors, unnest(unanswered) AS unanswered, unnest(events_out) AS events_out, unnest(bytes_in) AS bytes_in, unnest(bytes_out) AS bytes_out, unnest(payload_in) AS payload_in, unnest(payload_out) AS payload_out, unnest(rt_n) AS rt_n, unnest(rt_sum) AS rt_sum, unnest(first_at) AS first_at, unnest(last_at) AS last_at, unnest(bins_upto) AS bins_upto FROM client_delta_packed) AS rows;

CREATE TABLE session_delta (
    bucket timestamptz NOT NULL,
    relay_id smallint NOT NULL,
    client_no integer NOT NULL,
    duration_bin integer NOT NULL,
    n integer NOT NULL,
    duration_ms bigint NOT NULL
) WITH (autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_scale_factor = 0);

CREATE TABLE kind_error_delta_packed (
    bucket timestamptz NOT NULL,
    relay_id smallint NOT NULL,
    kind integer[] NOT NULL,
    error_code_id smallint[] NOT NULL,
    n integer[] NOT NULL
) WITH (autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_scale_factor = 0, toast.autovacuum_vacuum_threshold = 5000, toast.autovacuum_vacuum_scale_factor = 0);
ALTER TABLE kind_error_delta_packed ALTER kind SET STORAGE EXTERNAL, ALTER error_code_id SET STORAGE EXTERNAL, ALTER n SET STORAGE EXTERNAL;
CREATE VIEW kind_error_delta AS
SELECT bucket, relay_id, unnest(kind) AS kind, unnest(error_code_id) AS error_code_id, unnest(n) AS n FROM kind_error_delta_packed;

CREATE TABLE kind_latency_delta_packed (
    bucket timestamptz NOT NULL,
    relay_id smallint NOT NULL,
    kind integer[] NOT NULL,
    bin integer[] NOT NULL,
    n integer[] NOT NULL
) WITH (autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_scale_factor = 0, toast.autovacuum_vacuum_threshold = 5000, toast.autovacuum_vacuum_scale_factor = 0);
ALTER TABLE kind_latency_delta_packed ALTER kind SET STORAGE EXTERNAL, ALTER bin SET STORAGE EXTERNAL, ALTER n SET STORAGE EXTERNAL;
CREATE VIEW kind_latency_delta AS
SELECT bucket, relay_id, unnest(kind) AS kind, unnest(bin) AS bin, unnest(n) AS n FROM kind_latency_delta_packed;

CREATE TABLE client_kind_delta_packed (
    bucket timestamptz NOT NULL,
    relay_id smallint NOT NULL,
    client_no integer[] NOT NULL,
    kind integer[] NOT NULL,
    n integer[] NOT NULL,
    accepted integer[] NOT NULL,
    duplicate integer[] NOT NULL,
    rejected integer[] NOT NULL,
    errors integer[] NOT NULL,
    unanswered integer[] NOT NULL,
    bytes_in bigint[] NOT NULL,
    bytes_out bigint[] NOT NULL,
    payload_in bigint[] NOT NULL,
    payload_out bigint[] NOT NULL,
    rt_n integer[] NOT NULL,
    rt_sum double precision[] NOT NULL
) WITH (autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_scale_factor = 0, toast.autovacuum_vacuum_threshold = 5000, toast.autovacuum_vacuum_scale_factor = 0);
ALTER TABLE client_kind_delta_packed ALTER client_no SET STORAGE EXTERNAL, ALTER kind SET STORAGE EXTERNAL, ALTER n SET STORAGE EXTERNAL, ALTER accepted SET STORAGE EXTERNAL, ALTER duplicate SET STORAGE EXTERNAL, ALTER rejected SET STORAGE EXTERNAL, ALTER errors SET STORAGE EXTERNAL, ALTER unanswered SET STORAGE EXTERNAL, ALTER bytes_in SET STORAGE EXTERNAL, ALTER bytes_out SET STORAGE EXTERNAL, ALTER payload_in SET STORAGE EXTERNAL, ALTER payload_out SET STORAGE EXTERNAL, ALTER rt_n SET STORAGE EXTERNAL, ALTER rt_sum SET STORAGE EXTERNAL;
CREATE VIEW client_kind_delta AS
SELECT bucket, relay_id, unnest(client_no) AS client_no, unnest(kind) AS kind, unnest(n) AS n, unnest(accepted) AS accepted, unnest(duplicate) AS duplicate, unnest(rejected) AS rejected, unnest(errors) AS errors, unnest(unanswered) AS unanswered, unnest(bytes_in) AS bytes_in, unnest(bytes_out) AS bytes_out, unnest(payload_in) AS payload_in, unnest(payload_out) AS payload_out, unnest(rt_n) AS rt_n, unnest(rt_sum) AS rt_sum FROM client_kind_delta_packed;

-- What reports read of a roll-up: the merged rows and the deltas not merged yet, to be summed.
CREATE VIEW traffic_second_current AS
SELECT bucket, relay_id, event_type_id, n, errors, unanswered, events_out, bytes_in, bytes_out FROM traffic_second
UNION ALL SELECT bucket, relay_id, event_type_id, n::bigint AS n, errors::bigint AS errors, unanswered::bigint AS unanswered, events_out, bytes_in, bytes_out FROM traffic_second_delta;

CREATE VIEW traffic_minute_current AS
SELECT bucket, relay_id, event_type_id, n, errors, unanswered, events_out, bytes_in, bytes_out, payload_in, payload_out, rt_n, rt_sum FROM traffic_minute
UNION ALL SELECT date_bin('60 seconds', bucket, timestamptz '2000-01-01 00:00:00+00') AS bucket, relay_id, event_type_id, n::bigint AS n, errors::bigint AS errors, unanswered::bigint AS unanswered, events_out, bytes_in, bytes_out, payload_in, payload_out, rt_n::bigint AS rt_n, rt_sum FROM traffic_second_delta;

CREATE VIEW traffic_hour_current AS
SELECT bucket, relay_id, event_type_id, n, accepted, duplicate, rejected, errors, unanswered, events_out, bytes_in, bytes_out, payload_in, payload_out, rt_n, rt_sum FROM traffic_hour
UNION ALL SELECT bucket, relay_id, event_type_id, n::bigint AS n, accepted::bigint AS accepted, duplicate::bigint AS duplicate, rejected::bigint AS rejected, errors::bigint AS errors, unanswered::bigint AS unanswered, events_out, bytes_in, bytes_out, payload_in, payload_out, rt_n::bigint AS rt_n, rt_sum FROM traffic_hour_delta;

CREATE VIEW traffic_day_current AS
SELECT day, relay_id, event_type_id, n, accepted, duplicate, rejected, errors, unanswered, events_out, bytes_in, bytes_out, payload_in, payload_out, rt_n, rt_sum FROM traffic_day
UNION ALL SELECT (bucket AT TIME ZONE 'UTC')::date AS day, relay_id, event_type_id, n::bigint AS n, accepted::bigint AS accepted, duplicate::bigint AS duplicate, rejected::bigint AS rejected, errors::bigint AS errors, unanswered::bigint AS unanswered, events_out, bytes_in, bytes_out, payload_in, payload_out, rt_n::bigint AS rt_n, rt_sum FROM traffic_hour_delta;

CREATE VIEW kind_hour_current AS
SELECT bucket, relay_id, kind, n, accepted, duplicate, rejected, errors, unanswered, events_out, bytes_in, bytes_out, payload_in, payload_out, rt_n, rt_sum FROM kind_hour
UNION ALL SELECT bucket, relay_id, kind, n::bigint AS n, accepted::bigint AS accepted, duplicate::bigint AS duplicate, rejected::bigint AS rejected, errors::bigint AS errors, unanswered::bigint AS unanswered, events_out, bytes_in, bytes_out, payload_in, payload_out, rt_n::bigint AS rt_n, rt_sum FROM kind_delta;

CREATE VIEW kind_day_current AS
SELECT day, relay_id, kind, n, accepted, duplicate, rejected, errors, unanswered, events_out, bytes_in, bytes_out, payload_in, payload_out, rt_n, rt_sum FROM kind_day
UNION ALL SELECT (bucket AT TIME ZONE 'UTC')::date AS day, relay_id, kind, n::bigint AS n, accepted::bigint AS accepted, duplicate::bigint AS duplicate, rejected::bigint AS rejected, errors::bigint AS errors, unanswered::bigint AS unanswered, events_out, bytes_in, bytes_out, payload_in, payload_out, rt_n::bigint AS rt_n, rt_sum FROM kind_delta;

CREATE VIEW latency_live_current AS
SELECT bucket, relay_id, event_type_id, bin, n FROM latency_live
UNION ALL SELECT bucket, relay_id, event_type_id, bin, n::bigint AS n FROM latency_delta;

CREATE VIEW latency_hour_current AS
SELECT bucket, relay_id, event_type_id, bin, n FROM latency_hour
UNION ALL SELECT date_bin('3600 seconds', bucket, timestamptz '2000-01-01 00:00:00+00') AS bucket, relay_id, event_type_id, bin, n::bigint AS n FROM latency_delta;

CREATE VIEW first_event_hour_current AS
SELECT bucket, relay_id, first_bin, n FROM first_event_hour
UNION ALL SELECT bucket, relay_id, first_bin, n::bigint AS n FROM first_event_delta;

CREATE VIEW error_hour_current AS
SELECT bucket, relay_id, event_type_id, error_code_id, n FROM error_hour
UNION ALL SELECT bucket, relay_id, event_type_id, error_code_id, n::bigint AS n FROM error_delta;

CREATE VIEW error_day_current AS
SELECT day, relay_id, event_type_id, error_code_id, n FROM error_day
UNION ALL SELECT (bucket AT TIME ZONE 'UTC')::date AS day, relay_id, event_type_id, error_code_id, n::bigint AS n FROM error_delta;

CREATE VIEW client_error_hour_current AS
SELECT bucket, relay_id, client_no, error_code_id, n FROM client_error_hour
UNION ALL SELECT bucket, relay_id, client_no, error_code_id, n::bigint AS n FROM error_delta;

CREATE VIEW client_hour_current AS
SELECT bucket, relay_id, client_no, event_type_id, n, accepted, duplicate, rejected, errors, unanswered, events_out, bytes_in, bytes_out, payload_in, payload_out, rt_n, rt_sum FROM client_hour
UNION ALL SELECT bucket, relay_id, client_no, event_type_id, n, accepted, duplicate, rejected, errors, unanswered, events_out, bytes_in, bytes_out, payload_in, payload_out, rt_n, rt_sum FROM client_delta;

CREATE VIEW client_day_current AS
SELECT day, relay_id, client_no, event_type_id, n, accepted, duplicate, rejected, errors, unanswered, events_out, bytes_in, bytes_out, payload_in, payload_out, rt_n, rt_sum FROM client_day
UNION ALL SELECT (bucket AT TIME ZONE 'UTC')::date AS day, relay_id, client_no, event_type_id, n::bigint AS n, accepted::bigint AS accepted, duplicate::bigint AS duplicate, rejected::bigint AS rejected, errors::bigint AS errors, unanswered::bigint AS unanswered, events_out, bytes_in, bytes_out, payload_in, payload_out, rt_n::bigint AS rt_n, rt_sum FROM client_delta
UNION ALL SELECT (bucket AT TIME ZONE 'UTC')::date AS day, relay_id, client_no, event_type_id, n::bigint AS n, accepted::bigint AS accepted, duplicate::bigint AS duplicate, rejected::bigint AS rejected, errors::bigint AS errors, unanswered::bigint AS unanswered, events_out, bytes_in, bytes_out, payload_in, payload_out, rt_n::bigint AS rt_n, rt_sum FROM client_hour WHERE bucket >= (SELECT (value #>> '{}')::date::timestamp AT TIME ZONE 'UTC' FROM settings_store WHERE name = 'client_days_built_before');

CREATE VIEW session_hour_current AS
SELECT bucket, relay_id, duration_bin, n, duration_ms FROM session_hour
UNION ALL SELECT bucket, relay_id, duration_bin, n::bigint AS n, duration_ms FROM session_delta;

CREATE VIEW session_day_current AS
SELECT day, relay_id, duration_bin, n, duration_ms FROM session_day
UNION ALL SELECT (bucket AT TIME ZONE 'UTC')::date AS day, relay_id, duration_bin, n::bigint AS n, duration_ms FROM session_delta;

CREATE VIEW client_session_hour_current AS
SELECT bucket, relay_id, client_no, n, duration_ms FROM client_session_hour
UNION ALL SELECT bucket, relay_id, client_no, n::bigint AS n, duration_ms FROM session_delta;

CREATE VIEW kind_error_hour_current AS
SELECT bucket, relay_id, kind, error_code_id, n FROM kind_error_hour
UNION ALL SELECT bucket, relay_id, kind, error_code_id, n::bigint AS n FROM kind_error_delta;

CREATE VIEW kind_latency_hour_current AS
SELECT bucket, relay_id, kind, bin, n FROM kind_latency_hour
UNION ALL SELECT bucket, relay_id, kind, bin, n::bigint AS n FROM kind_latency_delta;

CREATE VIEW kind_latency_day_current AS
SELECT day, relay_id, kind, bin, n FROM kind_latency_day
UNION ALL SELECT (bucket AT TIME ZONE 'UTC')::date AS day, relay_id, kind, bin, n::bigint AS n FROM kind_latency_delta;

CREATE VIEW client_kind_hour_current AS
SELECT bucket, relay_id, client_no, kind, n, accepted, duplicate, rejected, errors, unanswered, bytes_in, bytes_out, payload_in, payload_out, rt_n, rt_sum FROM client_kind_hour
UNION ALL SELECT bucket, relay_id, client_no, kind, n, accepted, duplicate, rejected, errors, unanswered, bytes_in, bytes_out, payload_in, payload_out, rt_n, rt_sum FROM client_kind_delta;

CREATE VIEW client_hour_latency AS
SELECT s.client_no, s.bucket, s.relay_id, s.event_type_id, b.bin, 1 AS n FROM client_hour s, unnest(s.bins) AS b (bin)
UNION ALL SELECT s.client_no, s.bucket, s.relay_id, s.event_type_id, b.bin, b.n FROM client_hour s, unnest(s.packed_bins, s.packed_counts) AS b (bin, n)
UNION ALL SELECT client_no, bucket, relay_id, event_type_id, b.bin, 1 AS n FROM client_delta, unnest(bins) AS b (bin);

CREATE VIEW client_day_latency AS
SELECT s.client_no, s.day, s.relay_id, s.event_type_id, b.bin, 1 AS n FROM client_day s, unnest(s.bins) AS b (bin)
UNION ALL SELECT s.client_no, s.day, s.relay_id, s.event_type_id, b.bin, b.n FROM client_day s, unnest(s.packed_bins, s.packed_counts) AS b (bin, n)
UNION ALL SELECT s.client_no, s.day, s.relay_id, s.event_type_id, b.bin, 1 AS n FROM (SELECT (bucket AT TIME ZONE 'UTC')::date AS day, * FROM client_hour WHERE bucket >= (SELECT (value #>> '{}')::date::timestamp AT TIME ZONE 'UTC' FROM settings_store WHERE name = 'client_days_built_before')) s, unnest(s.bins) AS b (bin)
UNION ALL SELECT s.client_no, s.day, s.relay_id, s.event_type_id, b.bin, b.n FROM (SELECT (bucket AT TIME ZONE 'UTC')::date AS day, * FROM client_hour WHERE bucket >= (SELECT (value #>> '{}')::date::timestamp AT TIME ZONE 'UTC' FROM settings_store WHERE name = 'client_days_built_before')) s, unnest(s.packed_bins, s.packed_counts) AS b (bin, n)
UNION ALL SELECT client_no, (bucket AT TIME ZONE 'UTC')::date AS day, relay_id, event_type_id, b.bin, 1 AS n FROM client_delta, unnest(bins) AS b (bin);

CREATE VIEW clients_seen AS                        -- clients with the last time of each, exact also between two folds
SELECT c.client_no, c.client_id, c.identity, c.name, least(c.first_seen, d.first_at) AS first_seen,
       greatest((SELECT max(h.last_at) FROM client_hour h WHERE h.client_no = c.client_no
                 AND h.bucket = (SELECT max(bucket) FROM client_hour l WHERE l.client_no = c.client_no)),
                (SELECT max(w.last_at) FROM client_day w WHERE w.client_no = c.client_no
                 AND w.day = (SELECT max(day) FROM client_day l WHERE l.client_no = c.client_no)
                 AND w.day < (SELECT (value #>> '{}')::date FROM settings_store WHERE name = 'hours_from')),
                d.last_at, c.first_seen) AS last_seen
FROM clients c
LEFT JOIN (SELECT client_no, min(first_at) AS first_at, max(last_at) AS last_at
           FROM (SELECT unnest(client_no) AS client_no, unnest(first_at) AS first_at, unnest(last_at) AS last_at
                 FROM client_delta_packed) AS rows
           GROUP BY client_no) d USING (client_no);

CREATE TABLE active_hour (                         -- clients with n > 0 in an hour: bit client_no % 65536
    bucket        timestamptz NOT NULL,
    event_type_id smallint NOT NULL,               -- 0: any
    chunk         integer NOT NULL,                -- client_no / 65536
    bits          bit(65536) NOT NULL,
    PRIMARY KEY (event_type_id, bucket, chunk)
);
CREATE TABLE active_day (                          -- the same by UTC day
    day           date NOT NULL,
    event_type_id smallint NOT NULL,
    chunk         integer NOT NULL,
    bits          bit(65536) NOT NULL,
    PRIMARY KEY (event_type_id, day, chunk)
);
CREATE VIEW active_pending AS                      -- who is not in these bits yet
SELECT bucket, event_type_id, client_no
FROM (SELECT bucket, unnest(event_type_id) AS event_type_id, unnest(client_no) AS client_no, unnest(n) AS n
      FROM client_delta_packed) AS rows
WHERE n > 0;

-- Documented names ------------------------------------------------------------------------------------------------
CREATE VIEW traffic_events AS
SELECT r.id, encode(r.event_id, 'hex') AS event_id, c.client_id, t.name AS event_type, r.timestamp, r.metadata,
       r.response_time_ms::double precision AS response_time_ms, r.bytes_in + r.bytes_out AS bytes_transferred,
       e.name AS error_code, r.kind, o.name AS outcome, r.bytes_in, r.bytes_out, r.payload_in, r.payload_out,
       r.events_out, r.first_event_ms::double precision AS first_event_ms, l.name AS relay, a.name AS app, r.connection
FROM traffic_events_raw r
JOIN clients c ON c.client_no = r.client_no
JOIN event_types t ON t.event_type_id = r.event_type_id
JOIN outcomes o ON o.outcome_id = r.outcome_id
JOIN relays l ON l.relay_id = r.relay_id
LEFT JOIN error_codes e ON e.error_code_id = r.error_code_id AND r.error_code_id <> 0
LEFT JOIN apps a ON a.app_id = r.app_id;

CREATE VIEW connection_metrics AS                  -- summed over the workers of a relay; host figures in percent
SELECT m.timestamp, l.name AS relay,
       sum(m.active_connections)::bigint AS active_connections, sum(m.peak_connections)::bigint AS peak_connections,
       sum(m.events)::bigint AS events_per_second,
       max(m.memory_percent)::double precision AS memory_usage, max(m.cpu_percent)::double precision AS cpu_usage,
       max(m.disk_percent)::double precision AS disk_usage,
       sum(m.bytes_in)::bigint AS bytes_in, sum(m.bytes_out)::bigint AS bytes_out,
       sum(m.frames_out)::bigint AS frames_out, sum(m.opened)::bigint AS opened, sum(m.closed)::bigint AS closed,
       sum(m.pending)::bigint AS pending, sum(m.dropped)::bigint AS dropped
FROM connection_metrics_raw m
JOIN relays l ON l.relay_id = m.relay_id
GROUP BY m.timestamp, l.name;

-- Accounts --------------------------------------------------------------------------------------------------------
CREATE TABLE users (
    username      text PRIMARY KEY,
    name          text NOT NULL,
    password_hash text NOT NULL,
    role          text NOT NULL,
    client_id     text,                            -- a user of a single client sees only that one
    active        boolean NOT NULL DEFAULT true,
    created_at    timestamptz NOT NULL
);
CREATE TABLE sessions (
    token_hash   bytea PRIMARY KEY,
    username     text NOT NULL REFERENCES users ON UPDATE CASCADE ON DELETE CASCADE,
    created_at   timestamptz NOT NULL,
    expires_at   timestamptz NOT NULL,
    last_used_at timestamptz NOT NULL
);
CREATE INDEX sessions_username ON sessions (username);
CREATE TABLE login_tickets (
    ticket_hash bytea PRIMARY KEY,
    action      text NOT NULL,
    subject     text NOT NULL,
    expires_at  timestamptz NOT NULL
);
CREATE TABLE api_tokens (
    token_id     text PRIMARY KEY,
    token_hash   bytea NOT NULL UNIQUE,
    username     text NOT NULL REFERENCES users ON UPDATE CASCADE ON DELETE CASCADE,
    label        text NOT NULL,
    scopes       text[] NOT NULL,
    created_at   timestamptz NOT NULL,
    expires_at   timestamptz,
    revoked_at   timestamptz,
    last_used_at timestamptz
);
CREATE INDEX api_tokens_username ON api_tokens (username);
CREATE TABLE login_attempts (
    key          text PRIMARY KEY,
    failures     integer NOT NULL,
    last_failure timestamptz NOT NULL
);

-- Connections per minute and relay, counted anew from the samples of each noted minute.
CREATE TABLE connection_minute (
    bucket           timestamptz NOT NULL,
    relay_id         smallint NOT NULL,
    seconds          integer NOT NULL,             -- seconds of the minute that were sampled
    active_sum       bigint NOT NULL,              -- mean = active_sum / seconds
    peak_connections bigint NOT NULL,
    opened           bigint NOT NULL,
    closed           bigint NOT NULL,
    events           bigint NOT NULL,
    frames_out       bigint NOT NULL,
    bytes_in         bigint NOT NULL,
    bytes_out        bigint NOT NULL,
    cpu_percent      real,
    memory_percent   real,
    disk_percent     real,
    PRIMARY KEY (bucket, relay_id)
);
CREATE TABLE connection_minute_due (bucket timestamptz NOT NULL)
    WITH (autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_scale_factor = 0);

-- Every batch of a source up to and including `upto` is stored; their rows in `batches` are gone.
CREATE TABLE batch_watermarks (
    source text PRIMARY KEY,
    upto   bigint NOT NULL
);

-- Connections per minute as reports read them: minutes that were counted, and those due to be counted, from their samples.
CREATE VIEW connection_minute_current AS
WITH due AS (                                      -- a due minute whose samples retention has dropped stays as counted
    SELECT DISTINCT d.bucket FROM connection_minute_due d
    WHERE EXISTS (SELECT FROM connection_metrics_raw s
                  WHERE s.timestamp >= d.bucket AND s.timestamp < d.bucket + interval '1 minute')
)
SELECT bucket, relay_id, seconds, active_sum, peak_connections, opened, closed, events, cpu_percent, memory_percent,
       disk_percent
FROM connection_minute
WHERE bucket NOT IN (SELECT bucket FROM due)
UNION ALL
SELECT bucket, relay_id, count(*)::integer AS seconds, sum(active)::bigint AS active_sum,
       max(peak)::bigint AS peak_connections, sum(opened)::bigint AS opened, sum(closed)::bigint AS closed,
       sum(events)::bigint AS events, avg(cpu)::real AS cpu_percent, avg(memory)::real AS memory_percent,
       max(disk) AS disk_percent
FROM (
    SELECT due.bucket, s.relay_id, s.timestamp, sum(s.active_connections) AS active, sum(s.peak_connections) AS peak,
           sum(s.opened) AS opened, sum(s.closed) AS closed, sum(s.events) AS events, max(s.cpu_percent) AS cpu,
           max(s.memory_percent) AS memory, max(s.disk_percent) AS disk
    FROM due
    JOIN connection_metrics_raw s ON s.timestamp >= due.bucket AND s.timestamp < due.bucket + interval '1 minute'
    GROUP BY due.bucket, s.relay_id, s.timestamp
) AS seconds
GROUP BY bucket, relay_id;

-- Connections per hour and relay (-1: all relays together), counted from the minutes: see connection_hours.py.
CREATE TABLE connection_hour (
    bucket           timestamptz NOT NULL,
    relay_id         smallint NOT NULL,
    seconds          integer NOT NULL,
    active_sum       bigint NOT NULL,
    peak_connections bigint NOT NULL,
    opened           bigint NOT NULL,
    closed           bigint NOT NULL,
    busiest_minute   bigint NOT NULL,              -- client messages of that minute
    cpu_sum          double precision,             -- percent, over the minutes it is known of
    cpu_minutes      integer NOT NULL,
    cpu_max          real,
    memory_sum       double precision,
    memory_minutes   integer NOT NULL,
    memory_max       real,
    disk_max         real,
    PRIMARY KEY (bucket, relay_id)
);

-- The same as reports read it: hours with minutes due to be counted come from their minutes.
CREATE VIEW connection_hour_current AS
WITH open AS (
    SELECT DISTINCT date_bin('1 hour', bucket, timestamptz '2000-01-01 00:00:00+00') AS bucket FROM connection_minute_due
)
SELECT bucket, relay_id, seconds, active_sum, peak_connections, opened, closed, busiest_minute, cpu_sum, cpu_minutes,
       cpu_max, memory_sum, memory_minutes, memory_max, disk_max
FROM connection_hour
WHERE bucket NOT IN (SELECT bucket FROM open)
UNION ALL
SELECT open.bucket, hour.*
FROM open CROSS JOIN LATERAL (
    WITH minutes AS (
        SELECT * FROM connection_minute_current m
        WHERE m.bucket >= open.bucket AND m.bucket < open.bucket + interval '1 hour'
    )
    SELECT relay_id, sum(seconds)::integer AS seconds, sum(active_sum)::bigint AS active_sum,
           max(peak_connections) AS peak_connections, sum(opened)::bigint AS opened, sum(closed)::bigint AS closed,
           max(events) AS busiest_minute, sum(cpu_percent::float8) AS cpu_sum, count(cpu_percent)::integer AS cpu_minutes,
           max(cpu_percent) AS cpu_max, sum(memory_percent::float8) AS memory_sum,
           count(memory_percent)::integer AS memory_minutes, max(memory_percent) AS memory_max,
           max(disk_percent) AS disk_max
    FROM (
        SELECT relay_id, seconds, active_sum, peak_connections, opened, closed, events, cpu_percent, memory_percent,
               disk_percent
        FROM minutes
        UNION ALL
        SELECT -1, max(seconds), sum(active_sum)::bigint, sum(peak_connections)::bigint, sum(opened)::bigint,
               sum(closed)::bigint, sum(events)::bigint, max(cpu_percent), max(memory_percent), max(disk_percent)
        FROM minutes GROUP BY bucket
    ) AS parts
    GROUP BY relay_id
) AS hour;

-- Totals of each hour and event type (-1: all types together) and the bytes of its busiest minute: see hour_totals.py.
CREATE TABLE traffic_hour_total (
    bucket timestamptz NOT NULL,
    event_type_id smallint NOT NULL,
    n bigint NOT NULL,
    errors bigint NOT NULL,
    unanswered bigint NOT NULL,
    events_out bigint NOT NULL,
    bytes_in bigint NOT NULL,
    bytes_out bigint NOT NULL,
    payload_in bigint NOT NULL,
    payload_out bigint NOT NULL,
    busiest_minute bigint NOT NULL,
    PRIMARY KEY (bucket, event_type_id)
);
CREATE VIEW traffic_hour_total_current AS
SELECT bucket, event_type_id, n, errors, unanswered, events_out, bytes_in, bytes_out, payload_in, payload_out
FROM traffic_hour_total WHERE event_type_id >= 0
UNION ALL
SELECT date_bin('1 hour', bucket, timestamptz '2000-01-01 00:00:00+00'), event_type_id, n, errors, unanswered, events_out,
       bytes_in, bytes_out, payload_in, payload_out
FROM traffic_second_delta;

-- Bills: what was frozen when a period was closed, and what was corrected afterwards. Never updated; see core/billing.
CREATE TABLE billing_periods (
    period_id integer PRIMARY KEY,                 -- from 1, in the order of closing
    starts_at timestamptz NOT NULL,
    ends_at   timestamptz NOT NULL,
    time_zone text NOT NULL,
    tariff    text,                                -- as JSON; null: none, so no costs
    closed_at timestamptz NOT NULL,
    lines     integer NOT NULL,
    checksum  bytea NOT NULL,
    EXCLUDE USING gist (tstzrange(starts_at, ends_at) WITH &&)
);
CREATE TABLE billing_adjustments (
    period_id integer NOT NULL REFERENCES billing_periods,
    number    integer NOT NULL,                    -- from 1
    made_at   timestamptz NOT NULL,
    credit    boolean NOT NULL,                    -- by hand; false: usage counted after the closing
    reason    text NOT NULL,
    lines     integer NOT NULL,
    checksum  bytea NOT NULL,
    PRIMARY KEY (period_id, number)
);
CREATE TABLE billing_lines (                       -- one client's part of a closing (number 0) or of an adjustment
    period_id      integer NOT NULL REFERENCES billing_periods,
    number         integer NOT NULL,
    client_no      integer NOT NULL,
    client_id      text NOT NULL,
    accepted       bigint NOT NULL,
    duplicate      bigint NOT NULL,
    rejected       bigint NOT NULL,
    reqs           bigint NOT NULL,
    counts         bigint NOT NULL,
    delivered      bigint NOT NULL,
    bytes_in       bigint NOT NULL,
    bytes_out      bigint NOT NULL,
    payload_in     bigint NOT NULL,
    payload_out    bigint NOT NULL,
    base_fee       bigint NOT NULL,                -- costs in minor units of the tariff's currency
    cost_in        bigint NOT NULL,
    cost_out       bigint NOT NULL,
    cost_events    bigint NOT NULL,
    cost_reqs      bigint NOT NULL,
    cost_delivered bigint NOT NULL,
    credit         bigint NOT NULL,                -- negative: in the client's favour
    checksum       bytea NOT NULL,
    erased_checksum bytea,                         -- of a line whose client was forgotten: see core/billing/erasing.py
    PRIMARY KEY (period_id, number, client_no)
);

CREATE TABLE client_pack (                         -- sums per client over a UTC day, or a block of 8 or 64: see client_packs.py
    days          smallint NOT NULL,               -- 1, 8, 64
    event_type_id smallint NOT NULL,               -- -1: all types together
    measure       text NOT NULL,                   -- client_no: whose the numbers of the others are
    day           date NOT NULL,                   -- the first
    numbers       bytea NOT NULL,
    width         smallint NOT NULL,               -- bytes of each number: 0 (all are zero), 1, 2, 4, 8
    PRIMARY KEY (days, event_type_id, measure, day)
);
ALTER TABLE client_pack ALTER COLUMN numbers SET STORAGE EXTERNAL;  -- to decompress takes longer than to read
CREATE TABLE client_pack_due (                     -- days that late rows touched since they were packed
    day date PRIMARY KEY
);

CREATE TABLE client_kind_pack (                    -- sums per client of EVENTs of one kind: see client_kind_packs.py
    hours       smallint NOT NULL,                 -- 24, 192, 1536; 1: only who sent any in that hour
    kind        integer NOT NULL,
    bucket      timestamptz NOT NULL,              -- the first
    clients     integer NOT NULL,                  -- how many; each has as many bytes in a column as any other
    messages    bigint,                            -- sum of n
    client_no   bytea NOT NULL,
    n           bytea,
    accepted    bytea,
    duplicate   bytea,
    rejected    bytea,
    errors      bytea,
    unanswered  bytea,
    bytes_in    bytea,
    bytes_out   bytea,
    payload_in  bytea,
    payload_out bytea,
    rt_n        bytea,
    rt_units    bytea,                             -- response times in 1/1024 ms
    PRIMARY KEY (hours, kind, bucket)
);
ALTER TABLE client_kind_pack ALTER client_no SET STORAGE EXTERNAL,
    ALTER n SET STORAGE EXTERNAL,
    ALTER accepted SET STORAGE EXTERNAL,
    ALTER duplicate SET STORAGE EXTERNAL,
    ALTER rejected SET STORAGE EXTERNAL,
    ALTER errors SET STORAGE EXTERNAL,
    ALTER unanswered SET STORAGE EXTERNAL,
    ALTER bytes_in SET STORAGE EXTERNAL,
    ALTER bytes_out SET STORAGE EXTERNAL,
    ALTER payload_in SET STORAGE EXTERNAL,
    ALTER payload_out SET STORAGE EXTERNAL,
    ALTER rt_n SET STORAGE EXTERNAL,
    ALTER rt_units SET STORAGE EXTERNAL;  -- to decompress takes longer than to read

CREATE TABLE client_error_day (
    day date NOT NULL,
    relay_id smallint NOT NULL,
    client_no integer NOT NULL,
    error_code_id smallint NOT NULL,
    n bigint NOT NULL,
    PRIMARY KEY (client_no, day, relay_id, error_code_id)
);
CREATE INDEX client_error_day_time ON client_error_day USING brin (day) WITH (pages_per_range = 16, autosummarize = on);
CREATE VIEW client_error_day_current AS
SELECT day, relay_id, client_no, error_code_id, n FROM client_error_day
UNION ALL SELECT (bucket AT TIME ZONE 'UTC')::date AS day, relay_id, client_no, error_code_id, n::bigint AS n FROM error_delta;

-- Who may hand batches to the collector. A source may have several tokens, so that one can replace another.
CREATE TABLE source_tokens (
    token_id     text PRIMARY KEY,
    token_hash   bytea NOT NULL UNIQUE,
    source       text NOT NULL,
    created_at   timestamptz NOT NULL,
    revoked_at   timestamptz,
    last_used_at timestamptz
);

-- What became of every record that was received: exact, and over restarts.
CREATE TABLE ingest_runs (                         -- a source of batches; of a tap worker, one per run of its process
    source     text PRIMARY KEY,
    number     bigint GENERATED ALWAYS AS IDENTITY, -- the order in which they began to be stored
    relay      text NOT NULL,
    worker     integer,                            -- null: no tap worker
    started_at timestamptz,
    newest_at  timestamptz,                        -- when the newest batch that is stored was made
    ended      boolean NOT NULL DEFAULT false      -- stopped in order: nothing was lost from memory
);
CREATE TABLE ingest_counts (
    source text NOT NULL,
    record text NOT NULL,                          -- event, delivery, connection, sample
    fate   text NOT NULL,                          -- received, stored, quarantined, dropped:<reason>
    n      bigint NOT NULL,
    PRIMARY KEY (source, record, fate)
) WITH (fillfactor = 50);

CREATE TABLE hosts (                               -- machines with taps: workers of host n are numbered from n * 64 on
    host_no    smallint PRIMARY KEY,
    host_id    text NOT NULL UNIQUE,
    name       text NOT NULL,
    first_seen timestamptz NOT NULL DEFAULT now(),
    last_seen  timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE imports (                             -- files that were imported, known again by their content
    digest      text PRIMARY KEY,                  -- of the file's content, uncompressed, `bytes` long
    format      text NOT NULL,
    relay       text,
    starts_at   bigint NOT NULL,                   -- bytes before were imported as a shorter version of the file
    bytes       bigint NOT NULL,
    lines       bigint NOT NULL,
    taken       bigint NOT NULL,
    bad         bigint NOT NULL,
    started_at  timestamptz NOT NULL,
    finished_at timestamptz                        -- null: interrupted, or still running
);

-- What was exported and administered, by whom and when; rows are only ever added.
CREATE TABLE audit_log (
    entry_id   bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at         timestamptz NOT NULL,
    actor      text NOT NULL,
    via        text NOT NULL,
    action     text NOT NULL,
    request_id text,
    details    jsonb NOT NULL
);
CREATE INDEX audit_log_request ON audit_log (request_id);

-- Clients that were forgotten: their rows stay under a name that means nobody.
CREATE TABLE forgotten_clients (
    client_no integer PRIMARY KEY,
    asked_at  timestamptz NOT NULL,
    erased_at timestamptz                          -- null: its raw rows are not all cleared yet
);

CREATE INDEX quarantine_time ON quarantine (stored_at);

-- Named destinations of reports and alerts. The secret signs webhooks, so it is kept as it is.
CREATE TABLE delivery_channels (
    channel_id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL UNIQUE,
    kind text NOT NULL CHECK (kind IN ('mail', 'webhook', 'directory', 'nostr')),
    address text NOT NULL,
    secret text,
    created_at timestamptz NOT NULL,
    created_by text NOT NULL
);

-- Jobs ------------------------------------------------------------------------------------------------------------
-- The queue and its functions (procrastinate_…) are made by the library's own SQL: core/jobs/schema.py.
CREATE TABLE jobs (                                -- the work that happens by itself, and how each last went
    name        text PRIMARY KEY,
    description text NOT NULL,
    period      text,                              -- cron expression in UTC; null: only when asked for
    started_at  timestamptz,
    finished_at timestamptz,
    outcome     text,                              -- running, succeeded, failed, interrupted, skipped
    result      text,                              -- what it did, in few words
    runs        bigint NOT NULL DEFAULT 0,
    failures    bigint NOT NULL DEFAULT 0,
    failed_at   timestamptz,
    error       text
);

-- Scheduled reports. What was due up to due_after is in the ledger.
CREATE TABLE schedules (
    schedule_id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name        text NOT NULL UNIQUE,
    report      text NOT NULL,
    filters     jsonb NOT NULL,
    cron        text NOT NULL,
    time_zone   text NOT NULL,
    covers      text NOT NULL,
    file_format text NOT NULL CHECK (file_format IN ('csv', 'json', 'xlsx', 'html', 'pdf')),
    channel_id  integer NOT NULL REFERENCES delivery_channels,
    skip_empty  boolean NOT NULL,
    active      boolean NOT NULL DEFAULT true,
    owner       text,                              -- whose rights it has; null: the operator's
    created_by  text NOT NULL,
    created_at  timestamptz NOT NULL,
    due_after   timestamptz NOT NULL
);

-- The ledger: one entry for each period of a schedule, whatever became of it.
CREATE TABLE schedule_runs (
    run_id      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    schedule_id integer NOT NULL REFERENCES schedules ON DELETE CASCADE,
    first_day   date NOT NULL,                     -- in the zone of the schedule, both included
    last_day    date NOT NULL,
    due_at      timestamptz NOT NULL,
    state       text NOT NULL
                CHECK (state IN ('waiting', 'running', 'delivered', 'failed', 'skipped-empty', 'superseded')),
    attempts    integer NOT NULL DEFAULT 0,
    resends     integer NOT NULL DEFAULT 0,
    error       text,
    detail      text,
    reached     text[] NOT NULL DEFAULT '{}',      -- recipients that have it, of a delivery that is tried again
    started_at  timestamptz,
    finished_at timestamptz,
    UNIQUE (schedule_id, first_day, last_day)
);

-- What happened, to be drawn on charts over time.
CREATE TABLE annotations (
    annotation_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at            timestamptz NOT NULL,
    until         timestamptz,                     -- null: a moment
    kind          text NOT NULL CHECK (kind IN ('note', 'deploy', 'restart', 'alert')),
    text          text NOT NULL,
    author        text NOT NULL,
    key           text UNIQUE,                     -- what found it by itself; null: made by hand
    created_at    timestamptz NOT NULL,
    hidden        boolean NOT NULL DEFAULT false,  -- removed by somebody; stays, so that it is not found again
    CHECK (until >= at)
);
CREATE INDEX annotations_at ON annotations (at);

-- Alerts: rules as operators made or changed them; the defaults are in core/alerts/defaults.py.
CREATE TABLE alert_rules (
    name        text PRIMARY KEY,
    definition  jsonb,                             -- null: that of the default of this name
    muted_until timestamptz,
    changed_at  timestamptz NOT NULL,
    changed_by  text NOT NULL
);
CREATE TABLE alert_round (                         -- the last look at all rules; its row is the lock of whoever looks
    only_one     boolean PRIMARY KEY DEFAULT true CHECK (only_one),
    at           timestamptz,
    milliseconds double precision
);
CREATE TABLE alert_states (                        -- how each rule stands: see core/alerts/machine.py
    name        text PRIMARY KEY,
    open        boolean NOT NULL,
    held        double precision,                  -- seconds
    clear       double precision,
    cooling     double precision NOT NULL,
    value       double precision,                  -- null: not known
    limit_value double precision,
    note        text NOT NULL,
    track       jsonb                              -- what a narrowed rule remembers: see core/alerts/tracks.py
) WITH (fillfactor = 50, autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_scale_factor = 0);
CREATE TABLE alert_incidents (
    incident_id     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    rule            text NOT NULL,
    definition      jsonb NOT NULL,                -- the rule as it was
    opened_at       timestamptz NOT NULL,
    worst_value     double precision,
    last_value      double precision,
    limit_value     double precision,
    why             jsonb NOT NULL,                -- contributions, the largest first
    acknowledged_at timestamptz,
    acknowledged_by text,
    told            boolean NOT NULL DEFAULT false, -- notices of its opening were made; false: it is muted
    ended_at        timestamptz,
    ended_how       text                           -- recovered, switched off
);
CREATE UNIQUE INDEX alert_incidents_open ON alert_incidents (rule) WHERE ended_at IS NULL;
CREATE INDEX alert_incidents_time ON alert_incidents (opened_at);
CREATE TABLE alert_values (                        -- what the rule saw while the incident was open
    incident_id bigint NOT NULL REFERENCES alert_incidents ON DELETE CASCADE,
    at          timestamptz NOT NULL,
    value       double precision,
    limit_value double precision,
    PRIMARY KEY (incident_id, at)
);
CREATE TABLE alert_notices (                       -- one for each transition and channel, made in the transition's transaction
    incident_id bigint NOT NULL REFERENCES alert_incidents ON DELETE CASCADE,
    transition  text NOT NULL,                     -- opened, recovered
    channel     text NOT NULL,
    made_at     timestamptz NOT NULL,
    attempts    integer NOT NULL DEFAULT 0,
    reached     text[] NOT NULL DEFAULT '{}',
    sent_at     timestamptz,
    given_up_at timestamptz,
    detail      text,
    PRIMARY KEY (incident_id, transition, channel)
);
CREATE TABLE alert_channels (                      -- who is told where a rule names nobody
    channel_id integer PRIMARY KEY REFERENCES delivery_channels ON DELETE CASCADE
);
CREATE TABLE waiting_messages (                    -- what has waited long for an answer, at a second; two hours long
    timestamp  timestamptz NOT NULL,
    relay_id   smallint NOT NULL,
    worker     smallint NOT NULL,
    app        text,
    client_id  text,                               -- null: several, each with few
    event_type text NOT NULL,
    kind       integer,
    n          integer NOT NULL
);
CREATE INDEX waiting_messages_time ON waiting_messages (timestamp);

-- What is kept how long, where it differs from the defaults, and clients whose raw rows outlive them.
CREATE TABLE retention_policies (
    name       text PRIMARY KEY,
    days       integer CHECK (days > 0),            -- null: for ever
    changed_at timestamptz NOT NULL,
    changed_by text NOT NULL
);
CREATE TABLE held_clients (
    client_no integer PRIMARY KEY,
    why       text NOT NULL,
    until     timestamptz,                         -- null: until it is released
    placed_at timestamptz NOT NULL,
    placed_by text NOT NULL
);
CREATE TABLE held_events (LIKE traffic_events_raw);         -- raw rows of held clients whose partition went
CREATE TABLE held_deliveries (LIKE deliveries_raw);
CREATE TABLE held_connections (LIKE connections_raw);
CREATE INDEX held_events_client ON held_events (client_no, timestamp);
CREATE INDEX held_deliveries_client ON held_deliveries (client_no);
CREATE INDEX held_connections_client ON held_connections (client_no);

CREATE TABLE shape_hour (                          -- what each query shape costs; see core/storage/shape_hours.py
    bucket        timestamptz NOT NULL,
    relay_id      smallint NOT NULL,
    event_type_id smallint NOT NULL,
    shape         text NOT NULL,
    n             bigint NOT NULL,
    unanswered    bigint NOT NULL,
    events_out    bigint NOT NULL,
    rt_n          bigint NOT NULL,
    rt_sum        double precision NOT NULL,
    bins          bytea NOT NULL,                  -- see core/storage/shape_bins.py
    PRIMARY KEY (bucket, relay_id, event_type_id, shape)
);
CREATE TABLE shape_hour_counted (                  -- the hours it holds
    bucket timestamptz PRIMARY KEY,
    n      bigint NOT NULL,                        -- REQ and COUNT messages found in raw rows
    seen   bigint NOT NULL                         -- those that the other roll-ups knew of then
);
CREATE TABLE shape_day (                           -- the same of UTC days that have ended; see core/storage/shape_days.py
    day           date NOT NULL,
    relay_id      smallint NOT NULL,
    event_type_id smallint NOT NULL,
    shape         text NOT NULL,
    n             bigint NOT NULL,
    unanswered    bigint NOT NULL,
    events_out    bigint NOT NULL,
    rt_n          bigint NOT NULL,
    rt_sum        double precision NOT NULL,
    bins          bytea NOT NULL,
    PRIMARY KEY (day, relay_id, event_type_id, shape)
);
CREATE TABLE shape_day_made (                      -- the days it holds
    day  date PRIMARY KEY,
    seen bigint NOT NULL                           -- what was seen of its hours, together
);
