"""`harkd demo`: the whole box in conversation with the simulator, and what can be measured of it."""
