"""Settings: policy, the file, its history."""
