-- What is kept how long, where it differs from the defaults, and clients whose raw rows outlive them.
CREATE TABLE retention_policies (
    name       text PRIMARY KEY,
    days       integer CHECK (days > 0),
    changed_at timestamptz NOT NULL,
    changed_by text NOT NULL
);
CREATE TABLE held_clients (
    client_no integer PRIMARY KEY,
    why       text NOT NULL,
    until     timestamptz,
    placed_at timestamptz NOT NULL,
    placed_by text NOT NULL
);
CREATE TABLE held_events (LIKE traffic_events_raw);
CREATE TABLE held_deliveries (LIKE deliveries_raw);
CREATE TABLE held_connections (LIKE connections_raw);
CREATE INDEX held_events_client ON held_events (client_no, timestamp);
CREATE INDEX held_deliveries_client ON held_deliveries (client_no);
CREATE INDEX held_connections_client ON held_connections (client_no);
