"""How fast the rating page saves while all raters of a study are on it."""
