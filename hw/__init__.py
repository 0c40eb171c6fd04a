"""Device drivers behind small ports. A leaf library: knows nothing of agents, turns or the network."""
