"""The log: events appended to streams, read back in one global order, kept for ever; and the database beneath it."""
