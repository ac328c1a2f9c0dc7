-- How a rule stands, instead of how it stood: name, open, held, clear, cooling, value, limit, note, track.
INSERT INTO alert_states (name, open, held, clear, cooling, value, limit_value, note, track)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)
ON CONFLICT (name) DO UPDATE
SET open = excluded.open, held = excluded.held, clear = excluded.clear, cooling = excluded.cooling,
    value = excluded.value, limit_value = excluded.limit_value, note = excluded.note, track = excluded.track
WHERE (alert_states.open, alert_states.held, alert_states.clear, alert_states.cooling, alert_states.value,
       alert_states.limit_value, alert_states.note, alert_states.track)
      IS DISTINCT FROM (excluded.open, excluded.held, excluded.clear, excluded.cooling, excluded.value,
                        excluded.limit_value, excluded.note, excluded.track)
