"""Values and tables; standard library only."""
