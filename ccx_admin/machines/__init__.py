"""The machines that share one database: how each of them is, and which configuration it has."""
