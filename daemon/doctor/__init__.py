"""`harkd doctor`: numbered checks of the box, each with what to do about it. Pure: names only."""
