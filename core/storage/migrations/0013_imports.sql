-- What a log does not tell is null. An outcome that nothing tells is "unknown".
ALTER TABLE connections_raw ALTER COLUMN opened_at DROP NOT NULL;
ALTER TABLE connections_raw ALTER COLUMN bytes_in DROP NOT NULL;
ALTER TABLE connections_raw ALTER COLUMN bytes_out DROP NOT NULL;
ALTER TABLE connections_raw ALTER COLUMN events DROP NOT NULL;
INSERT INTO outcomes (outcome_id, name) VALUES (7, 'unknown');

CREATE TABLE imports (                             -- files that were imported, known again by their content
    digest      text PRIMARY KEY,                  -- of the file's content, uncompressed, `bytes` long
    format      text NOT NULL,
    relay       text,
    starts_at   bigint NOT NULL,                   -- bytes before were imported as a shorter version of the file
    bytes       bigint NOT NULL,
    lines       bigint NOT NULL,
    taken       bigint NOT NULL,
    bad         bigint NOT NULL,
    started_at  timestamptz NOT NULL,
    finished_at timestamptz                        -- null: interrupted, or still running
);
