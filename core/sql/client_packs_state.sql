-- What there are packs of, see core/storage/client_sums.py.
SELECT (SELECT (value #>> '{}')::timestamptz FROM settings_store WHERE name = 'client_packs_before') AS packed_before,
       (SELECT (value #>> '{}')::date FROM settings_store WHERE name = 'client_days_built_before') AS closed_before,
       ARRAY(SELECT day FROM client_pack_due) AS due
