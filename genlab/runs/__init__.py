"""Run directories, what they say of themselves, and the ranks that share one."""
