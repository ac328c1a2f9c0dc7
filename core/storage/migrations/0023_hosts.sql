-- The machines that taps run on. Workers of host n are numbered from n * 64 on, so that two hosts of one relay stay apart.
CREATE TABLE hosts (
    host_no    smallint PRIMARY KEY,
    host_id    text NOT NULL UNIQUE,
    name       text NOT NULL,
    first_seen timestamptz NOT NULL DEFAULT now(),
    last_seen  timestamptz NOT NULL DEFAULT now()
);
