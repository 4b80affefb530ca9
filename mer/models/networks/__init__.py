"""The fusion networks. Each is a module with its class as the constant `NETWORK`, found by its name."""
