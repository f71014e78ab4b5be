"""The read side: how projections are declared, folded from the log, watched, paused and brought up to date."""
