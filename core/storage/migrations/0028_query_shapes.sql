-- What each query shape costs, counted from the raw rows of hours that have ended; see core/storage/shape_hours.py.
CREATE TABLE shape_hour (
    bucket        timestamptz NOT NULL,
    relay_id      smallint NOT NULL,
    event_type_id smallint NOT NULL,
    shape         text NOT NULL,
    n             bigint NOT NULL,
    unanswered    bigint NOT NULL,
    events_out    bigint NOT NULL,
    rt_n          bigint NOT NULL,
    rt_sum        double precision NOT NULL,
    bins          bytea NOT NULL,
    PRIMARY KEY (bucket, relay_id, event_type_id, shape)
);
CREATE TABLE shape_hour_counted (
    bucket timestamptz PRIMARY KEY,
    n      bigint NOT NULL,
    seen   bigint NOT NULL
);
