"""Sound as plain values: framing, resampling, pre-roll and the playback ring. Pure."""
