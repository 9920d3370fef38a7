"""The only code that subclasses mitmproxy: the client's connection, its streams, and connections to upstreams."""
