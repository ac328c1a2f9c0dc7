-- Sums per client over days, packed. The next fold makes them of the days that have ended.
CREATE TABLE client_pack (                         -- sums per client over a UTC day, or a block of 8 or 64: see client_packs.py
    days          smallint NOT NULL,               -- 1, 8, 64
    event_type_id smallint NOT NULL,               -- -1: all types together
    measure       text NOT NULL,                   -- client_no: whose the numbers of the others are
    day           date NOT NULL,                   -- the first
    numbers       bytea NOT NULL,                  -- 8 bytes each, client_no 4
    PRIMARY KEY (days, event_type_id, measure, day)
);
CREATE TABLE client_pack_due (                     -- days that late rows touched since they were packed
    day date PRIMARY KEY
);
