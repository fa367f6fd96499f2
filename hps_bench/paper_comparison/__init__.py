"""The paper beside ours: its figures, its claims, and whether its tables are consistent."""
