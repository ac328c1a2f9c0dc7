-- The work that happens by itself, as the worker knows it, and how each last went. The queue itself is procrastinate's.
CREATE TABLE jobs (
    name        text PRIMARY KEY,
    description text NOT NULL,
    period      text,
    started_at  timestamptz,
    finished_at timestamptz,
    outcome     text,
    result      text,
    runs        bigint NOT NULL DEFAULT 0,
    failures    bigint NOT NULL DEFAULT 0,
    failed_at   timestamptz,
    error       text
);
