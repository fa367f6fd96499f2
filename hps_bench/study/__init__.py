"""The human study of Table 3: who rates what, the rating page, and what comes of the ratings."""
