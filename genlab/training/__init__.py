"""Small LightningModules: one for a single loss, one for games."""
