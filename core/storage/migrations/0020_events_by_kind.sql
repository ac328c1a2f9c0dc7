-- EVENT messages by their kind: errors, response times, and what each client sent. History is counted from the raw rows
-- that are kept; where retention has removed some, by_kind_from says from when on it is complete.

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

CREATE INDEX client_kind_hour_time ON client_kind_hour USING brin (bucket) WITH (pages_per_range = 16, autosummarize = on);


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

CREATE TEMPORARY TABLE events_by_kind ON COMMIT DROP AS
SELECT date_bin('3600 seconds', e."timestamp", timestamptz '2000-01-01 00:00:00+00') AS bucket, e.relay_id, e.client_no,
       coalesce(e.kind, -1) AS kind, e.error_code_id, o.name AS outcome, e.bytes_in, e.bytes_out, e.payload_in,
       e.payload_out, e.response_time_ms
FROM traffic_events_raw e JOIN event_types t USING (event_type_id) JOIN outcomes o USING (outcome_id)
WHERE t.name = 'EVENT';

INSERT INTO kind_error_hour
SELECT bucket, relay_id, kind, error_code_id, count(*) FROM events_by_kind WHERE error_code_id <> 0
GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4;

INSERT INTO kind_latency_hour
SELECT bucket, relay_id, kind, ceil(ln(greatest(response_time_ms::float8, 0.001)) / 0.015000281259492598::float8)::integer,
       count(*)
FROM events_by_kind WHERE response_time_ms IS NOT NULL GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4;

INSERT INTO kind_latency_day
SELECT (bucket AT TIME ZONE 'UTC')::date, relay_id, kind, bin, sum(n)::bigint FROM kind_latency_hour
GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4;

INSERT INTO client_kind_hour
SELECT bucket, relay_id, client_no, kind, count(*), count(*) FILTER (WHERE outcome = 'ok'),
       count(*) FILTER (WHERE outcome = 'duplicate'), count(*) FILTER (WHERE outcome = 'rejected'),
       count(*) FILTER (WHERE error_code_id <> 0), count(*) FILTER (WHERE outcome = 'unanswered'),
       sum(bytes_in)::bigint, sum(bytes_out)::bigint, sum(payload_in)::bigint, sum(payload_out)::bigint,
       count(response_time_ms), coalesce(sum(response_time_ms::float8), 0)
FROM events_by_kind GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4;

INSERT INTO settings_store SELECT 'by_kind_from', value FROM settings_store WHERE name = 'raw_from';
