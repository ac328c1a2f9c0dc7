-- Packs of clients in as few bytes as their numbers need, with what a bill counts among those of all types. They are made
-- anew by the next fold; until then reports read the days of clients.
DELETE FROM client_pack;
DELETE FROM client_pack_due;
DELETE FROM settings_store WHERE name = 'client_packs_before';
ALTER TABLE client_pack ADD COLUMN width smallint NOT NULL;
ALTER TABLE client_pack ALTER COLUMN numbers SET STORAGE EXTERNAL;
