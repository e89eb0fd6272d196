"""The reference driver, and simulated terminals under one simulated sky."""
