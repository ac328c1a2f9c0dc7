-- What is known of a single client by the hour, its errors by the day, and times to the first event.
CREATE TABLE client_hour (
    bucket timestamptz NOT NULL,
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
    PRIMARY KEY (bucket, relay_id, client_no, event_type_id)
);
CREATE TABLE client_hour_delta (
    bucket timestamptz NOT NULL,
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
    rt_sum double precision NOT NULL
) WITH (autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_scale_factor = 0);

CREATE TABLE client_error_day (
    day date NOT NULL,
    relay_id smallint NOT NULL,
    client_no integer NOT NULL,
    error_code_id smallint NOT NULL,
    n bigint NOT NULL,
    PRIMARY KEY (day, relay_id, client_no, error_code_id)
);
CREATE TABLE client_error_day_delta (
    day date NOT NULL,
    relay_id smallint NOT NULL,
    client_no integer NOT NULL,
    error_code_id smallint NOT NULL,
    n bigint NOT NULL
) WITH (autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_scale_factor = 0);

CREATE TABLE first_event_hour (
    bucket timestamptz NOT NULL,
    relay_id smallint NOT NULL,
    first_bin integer NOT NULL,
    n bigint NOT NULL,
    PRIMARY KEY (bucket, relay_id, first_bin)
);
CREATE TABLE first_event_hour_delta (
    bucket timestamptz NOT NULL,
    relay_id smallint NOT NULL,
    first_bin integer NOT NULL,
    n bigint NOT NULL
) WITH (autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_scale_factor = 0);

CREATE VIEW client_hour_current AS SELECT * FROM client_hour UNION ALL SELECT * FROM client_hour_delta;
CREATE VIEW client_error_day_current AS SELECT * FROM client_error_day UNION ALL SELECT * FROM client_error_day_delta;
CREATE VIEW first_event_hour_current AS SELECT * FROM first_event_hour UNION ALL SELECT * FROM first_event_hour_delta;

-- From the raw rows there are. Writers wait meanwhile: what they store later carries its deltas.
LOCK TABLE traffic_events_raw, deliveries_raw IN SHARE MODE;
CREATE TEMPORARY TABLE facts ON COMMIT DROP AS
    SELECT e."timestamp", e.relay_id, e.event_type_id, e.client_no, e.outcome_id, e.error_code_id,
           CASE WHEN t.name = 'EVENT' THEN coalesce(e.kind, -1) ELSE -1 END AS kind,
           CASE WHEN e.response_time_ms IS NOT NULL THEN ceil(ln(greatest(e.response_time_ms::float8, 0.001)) / 0.015000281259492598::float8)::integer END AS bin,
           CASE WHEN e.first_event_ms IS NOT NULL THEN ceil(ln(greatest(e.first_event_ms::float8, 0.001)) / 0.015000281259492598::float8)::integer END AS first_bin,
           1 AS n, (e.error_code_id <> 0)::integer AS errors, (o.name = 'unanswered')::integer AS unanswered,
           (o.name = 'ok')::integer AS accepted, (o.name = 'duplicate')::integer AS duplicate,
           (o.name = 'rejected')::integer AS rejected,
           e.events_out::bigint AS events_out, e.bytes_in, e.bytes_out, e.payload_in, e.payload_out,
           (e.response_time_ms IS NOT NULL)::integer AS rt_n, coalesce(e.response_time_ms::float8, 0) AS rt_sum
    FROM traffic_events_raw e JOIN event_types t USING (event_type_id) JOIN outcomes o USING (outcome_id)
    UNION ALL
    SELECT d."timestamp", d.relay_id, 0, d.client_no, 0, 0, -1, NULL, NULL, 0, 0, 0, 0, 0, 0,
           d.events_out, d.bytes_in, d.bytes_out, d.payload_in, d.payload_out, 0, 0
    FROM deliveries_raw d;
INSERT INTO client_hour (bucket, relay_id, client_no, event_type_id, n, accepted, duplicate, rejected, errors, unanswered, events_out, bytes_in, bytes_out, payload_in, payload_out, rt_n, rt_sum)
SELECT date_bin('3600 seconds', "timestamp", timestamptz '2000-01-01 00:00:00+00'), relay_id, client_no, event_type_id, sum(n)::bigint, sum(accepted)::bigint, sum(duplicate)::bigint, sum(rejected)::bigint, sum(errors)::bigint, sum(unanswered)::bigint, sum(events_out)::bigint, sum(bytes_in)::bigint, sum(bytes_out)::bigint, sum(payload_in)::bigint, sum(payload_out)::bigint, sum(rt_n)::bigint, sum(rt_sum)
FROM facts WHERE true GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4;
INSERT INTO client_error_day (day, relay_id, client_no, error_code_id, n)
SELECT ("timestamp" AT TIME ZONE 'UTC')::date, relay_id, client_no, error_code_id, sum(n)::bigint
FROM facts WHERE error_code_id <> 0 GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4;
INSERT INTO first_event_hour (bucket, relay_id, first_bin, n)
SELECT date_bin('3600 seconds', "timestamp", timestamptz '2000-01-01 00:00:00+00'), relay_id, first_bin, sum(n)::bigint
FROM facts WHERE first_bin IS NOT NULL GROUP BY 1, 2, 3 ORDER BY 1, 2, 3;
