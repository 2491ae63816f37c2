"""From words to a checked config in plain types: arguments, Hydra's composition, the schema, what fits what, trust."""
