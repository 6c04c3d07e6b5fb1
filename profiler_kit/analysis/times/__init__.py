"""Where the time went: by operator, kernel, layer and the CPU's libraries."""
