-- Deltas of many rows as rows of arrays: storing them costs a third. Their names become views of the rows. What waits to be
-- folded comes along as arrays of one element each.
DROP VIEW latency_live_current,
    latency_hour_current,
    first_event_hour_current,
    error_hour_current,
    error_day_current,
    client_error_hour_current,
    client_hour_current,
    client_day_current,
    client_hour_latency,
    client_day_latency,
    clients_seen,
    active_pending,
    client_error_day_current;

ALTER TABLE latency_delta RENAME TO latency_delta_before;
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
INSERT INTO latency_delta_packed (bucket, relay_id, event_type_id, bin, n)
SELECT bucket, relay_id, ARRAY[event_type_id], ARRAY[bin], ARRAY[n] FROM latency_delta_before;
DROP TABLE latency_delta_before;

ALTER TABLE first_event_delta RENAME TO first_event_delta_before;
CREATE TABLE first_event_delta_packed (
    bucket timestamptz NOT NULL,
    relay_id smallint NOT NULL,
    first_bin integer[] NOT NULL,
    n integer[] NOT NULL
) WITH (autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_scale_factor = 0, toast.autovacuum_vacuum_threshold = 5000, toast.autovacuum_vacuum_scale_factor = 0);
ALTER TABLE first_event_delta_packed ALTER first_bin SET STORAGE EXTERNAL, ALTER n SET STORAGE EXTERNAL;
CREATE VIEW first_event_delta AS
SELECT bucket, relay_id, unnest(first_bin) AS first_bin, unnest(n) AS n FROM first_event_delta_packed;
INSERT INTO first_event_delta_packed (bucket, relay_id, first_bin, n)
SELECT bucket, relay_id, ARRAY[first_bin], ARRAY[n] FROM first_event_delta_before;
DROP TABLE first_event_delta_before;

ALTER TABLE error_delta RENAME TO error_delta_before;
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
INSERT INTO error_delta_packed (bucket, relay_id, client_no, event_type_id, error_code_id, n)
SELECT bucket, relay_id, ARRAY[client_no], ARRAY[event_type_id], ARRAY[error_code_id], ARRAY[n] FROM error_delta_before;
DROP TABLE error_delta_before;

ALTER TABLE client_delta RENAME TO client_delta_before;
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
INSERT INTO client_delta_packed (bucket, relay_id, client_no, event_type_id, n, accepted, duplicate, rejected, errors, unanswered, events_out, bytes_in, bytes_out, payload_in, payload_out, rt_n, rt_sum, first_at, last_at, bins_upto, bins)
SELECT bucket, relay_id, ARRAY[client_no], ARRAY[event_type_id], ARRAY[n], ARRAY[accepted], ARRAY[duplicate], ARRAY[rejected], ARRAY[errors], ARRAY[unanswered], ARRAY[events_out], ARRAY[bytes_in], ARRAY[bytes_out], ARRAY[payload_in], ARRAY[payload_out], ARRAY[rt_n], ARRAY[rt_sum], ARRAY[first_at], ARRAY[last_at], ARRAY[coalesce(cardinality(bins), 0)], coalesce(bins, '{}') FROM client_delta_before;
DROP TABLE client_delta_before;

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
                d.last_at, c.first_seen) AS last_seen
FROM clients c
LEFT JOIN (SELECT client_no, min(first_at) AS first_at, max(last_at) AS last_at
           FROM (SELECT unnest(client_no) AS client_no, unnest(first_at) AS first_at, unnest(last_at) AS last_at
                 FROM client_delta_packed) AS rows
           GROUP BY client_no) d USING (client_no);

CREATE VIEW active_pending AS                      -- who is not in these bits yet
SELECT bucket, event_type_id, client_no
FROM (SELECT bucket, unnest(event_type_id) AS event_type_id, unnest(client_no) AS client_no, unnest(n) AS n
      FROM client_delta_packed) AS rows
WHERE n > 0;

CREATE VIEW client_error_day_current AS
SELECT day, relay_id, client_no, error_code_id, n FROM client_error_day
UNION ALL SELECT (bucket AT TIME ZONE 'UTC')::date AS day, relay_id, client_no, error_code_id, n::bigint AS n FROM error_delta;
