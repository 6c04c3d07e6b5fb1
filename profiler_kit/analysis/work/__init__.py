"""Who did what: every piece of work, the operator and the layer that asked for it."""
