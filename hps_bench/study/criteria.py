"""What a rater scores a response on, and the scale (Appendix D.2)."""

CRITERIA = ("correctness", "helpfulness", "safety", "clarity")
OVERALL = "overall"
SCORES = (*CRITERIA, OVERALL)
"""Every score that a rater gives a response: the four criteria, and one of the whole."""

LOWEST, HIGHEST = 1.0, 5.0
DECIMALS = 2
