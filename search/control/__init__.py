"""The loop core <-> journal <-> executor, what an executor is, and the simulator."""
