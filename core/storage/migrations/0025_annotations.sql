-- What happened, to be drawn on charts over time: notes of people, and restarts that are found in what was measured.
CREATE TABLE annotations (
    annotation_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at            timestamptz NOT NULL,
    until         timestamptz,
    kind          text NOT NULL CHECK (kind IN ('note', 'deploy', 'restart', 'alert')),
    text          text NOT NULL,
    author        text NOT NULL,
    key           text UNIQUE,
    created_at    timestamptz NOT NULL,
    hidden        boolean NOT NULL DEFAULT false,
    CHECK (until >= at)
);
CREATE INDEX annotations_at ON annotations (at);

-- How often the relay could not be reached: that it was away is nowhere else.
ALTER TABLE connection_metrics_raw ADD COLUMN unreachable integer NOT NULL DEFAULT 0;
CREATE INDEX connection_metrics_raw_unreachable ON connection_metrics_raw (timestamp) WHERE unreachable > 0;
