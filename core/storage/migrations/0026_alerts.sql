-- Alerts: what operators made of the rules, how each rule stands, incidents and who was told of them; see core/alerts.
CREATE TABLE alert_rules (
    name        text PRIMARY KEY,
    definition  jsonb,
    muted_until timestamptz,
    changed_at  timestamptz NOT NULL,
    changed_by  text NOT NULL
);
CREATE TABLE alert_round (
    only_one     boolean PRIMARY KEY DEFAULT true CHECK (only_one),
    at           timestamptz,
    milliseconds double precision
);
INSERT INTO alert_round DEFAULT VALUES;
CREATE TABLE alert_states (
    name        text PRIMARY KEY,
    open        boolean NOT NULL,
    held        double precision,
    clear       double precision,
    cooling     double precision NOT NULL,
    value       double precision,
    limit_value double precision,
    note        text NOT NULL,
    track       jsonb
) WITH (fillfactor = 50, autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_scale_factor = 0);
CREATE TABLE alert_incidents (
    incident_id     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    rule            text NOT NULL,
    definition      jsonb NOT NULL,
    opened_at       timestamptz NOT NULL,
    worst_value     double precision,
    last_value      double precision,
    limit_value     double precision,
    why             jsonb NOT NULL,
    acknowledged_at timestamptz,
    acknowledged_by text,
    told            boolean NOT NULL DEFAULT false,
    ended_at        timestamptz,
    ended_how       text
);
CREATE UNIQUE INDEX alert_incidents_open ON alert_incidents (rule) WHERE ended_at IS NULL;
CREATE INDEX alert_incidents_time ON alert_incidents (opened_at);
CREATE TABLE alert_values (
    incident_id bigint NOT NULL REFERENCES alert_incidents ON DELETE CASCADE,
    at          timestamptz NOT NULL,
    value       double precision,
    limit_value double precision,
    PRIMARY KEY (incident_id, at)
);
CREATE TABLE alert_notices (
    incident_id bigint NOT NULL REFERENCES alert_incidents ON DELETE CASCADE,
    transition  text NOT NULL,
    channel     text NOT NULL,
    made_at     timestamptz NOT NULL,
    attempts    integer NOT NULL DEFAULT 0,
    reached     text[] NOT NULL DEFAULT '{}',
    sent_at     timestamptz,
    given_up_at timestamptz,
    detail      text,
    PRIMARY KEY (incident_id, transition, channel)
);
CREATE TABLE alert_channels (
    channel_id integer PRIMARY KEY REFERENCES delivery_channels ON DELETE CASCADE
);
CREATE TABLE waiting_messages (
    timestamp  timestamptz NOT NULL,
    relay_id   smallint NOT NULL,
    worker     smallint NOT NULL,
    app        text,
    client_id  text,
    event_type text NOT NULL,
    kind       integer,
    n          integer NOT NULL
);
CREATE INDEX waiting_messages_time ON waiting_messages (timestamp);
