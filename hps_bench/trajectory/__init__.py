"""Policies on their way through training: margins, KL, and entangled gradients, pair by pair."""
