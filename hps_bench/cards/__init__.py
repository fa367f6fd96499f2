"""Model cards of policies and data cards of data sets, from what their stages recorded."""
