"""A package, so that no other one named ``tests`` among the installed (torch-fidelity brings one) is taken for it."""
