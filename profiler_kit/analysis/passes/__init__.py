"""In which pass work runs, and what each kernel is for in it."""
