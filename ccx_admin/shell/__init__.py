"""What every page shares: the frame around its content, words for states, numbers as people read them."""
