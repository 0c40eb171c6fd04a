"""The voice appliance: what the box decides (pure modules) and the thin shells that carry it out."""
