"""The parts of the fake upstream: how it answers (answers), what it refuses (strict), how it misbehaves (server)."""
