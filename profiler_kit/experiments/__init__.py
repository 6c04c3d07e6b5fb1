"""Experiments: layers measured under single changes, in matched pairs, and against what people say about them."""
