-- Clients that were forgotten: their rows stay under a name that means nobody.
CREATE TABLE forgotten_clients (
    client_no integer PRIMARY KEY,
    asked_at  timestamptz NOT NULL,
    erased_at timestamptz                          -- null: its raw rows are not all cleared yet
);
ALTER TABLE billing_lines ADD COLUMN erased_checksum bytea;
