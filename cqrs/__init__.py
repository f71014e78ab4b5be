"""A CQRS core: commands, queries, a mediator, an event log and projections."""
