"""Who uses the panel: people with their roles, single sign-on, and the list of what they did."""
