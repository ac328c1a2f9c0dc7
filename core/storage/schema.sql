-- The declared schema: what every database looks like after all migrations. A test replays the migrations and compares.
-- Raw rows carry small integers; the views `traffic_events` and `connection_metrics` give them their names.
-- Every roll-up is a pair: the merged table and an index-free `_delta` table that the ingest transaction appends to;
-- reports read `base UNION ALL delta`, the fold job moves delta into base (see rollups.py).

CREATE TABLE settings_store (                      -- small facts of this database: demo flag, schema facts
    name  text PRIMARY KEY,
    value jsonb NOT NULL
);

-- Look-ups --------------------------------------------------------------------------------------------------------
CREATE TABLE relays (
    relay_id smallint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
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
    app_id smallint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name   text NOT NULL UNIQUE
);
CREATE TABLE clients (                             -- client_no is dense from 0: it is a bit position in active_day
    client_no  integer PRIMARY KEY,
    client_id  text NOT NULL UNIQUE,
    identity   text NOT NULL DEFAULT 'address',
    name       text,
    first_seen timestamptz NOT NULL,
    last_seen  timestamptz NOT NULL
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
    opened_at  timestamptz NOT NULL,
    connection bigint NOT NULL,
    bytes_in   bigint NOT NULL,
    bytes_out  bigint NOT NULL,
    events     integer NOT NULL,
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
    disk_bytes         bigint
) PARTITION BY RANGE (timestamp);

-- Exactly once ----------------------------------------------------------------------------------------------------
CREATE TABLE batches (                             -- a batch is stored when its row is here, in the same transaction
    source    text NOT NULL,
    sequence  bigint NOT NULL,
    stored_at timestamptz NOT NULL DEFAULT now(),
    events    integer NOT NULL,
    PRIMARY KEY (source, sequence)
);

-- Roll-ups --------------------------------------------------------------------------------------------------------
-- event_type_id 0 is the pseudo type DELIVERY: connection totals that belong to no client message (n = 0).
-- (declared in rollups.py; the pairs follow here)
