-- What each query shape costs, by days of UTC that have ended; the job `shapes` makes them of the hours there are.
CREATE TABLE shape_day (                           -- as shape_hour; see core/storage/shape_days.py
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
