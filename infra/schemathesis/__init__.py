"""`make schemathesis`: schemathesis against `stint-local`, as a machine and as a person."""
