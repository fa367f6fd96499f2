"""The page that shows everything that came out of one config, to be opened first."""
