"""Figures: views over the records, as PDF, PNG and CSV."""
