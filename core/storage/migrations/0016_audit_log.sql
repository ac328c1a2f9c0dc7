-- What was exported and administered, by whom and when. Rows are only ever added: names are kept as they were.
CREATE TABLE audit_log (
    entry_id   bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at         timestamptz NOT NULL,
    actor      text NOT NULL,
    via        text NOT NULL,
    action     text NOT NULL,
    request_id text,
    details    jsonb NOT NULL
);
CREATE INDEX audit_log_request ON audit_log (request_id);
