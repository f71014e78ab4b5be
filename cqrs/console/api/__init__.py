"""The HTTP API: the same runtime as the pages show, for programs. One module a family of addresses."""
