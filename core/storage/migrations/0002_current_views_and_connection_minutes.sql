-- What reports read of a roll-up: the merged rows and the deltas not merged yet, to be summed.
CREATE VIEW traffic_second_current AS SELECT * FROM traffic_second UNION ALL SELECT * FROM traffic_second_delta;
CREATE VIEW latency_live_current AS SELECT * FROM latency_live UNION ALL SELECT * FROM latency_live_delta;
CREATE VIEW traffic_minute_current AS SELECT * FROM traffic_minute UNION ALL SELECT * FROM traffic_minute_delta;
CREATE VIEW traffic_hour_current AS SELECT * FROM traffic_hour UNION ALL SELECT * FROM traffic_hour_delta;
CREATE VIEW error_hour_current AS SELECT * FROM error_hour UNION ALL SELECT * FROM error_hour_delta;
CREATE VIEW latency_hour_current AS SELECT * FROM latency_hour UNION ALL SELECT * FROM latency_hour_delta;
CREATE VIEW latency_day_current AS SELECT * FROM latency_day UNION ALL SELECT * FROM latency_day_delta;
CREATE VIEW client_day_current AS SELECT * FROM client_day UNION ALL SELECT * FROM client_day_delta;

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
