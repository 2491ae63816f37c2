"""Models of videos: what is to come, given what was."""
