-- Every batch of a source up to and including `upto` is stored; their rows in `batches` are gone.
CREATE TABLE batch_watermarks (
    source text PRIMARY KEY,
    upto   bigint NOT NULL
);
