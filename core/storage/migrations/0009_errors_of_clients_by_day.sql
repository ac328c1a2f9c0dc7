-- A client's errors by the day too, for long ranges.
CREATE TABLE client_error_day (
    day date NOT NULL,
    relay_id smallint NOT NULL,
    client_no integer NOT NULL,
    error_code_id smallint NOT NULL,
    n bigint NOT NULL,
    PRIMARY KEY (client_no, day, relay_id, error_code_id)
);
CREATE INDEX client_error_day_time ON client_error_day USING brin (day) WITH (pages_per_range = 16, autosummarize = on);
CREATE VIEW client_error_day_current AS
SELECT day, relay_id, client_no, error_code_id, n FROM client_error_day
UNION ALL SELECT (bucket AT TIME ZONE 'UTC')::date AS day, relay_id, client_no, error_code_id, n::bigint AS n FROM error_delta;

INSERT INTO client_error_day (day, relay_id, client_no, error_code_id, n)
SELECT (bucket AT TIME ZONE 'UTC')::date, relay_id, client_no, error_code_id, sum(n)::bigint FROM client_error_hour GROUP BY 1, 2, 3, 4;
