"""What `relay-analytics doctor` looks at: each module has checks, each of which says what it found."""
