-- Enter a transition's notices that are not entered yet; returns their channels. `incident` bigint, `transition` text,
-- `channels` text[] (empty: those told of all alerts), `now` timestamptz. Of an end, whoever was told of the opening.
INSERT INTO alert_notices (incident_id, transition, channel, made_at)
SELECT %(incident)s, %(transition)s, channel, %(now)s
FROM (
    SELECT unnest(%(channels)s::text[]) AS channel WHERE %(transition)s = 'opened'
    UNION
    SELECT name FROM alert_channels JOIN delivery_channels USING (channel_id)
    WHERE %(transition)s = 'opened' AND cardinality(%(channels)s::text[]) = 0
    UNION
    SELECT channel FROM alert_notices WHERE %(transition)s = 'recovered' AND incident_id = %(incident)s
) AS told
ON CONFLICT DO NOTHING
RETURNING channel
