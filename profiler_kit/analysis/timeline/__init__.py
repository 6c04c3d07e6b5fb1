"""The timeline as slices on tracks."""
