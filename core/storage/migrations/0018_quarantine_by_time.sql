CREATE INDEX quarantine_time ON quarantine (stored_at);
