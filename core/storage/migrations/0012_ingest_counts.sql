-- What became of every record that was received: exact, and over restarts.
CREATE TABLE ingest_runs (                         -- a source of batches; of a tap worker, one per run of its process
    source     text PRIMARY KEY,
    number     bigint GENERATED ALWAYS AS IDENTITY, -- the order in which they began to be stored
    relay      text NOT NULL,
    worker     integer,                            -- null: no tap worker
    started_at timestamptz,
    newest_at  timestamptz,                        -- when the newest batch that is stored was made
    ended      boolean NOT NULL DEFAULT false      -- stopped in order: nothing was lost from memory
);
CREATE TABLE ingest_counts (
    source text NOT NULL,
    record text NOT NULL,                          -- event, delivery, connection, sample
    fate   text NOT NULL,                          -- received, stored, quarantined, dropped:<reason>
    n      bigint NOT NULL,
    PRIMARY KEY (source, record, fate)
) WITH (fillfactor = 50);
