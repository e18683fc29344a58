"""The drivers: a module for each cloud and each balancer, whose `servers(settings)` or `pools(settings)` makes them."""
