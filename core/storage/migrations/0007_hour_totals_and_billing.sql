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

-- From the minutes that are merged; the fold waits meanwhile.
LOCK TABLE traffic_minute IN SHARE MODE;
INSERT INTO traffic_hour_total (bucket, event_type_id, n, errors, unanswered, events_out, bytes_in, bytes_out, payload_in, payload_out, busiest_minute)
WITH minutes AS (
    SELECT bucket, event_type_id, sum(n)::bigint AS n, sum(errors)::bigint AS errors, sum(unanswered)::bigint AS unanswered, sum(events_out)::bigint AS events_out,
           sum(bytes_in)::bigint AS bytes_in, sum(bytes_out)::bigint AS bytes_out, sum(payload_in)::bigint AS payload_in, sum(payload_out)::bigint AS payload_out
    FROM traffic_minute GROUP BY GROUPING SETS ((bucket, event_type_id), (bucket))
)
SELECT date_bin('1 hour', bucket, timestamptz '2000-01-01 00:00:00+00'), coalesce(event_type_id, -1), sum(n)::bigint, sum(errors)::bigint, sum(unanswered)::bigint, sum(events_out)::bigint,
       sum(bytes_in)::bigint, sum(bytes_out)::bigint, sum(payload_in)::bigint, sum(payload_out)::bigint, max(bytes_in + bytes_out)
FROM minutes GROUP BY 1, 2 ORDER BY 1, 2;

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
    PRIMARY KEY (period_id, number, client_no)
);
