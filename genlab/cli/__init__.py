"""The command line: what is typed, in one table of verbs; nothing heavy is imported."""
