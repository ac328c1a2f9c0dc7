-- The largest tables with their indexes; partitions and chunks counted with the table they belong to.
WITH RECURSIVE members AS (
    SELECT c.oid AS root, c.oid AS member
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = 'public' AND c.relkind IN ('r', 'p') AND NOT c.relispartition
    UNION ALL
    SELECT m.root, i.inhrelid FROM members m JOIN pg_inherits i ON i.inhparent = m.member
)
SELECT root::regclass::text, sum(pg_total_relation_size(member))::bigint AS bytes
FROM members GROUP BY root ORDER BY bytes DESC LIMIT %(limit)s
