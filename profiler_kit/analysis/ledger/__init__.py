"""Why one problem takes longer than another: factors, statements, and the roofs of the machine."""
