"""The clouds and balancers that a roll-out can use, one module each; `table` lists them."""
