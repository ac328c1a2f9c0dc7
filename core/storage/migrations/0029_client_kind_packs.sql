-- Sums per client of EVENTs of one kind over days, packed. The next folds make them of the hours that are stored.
CREATE TABLE client_kind_pack (                    -- sums per client of EVENTs of one kind: see client_kind_packs.py
    hours       smallint NOT NULL,                 -- 24, 192, 1536; 1: only who sent any in that hour
    kind        integer NOT NULL,
    bucket      timestamptz NOT NULL,              -- the first
    clients     integer NOT NULL,                  -- how many; each has as many bytes in a column as any other
    messages    bigint,                            -- sum of n
    client_no   bytea NOT NULL,
    n           bytea,
    accepted    bytea,
    duplicate   bytea,
    rejected    bytea,
    errors      bytea,
    unanswered  bytea,
    bytes_in    bytea,
    bytes_out   bytea,
    payload_in  bytea,
    payload_out bytea,
    rt_n        bytea,
    rt_units    bytea,                             -- response times in 1/1024 ms
    PRIMARY KEY (hours, kind, bucket)
);
ALTER TABLE client_kind_pack ALTER client_no SET STORAGE EXTERNAL,
    ALTER n SET STORAGE EXTERNAL,
    ALTER accepted SET STORAGE EXTERNAL,
    ALTER duplicate SET STORAGE EXTERNAL,
    ALTER rejected SET STORAGE EXTERNAL,
    ALTER errors SET STORAGE EXTERNAL,
    ALTER unanswered SET STORAGE EXTERNAL,
    ALTER bytes_in SET STORAGE EXTERNAL,
    ALTER bytes_out SET STORAGE EXTERNAL,
    ALTER payload_in SET STORAGE EXTERNAL,
    ALTER payload_out SET STORAGE EXTERNAL,
    ALTER rt_n SET STORAGE EXTERNAL,
    ALTER rt_units SET STORAGE EXTERNAL;  -- to decompress takes longer than to read
