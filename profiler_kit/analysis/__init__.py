"""Questions about a trace: one module a question, each a pure function of the tables."""
