"""What every page shares: frame, words, formats."""
