-- Named destinations of reports and alerts. The secret signs webhooks, so it is kept as it is.
CREATE TABLE delivery_channels (
    channel_id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL UNIQUE,
    kind text NOT NULL CHECK (kind IN ('mail', 'webhook', 'directory', 'nostr')),
    address text NOT NULL,
    secret text,
    created_at timestamptz NOT NULL,
    created_by text NOT NULL
);
