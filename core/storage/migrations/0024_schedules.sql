-- Scheduled reports. What was due up to due_after is in the ledger.
CREATE TABLE schedules (
    schedule_id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name        text NOT NULL UNIQUE,
    report      text NOT NULL,
    filters     jsonb NOT NULL,
    cron        text NOT NULL,
    time_zone   text NOT NULL,
    covers      text NOT NULL,
    file_format text NOT NULL CHECK (file_format IN ('csv', 'json', 'xlsx', 'html', 'pdf')),
    channel_id  integer NOT NULL REFERENCES delivery_channels,
    skip_empty  boolean NOT NULL,
    active      boolean NOT NULL DEFAULT true,
    owner       text,                              -- whose rights it has; null: the operator's
    created_by  text NOT NULL,
    created_at  timestamptz NOT NULL,
    due_after   timestamptz NOT NULL
);

-- The ledger: one entry for each period of a schedule, whatever became of it.
CREATE TABLE schedule_runs (
    run_id      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    schedule_id integer NOT NULL REFERENCES schedules ON DELETE CASCADE,
    first_day   date NOT NULL,                     -- in the zone of the schedule, both included
    last_day    date NOT NULL,
    due_at      timestamptz NOT NULL,
    state       text NOT NULL
                CHECK (state IN ('waiting', 'running', 'delivered', 'failed', 'skipped-empty', 'superseded')),
    attempts    integer NOT NULL DEFAULT 0,
    resends     integer NOT NULL DEFAULT 0,
    error       text,
    detail      text,
    reached     text[] NOT NULL DEFAULT '{}',      -- recipients that have it, of a delivery that is tried again
    started_at  timestamptz,
    finished_at timestamptz,
    UNIQUE (schedule_id, first_day, last_day)
);
