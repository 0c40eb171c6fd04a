"""Ways to reach a Realtime server. One file per transport."""
