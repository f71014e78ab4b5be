"""How fast the core is, as ratios: against the least that SQLite and PostgreSQL need, and against `eventsourcing`."""
