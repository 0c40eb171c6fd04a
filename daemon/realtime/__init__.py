"""The Realtime conversation: protocol, transports, and later agents."""
