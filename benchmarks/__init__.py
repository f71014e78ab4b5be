"""How fast the core is, as ratios: against the least that SQLite itself needs, and against `eventsourcing`."""
