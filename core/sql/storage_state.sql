-- The server, the size of the database, the newest migration.
SELECT
    'PostgreSQL ' || split_part(current_setting('server_version'), ' ', 1)
    || coalesce((SELECT ', TimescaleDB ' || extversion FROM pg_extension WHERE extname = 'timescaledb'), ''),
    pg_database_size(current_database()),
    (SELECT max(version) FROM schema_migrations)
