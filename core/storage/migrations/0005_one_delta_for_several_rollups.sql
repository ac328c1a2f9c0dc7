-- One delta per group of facts, feeding several roll-ups: fewer rows to append for each batch. A client's rows lie together
-- in the primary keys of its roll-ups; ranges of time over all clients are found by BRIN indexes. New: response times of
-- each client, sums per client over blocks of days, and how long connections lasted. A client's day is summed from its
-- hours once it has ended, so that a fold writes each client once. Traffic, kinds and errors are kept by the day too.

-- Merge what waits in the old deltas.
INSERT INTO traffic_second (bucket, relay_id, event_type_id, n, errors, unanswered, events_out, bytes_in, bytes_out)
SELECT bucket, relay_id, event_type_id, sum(n)::bigint, sum(errors)::bigint, sum(unanswered)::bigint, sum(events_out)::bigint, sum(bytes_in)::bigint, sum(bytes_out)::bigint FROM traffic_second_delta GROUP BY bucket, relay_id, event_type_id
ON CONFLICT (bucket, relay_id, event_type_id) DO UPDATE SET n = traffic_second.n + excluded.n, errors = traffic_second.errors + excluded.errors, unanswered = traffic_second.unanswered + excluded.unanswered, events_out = traffic_second.events_out + excluded.events_out, bytes_in = traffic_second.bytes_in + excluded.bytes_in, bytes_out = traffic_second.bytes_out + excluded.bytes_out;
INSERT INTO latency_live (bucket, relay_id, event_type_id, bin, n)
SELECT bucket, relay_id, event_type_id, bin, sum(n)::bigint FROM latency_live_delta GROUP BY bucket, relay_id, event_type_id, bin
ON CONFLICT (bucket, relay_id, event_type_id, bin) DO UPDATE SET n = latency_live.n + excluded.n;
INSERT INTO traffic_minute (bucket, relay_id, event_type_id, n, errors, unanswered, events_out, bytes_in, bytes_out, payload_in, payload_out, rt_n, rt_sum)
SELECT bucket, relay_id, event_type_id, sum(n)::bigint, sum(errors)::bigint, sum(unanswered)::bigint, sum(events_out)::bigint, sum(bytes_in)::bigint, sum(bytes_out)::bigint, sum(payload_in)::bigint, sum(payload_out)::bigint, sum(rt_n)::bigint, sum(rt_sum) FROM traffic_minute_delta GROUP BY bucket, relay_id, event_type_id
ON CONFLICT (bucket, relay_id, event_type_id) DO UPDATE SET n = traffic_minute.n + excluded.n, errors = traffic_minute.errors + excluded.errors, unanswered = traffic_minute.unanswered + excluded.unanswered, events_out = traffic_minute.events_out + excluded.events_out, bytes_in = traffic_minute.bytes_in + excluded.bytes_in, bytes_out = traffic_minute.bytes_out + excluded.bytes_out, payload_in = traffic_minute.payload_in + excluded.payload_in, payload_out = traffic_minute.payload_out + excluded.payload_out, rt_n = traffic_minute.rt_n + excluded.rt_n, rt_sum = traffic_minute.rt_sum + excluded.rt_sum;
INSERT INTO traffic_hour (bucket, relay_id, event_type_id, kind, outcome_id, n, errors, unanswered, events_out, bytes_in, bytes_out, payload_in, payload_out, rt_n, rt_sum)
SELECT bucket, relay_id, event_type_id, kind, outcome_id, sum(n)::bigint, sum(errors)::bigint, sum(unanswered)::bigint, sum(events_out)::bigint, sum(bytes_in)::bigint, sum(bytes_out)::bigint, sum(payload_in)::bigint, sum(payload_out)::bigint, sum(rt_n)::bigint, sum(rt_sum) FROM traffic_hour_delta GROUP BY bucket, relay_id, event_type_id, kind, outcome_id
ON CONFLICT (bucket, relay_id, event_type_id, kind, outcome_id) DO UPDATE SET n = traffic_hour.n + excluded.n, errors = traffic_hour.errors + excluded.errors, unanswered = traffic_hour.unanswered + excluded.unanswered, events_out = traffic_hour.events_out + excluded.events_out, bytes_in = traffic_hour.bytes_in + excluded.bytes_in, bytes_out = traffic_hour.bytes_out + excluded.bytes_out, payload_in = traffic_hour.payload_in + excluded.payload_in, payload_out = traffic_hour.payload_out + excluded.payload_out, rt_n = traffic_hour.rt_n + excluded.rt_n, rt_sum = traffic_hour.rt_sum + excluded.rt_sum;
INSERT INTO error_hour (bucket, relay_id, event_type_id, error_code_id, n)
SELECT bucket, relay_id, event_type_id, error_code_id, sum(n)::bigint FROM error_hour_delta GROUP BY bucket, relay_id, event_type_id, error_code_id
ON CONFLICT (bucket, relay_id, event_type_id, error_code_id) DO UPDATE SET n = error_hour.n + excluded.n;
INSERT INTO latency_hour (bucket, relay_id, event_type_id, bin, n)
SELECT bucket, relay_id, event_type_id, bin, sum(n)::bigint FROM latency_hour_delta GROUP BY bucket, relay_id, event_type_id, bin
ON CONFLICT (bucket, relay_id, event_type_id, bin) DO UPDATE SET n = latency_hour.n + excluded.n;
INSERT INTO latency_day (day, relay_id, event_type_id, bin, n)
SELECT day, relay_id, event_type_id, bin, sum(n)::bigint FROM latency_day_delta GROUP BY day, relay_id, event_type_id, bin
ON CONFLICT (day, relay_id, event_type_id, bin) DO UPDATE SET n = latency_day.n + excluded.n;
INSERT INTO client_day (day, relay_id, client_no, event_type_id, n, accepted, duplicate, rejected, errors, unanswered, events_out, bytes_in, bytes_out, payload_in, payload_out, rt_n, rt_sum)
SELECT day, relay_id, client_no, event_type_id, sum(n)::bigint, sum(accepted)::bigint, sum(duplicate)::bigint, sum(rejected)::bigint, sum(errors)::bigint, sum(unanswered)::bigint, sum(events_out)::bigint, sum(bytes_in)::bigint, sum(bytes_out)::bigint, sum(payload_in)::bigint, sum(payload_out)::bigint, sum(rt_n)::bigint, sum(rt_sum) FROM client_day_delta GROUP BY day, relay_id, client_no, event_type_id
ON CONFLICT (day, relay_id, client_no, event_type_id) DO UPDATE SET n = client_day.n + excluded.n, accepted = client_day.accepted + excluded.accepted, duplicate = client_day.duplicate + excluded.duplicate, rejected = client_day.rejected + excluded.rejected, errors = client_day.errors + excluded.errors, unanswered = client_day.unanswered + excluded.unanswered, events_out = client_day.events_out + excluded.events_out, bytes_in = client_day.bytes_in + excluded.bytes_in, bytes_out = client_day.bytes_out + excluded.bytes_out, payload_in = client_day.payload_in + excluded.payload_in, payload_out = client_day.payload_out + excluded.payload_out, rt_n = client_day.rt_n + excluded.rt_n, rt_sum = client_day.rt_sum + excluded.rt_sum;
INSERT INTO client_hour (bucket, relay_id, client_no, event_type_id, n, accepted, duplicate, rejected, errors, unanswered, events_out, bytes_in, bytes_out, payload_in, payload_out, rt_n, rt_sum)
SELECT bucket, relay_id, client_no, event_type_id, sum(n)::bigint, sum(accepted)::bigint, sum(duplicate)::bigint, sum(rejected)::bigint, sum(errors)::bigint, sum(unanswered)::bigint, sum(events_out)::bigint, sum(bytes_in)::bigint, sum(bytes_out)::bigint, sum(payload_in)::bigint, sum(payload_out)::bigint, sum(rt_n)::bigint, sum(rt_sum) FROM client_hour_delta GROUP BY bucket, relay_id, client_no, event_type_id
ON CONFLICT (bucket, relay_id, client_no, event_type_id) DO UPDATE SET n = client_hour.n + excluded.n, accepted = client_hour.accepted + excluded.accepted, duplicate = client_hour.duplicate + excluded.duplicate, rejected = client_hour.rejected + excluded.rejected, errors = client_hour.errors + excluded.errors, unanswered = client_hour.unanswered + excluded.unanswered, events_out = client_hour.events_out + excluded.events_out, bytes_in = client_hour.bytes_in + excluded.bytes_in, bytes_out = client_hour.bytes_out + excluded.bytes_out, payload_in = client_hour.payload_in + excluded.payload_in, payload_out = client_hour.payload_out + excluded.payload_out, rt_n = client_hour.rt_n + excluded.rt_n, rt_sum = client_hour.rt_sum + excluded.rt_sum;
INSERT INTO client_error_day (day, relay_id, client_no, error_code_id, n)
SELECT day, relay_id, client_no, error_code_id, sum(n)::bigint FROM client_error_day_delta GROUP BY day, relay_id, client_no, error_code_id
ON CONFLICT (day, relay_id, client_no, error_code_id) DO UPDATE SET n = client_error_day.n + excluded.n;
INSERT INTO first_event_hour (bucket, relay_id, first_bin, n)
SELECT bucket, relay_id, first_bin, sum(n)::bigint FROM first_event_hour_delta GROUP BY bucket, relay_id, first_bin
ON CONFLICT (bucket, relay_id, first_bin) DO UPDATE SET n = first_event_hour.n + excluded.n;
DROP VIEW traffic_second_current, latency_live_current, traffic_minute_current, traffic_hour_current, error_hour_current, latency_hour_current, latency_day_current, client_day_current, client_hour_current, client_error_day_current, first_event_hour_current;
DROP TABLE traffic_second_delta, latency_live_delta, traffic_minute_delta, traffic_hour_delta, error_hour_delta, latency_hour_delta, latency_day_delta, client_day_delta, client_hour_delta, client_error_day_delta, first_event_hour_delta;

CREATE TABLE traffic_hour_before AS SELECT * FROM traffic_hour;
DROP TABLE traffic_hour, latency_day;

ALTER TABLE client_hour DROP CONSTRAINT client_hour_pkey, ADD PRIMARY KEY (client_no, bucket, relay_id, event_type_id);
ALTER TABLE client_day DROP CONSTRAINT client_day_pkey, ADD PRIMARY KEY (client_no, day, relay_id, event_type_id);
ALTER TABLE client_hour ALTER n TYPE integer, ALTER accepted TYPE integer, ALTER duplicate TYPE integer, ALTER rejected TYPE integer, ALTER errors TYPE integer, ALTER unanswered TYPE integer, ALTER rt_n TYPE integer;
ALTER TABLE client_hour ADD last_at timestamptz, ADD bins smallint[], ADD packed_bins smallint[], ADD packed_counts integer[];
ALTER TABLE client_day ADD last_at timestamptz, ADD bins smallint[], ADD packed_bins smallint[], ADD packed_counts integer[];

CREATE AGGREGATE concatenated (smallint[]) (SFUNC = array_cat, STYPE = smallint[]);

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

CREATE TABLE error_day (
    day date NOT NULL,
    relay_id smallint NOT NULL,
    event_type_id smallint NOT NULL,
    error_code_id smallint NOT NULL,
    n bigint NOT NULL,
    PRIMARY KEY (day, relay_id, event_type_id, error_code_id)
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

CREATE TABLE client_error_hour (
    bucket timestamptz NOT NULL,
    relay_id smallint NOT NULL,
    client_no integer NOT NULL,
    error_code_id smallint NOT NULL,
    n bigint NOT NULL,
    PRIMARY KEY (client_no, bucket, relay_id, error_code_id)
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
    event_type_id smallint NOT NULL,               -- -1: times to the first event
    relay_id      smallint NOT NULL,
    bins          bytea NOT NULL,
    PRIMARY KEY (hours, bucket, event_type_id, relay_id)
);

CREATE INDEX client_hour_time ON client_hour USING brin (bucket) WITH (pages_per_range = 16, autosummarize = on);
CREATE INDEX client_day_time ON client_day USING brin (day) WITH (pages_per_range = 16, autosummarize = on);
CREATE INDEX client_error_hour_time ON client_error_hour USING brin (bucket) WITH (pages_per_range = 16, autosummarize = on);
CREATE INDEX client_session_hour_time ON client_session_hour USING brin (bucket) WITH (pages_per_range = 16, autosummarize = on);

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

CREATE TABLE latency_delta (
    bucket timestamptz NOT NULL,
    relay_id smallint NOT NULL,
    event_type_id smallint NOT NULL,
    bin integer NOT NULL,
    n integer NOT NULL
) WITH (autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_scale_factor = 0);

CREATE TABLE first_event_delta (
    bucket timestamptz NOT NULL,
    relay_id smallint NOT NULL,
    first_bin integer NOT NULL,
    n integer NOT NULL
) WITH (autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_scale_factor = 0);

CREATE TABLE error_delta (
    bucket timestamptz NOT NULL,
    relay_id smallint NOT NULL,
    client_no integer NOT NULL,
    event_type_id smallint NOT NULL,
    error_code_id smallint NOT NULL,
    n integer NOT NULL
) WITH (autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_scale_factor = 0);

CREATE TABLE client_delta (
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
    first_at timestamptz NOT NULL,
    last_at timestamptz NOT NULL,
    bins smallint[]
) WITH (autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_scale_factor = 0);

CREATE TABLE session_delta (
    bucket timestamptz NOT NULL,
    relay_id smallint NOT NULL,
    client_no integer NOT NULL,
    duration_bin integer NOT NULL,
    n integer NOT NULL,
    duration_ms bigint NOT NULL
) WITH (autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_scale_factor = 0);

DROP VIEW clients_seen;
UPDATE clients c SET first_seen = least(c.first_seen, d.first_seen), last_seen = greatest(c.last_seen, d.last_seen)
FROM (SELECT client_no, min(first_seen) AS first_seen, max(last_seen) AS last_seen FROM client_seen_delta GROUP BY 1) d
WHERE c.client_no = d.client_no;
DROP TABLE client_seen_delta;

-- What is new is filled from the raw rows that are kept. Where there are none left, the last time is that of the client,
-- or the end of the hour or day.
UPDATE client_hour h SET last_at = least(greatest(c.last_seen, h.bucket), h.bucket + interval '1 hour' - interval '1 us')
FROM clients c WHERE c.client_no = h.client_no;
UPDATE client_hour h SET last_at = raw.last_at, bins = raw.bins
FROM (SELECT client_no, date_bin('3600 seconds', e."timestamp", timestamptz '2000-01-01 00:00:00+00') AS bucket, relay_id, event_type_id, max(e."timestamp") AS last_at,
             array_agg(ceil(ln(greatest(e.response_time_ms::float8, 0.001)) / 0.015000281259492598::float8)::integer::smallint) FILTER (WHERE response_time_ms IS NOT NULL) AS bins
      FROM traffic_events_raw e GROUP BY 1, 2, 3, 4) raw
WHERE h.client_no = raw.client_no AND h.bucket = raw.bucket AND h.relay_id = raw.relay_id
  AND h.event_type_id = raw.event_type_id;
UPDATE client_day d SET last_at = least(greatest(c.last_seen, d.day::timestamp AT TIME ZONE 'UTC'),
                                        (d.day + 1)::timestamp AT TIME ZONE 'UTC' - interval '1 us')
FROM clients c WHERE c.client_no = d.client_no;
UPDATE client_day d SET bins = hours.bins
FROM (SELECT client_no, (bucket AT TIME ZONE 'UTC')::date AS day, relay_id, event_type_id, concatenated(bins) AS bins
      FROM client_hour GROUP BY 1, 2, 3, 4) hours
WHERE d.client_no = hours.client_no AND d.day = hours.day AND d.relay_id = hours.relay_id
  AND d.event_type_id = hours.event_type_id;
ALTER TABLE client_hour ALTER last_at SET NOT NULL;
ALTER TABLE client_day ALTER last_at SET NOT NULL;

-- Days are no longer counted before they end; those that have ended are closed, and so are the blocks of them.
INSERT INTO settings_store
SELECT 'client_days_built_before', to_jsonb(CASE WHEN EXISTS (SELECT 1 FROM client_day)
                                                 THEN (now() AT TIME ZONE 'UTC')::date ELSE date '1999-01-01' END);
DELETE FROM client_day WHERE day >= (SELECT (value #>> '{}')::date FROM settings_store
                                     WHERE name = 'client_days_built_before');
INSERT INTO client_span (length, event_type_id, day, client_no, relay_id, n, accepted, duplicate, rejected, errors, unanswered, events_out, bytes_in, bytes_out, payload_in, payload_out, rt_n, rt_sum)
SELECT 8, CASE WHEN grouping(event_type_id) = 1 THEN -1 ELSE event_type_id END,
                   (day - mod(day - DATE '1970-01-01', 8)), client_no, relay_id, sum(n)::bigint AS n, sum(accepted)::bigint AS accepted, sum(duplicate)::bigint AS duplicate, sum(rejected)::bigint AS rejected, sum(errors)::bigint AS errors, sum(unanswered)::bigint AS unanswered, sum(events_out)::bigint AS events_out, sum(bytes_in)::bigint AS bytes_in, sum(bytes_out)::bigint AS bytes_out, sum(payload_in)::bigint AS payload_in, sum(payload_out)::bigint AS payload_out, sum(rt_n)::bigint AS rt_n, sum(rt_sum) AS rt_sum
            FROM client_day WHERE day < ((SELECT (value #>> '{}')::date FROM settings_store WHERE name = 'client_days_built_before') - mod((SELECT (value #>> '{}')::date FROM settings_store WHERE name = 'client_days_built_before') - DATE '1970-01-01', 8))
            GROUP BY GROUPING SETS (((day - mod(day - DATE '1970-01-01', 8)), event_type_id, relay_id, client_no), ((day - mod(day - DATE '1970-01-01', 8)), relay_id, client_no))
            ORDER BY 2, 3, 4, 5;
INSERT INTO client_span (length, event_type_id, day, client_no, relay_id, n, accepted, duplicate, rejected, errors, unanswered, events_out, bytes_in, bytes_out, payload_in, payload_out, rt_n, rt_sum)
SELECT 64, CASE WHEN grouping(event_type_id) = 1 THEN -1 ELSE event_type_id END,
                   (day - mod(day - DATE '1970-01-01', 64)), client_no, relay_id, sum(n)::bigint AS n, sum(accepted)::bigint AS accepted, sum(duplicate)::bigint AS duplicate, sum(rejected)::bigint AS rejected, sum(errors)::bigint AS errors, sum(unanswered)::bigint AS unanswered, sum(events_out)::bigint AS events_out, sum(bytes_in)::bigint AS bytes_in, sum(bytes_out)::bigint AS bytes_out, sum(payload_in)::bigint AS payload_in, sum(payload_out)::bigint AS payload_out, sum(rt_n)::bigint AS rt_n, sum(rt_sum) AS rt_sum
            FROM client_day WHERE day < ((SELECT (value #>> '{}')::date FROM settings_store WHERE name = 'client_days_built_before') - mod((SELECT (value #>> '{}')::date FROM settings_store WHERE name = 'client_days_built_before') - DATE '1970-01-01', 64))
            GROUP BY GROUPING SETS (((day - mod(day - DATE '1970-01-01', 64)), event_type_id, relay_id, client_no), ((day - mod(day - DATE '1970-01-01', 64)), relay_id, client_no))
            ORDER BY 2, 3, 4, 5;

INSERT INTO traffic_hour (bucket, relay_id, event_type_id, n, accepted, duplicate, rejected, errors, unanswered, events_out, bytes_in, bytes_out, payload_in, payload_out, rt_n, rt_sum)
SELECT b.bucket, b.relay_id, b.event_type_id, sum(b.n)::bigint, coalesce(sum(b.n) FILTER (WHERE o.name = 'ok'), 0)::bigint, coalesce(sum(b.n) FILTER (WHERE o.name = 'duplicate'), 0)::bigint, coalesce(sum(b.n) FILTER (WHERE o.name = 'rejected'), 0)::bigint, sum(b.errors)::bigint, sum(b.unanswered)::bigint, sum(b.events_out)::bigint, sum(b.bytes_in)::bigint, sum(b.bytes_out)::bigint, sum(b.payload_in)::bigint, sum(b.payload_out)::bigint, sum(b.rt_n)::bigint, sum(b.rt_sum)
FROM traffic_hour_before b JOIN outcomes o USING (outcome_id) WHERE true GROUP BY 1, 2, 3;

INSERT INTO traffic_day (day, relay_id, event_type_id, n, accepted, duplicate, rejected, errors, unanswered, events_out, bytes_in, bytes_out, payload_in, payload_out, rt_n, rt_sum)
SELECT ((b.bucket AT TIME ZONE 'UTC')::date), b.relay_id, b.event_type_id, sum(b.n)::bigint, coalesce(sum(b.n) FILTER (WHERE o.name = 'ok'), 0)::bigint, coalesce(sum(b.n) FILTER (WHERE o.name = 'duplicate'), 0)::bigint, coalesce(sum(b.n) FILTER (WHERE o.name = 'rejected'), 0)::bigint, sum(b.errors)::bigint, sum(b.unanswered)::bigint, sum(b.events_out)::bigint, sum(b.bytes_in)::bigint, sum(b.bytes_out)::bigint, sum(b.payload_in)::bigint, sum(b.payload_out)::bigint, sum(b.rt_n)::bigint, sum(b.rt_sum)
FROM traffic_hour_before b JOIN outcomes o USING (outcome_id) WHERE true GROUP BY 1, 2, 3;

INSERT INTO kind_hour (bucket, relay_id, kind, n, accepted, duplicate, rejected, errors, unanswered, events_out, bytes_in, bytes_out, payload_in, payload_out, rt_n, rt_sum)
SELECT b.bucket, b.relay_id, b.kind, sum(b.n)::bigint, coalesce(sum(b.n) FILTER (WHERE o.name = 'ok'), 0)::bigint, coalesce(sum(b.n) FILTER (WHERE o.name = 'duplicate'), 0)::bigint, coalesce(sum(b.n) FILTER (WHERE o.name = 'rejected'), 0)::bigint, sum(b.errors)::bigint, sum(b.unanswered)::bigint, sum(b.events_out)::bigint, sum(b.bytes_in)::bigint, sum(b.bytes_out)::bigint, sum(b.payload_in)::bigint, sum(b.payload_out)::bigint, sum(b.rt_n)::bigint, sum(b.rt_sum)
FROM traffic_hour_before b JOIN outcomes o USING (outcome_id) WHERE b.event_type_id = (SELECT event_type_id FROM event_types WHERE name = 'EVENT') GROUP BY 1, 2, 3;

INSERT INTO kind_day (day, relay_id, kind, n, accepted, duplicate, rejected, errors, unanswered, events_out, bytes_in, bytes_out, payload_in, payload_out, rt_n, rt_sum)
SELECT ((b.bucket AT TIME ZONE 'UTC')::date), b.relay_id, b.kind, sum(b.n)::bigint, coalesce(sum(b.n) FILTER (WHERE o.name = 'ok'), 0)::bigint, coalesce(sum(b.n) FILTER (WHERE o.name = 'duplicate'), 0)::bigint, coalesce(sum(b.n) FILTER (WHERE o.name = 'rejected'), 0)::bigint, sum(b.errors)::bigint, sum(b.unanswered)::bigint, sum(b.events_out)::bigint, sum(b.bytes_in)::bigint, sum(b.bytes_out)::bigint, sum(b.payload_in)::bigint, sum(b.payload_out)::bigint, sum(b.rt_n)::bigint, sum(b.rt_sum)
FROM traffic_hour_before b JOIN outcomes o USING (outcome_id) WHERE b.event_type_id = (SELECT event_type_id FROM event_types WHERE name = 'EVENT') GROUP BY 1, 2, 3;

DROP TABLE traffic_hour_before;

INSERT INTO error_day (day, relay_id, event_type_id, error_code_id, n)
SELECT (bucket AT TIME ZONE 'UTC')::date, relay_id, event_type_id, error_code_id, sum(n)::bigint FROM error_hour GROUP BY 1, 2, 3, 4;

-- A client's errors, kept by the day so far, move to the hours; where the raw rows are gone, to the day's first.
INSERT INTO client_error_hour (bucket, relay_id, client_no, error_code_id, n)
SELECT date_bin('3600 seconds', "timestamp", timestamptz '2000-01-01 00:00:00+00'), relay_id, client_no, error_code_id, count(*)
FROM traffic_events_raw WHERE error_code_id <> 0 GROUP BY 1, 2, 3, 4;
INSERT INTO client_error_hour (bucket, relay_id, client_no, error_code_id, n)
SELECT d.day::timestamp AT TIME ZONE 'UTC', d.relay_id, d.client_no, d.error_code_id, d.n - coalesce(h.n, 0)
FROM client_error_day d
LEFT JOIN (SELECT (bucket AT TIME ZONE 'UTC')::date AS day, relay_id, client_no, error_code_id, sum(n) AS n
           FROM client_error_hour GROUP BY 1, 2, 3, 4) h USING (day, relay_id, client_no, error_code_id)
WHERE d.n > coalesce(h.n, 0)
ON CONFLICT (client_no, bucket, relay_id, error_code_id) DO UPDATE SET n = client_error_hour.n + excluded.n;
DROP TABLE client_error_day;

WITH ended AS (
    SELECT c.closed_at AS "timestamp", c.relay_id, c.client_no, ceil(ln(greatest(greatest((extract(epoch FROM c.closed_at - c.opened_at) * 1000)::bigint, 0)::float8, 0.001)) / 0.015000281259492598::float8)::integer AS duration_bin,
           1 AS n, greatest((extract(epoch FROM c.closed_at - c.opened_at) * 1000)::bigint, 0) AS duration_ms
    FROM connections_raw c
)
INSERT INTO session_hour (bucket, relay_id, duration_bin, n, duration_ms)
SELECT date_bin('3600 seconds', "timestamp", timestamptz '2000-01-01 00:00:00+00'), relay_id, duration_bin, count(*), sum(duration_ms)::bigint FROM ended GROUP BY 1, 2, 3;
INSERT INTO session_day (day, relay_id, duration_bin, n, duration_ms)
SELECT (bucket AT TIME ZONE 'UTC')::date, relay_id, duration_bin, sum(n)::bigint, sum(duration_ms)::bigint FROM session_hour GROUP BY 1, 2, 3;

WITH ended AS (
    SELECT c.closed_at AS "timestamp", c.relay_id, c.client_no, ceil(ln(greatest(greatest((extract(epoch FROM c.closed_at - c.opened_at) * 1000)::bigint, 0)::float8, 0.001)) / 0.015000281259492598::float8)::integer AS duration_bin,
           1 AS n, greatest((extract(epoch FROM c.closed_at - c.opened_at) * 1000)::bigint, 0) AS duration_ms
    FROM connections_raw c
)
INSERT INTO client_session_hour (bucket, relay_id, client_no, n, duration_ms)
SELECT date_bin('3600 seconds', "timestamp", timestamptz '2000-01-01 00:00:00+00'), relay_id, client_no, count(*), sum(duration_ms)::bigint FROM ended GROUP BY 1, 2, 3;

ALTER TABLE clients DROP last_seen;

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
           FROM client_delta GROUP BY client_no) d USING (client_no);

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
