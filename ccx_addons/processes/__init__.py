"""The processes of the gateway, and what one worker holds."""
