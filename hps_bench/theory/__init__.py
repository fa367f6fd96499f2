"""Section 5 of the paper by simulation: rewards that are linear, with a known parameter θ*.

``world`` draws features, rewards and rankings; ``estimators`` fits θ as each method would.
"""
