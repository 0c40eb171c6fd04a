"""The decisions of the appliance, by what they are about. Pure."""
