"""Where data sets live, and how they are fetched, verified and unpacked."""
