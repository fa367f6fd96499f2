"""Settings of theory that take a moment."""

from typing import Any

TINY: dict[str, Any] = {
    "seeds": 2,
    "sample_complexity": {
        "scenarios": {"theorem": {"prompts": [40, 80, 160], "responses": [3], "gammas": [1]}}
    },
    "hardest_negative": {"prompts": 50, "responses": [3], "cosines": [1.0], "gammas": [0, 20, 50]},
    "margins": {
        **{"prompts": 10, "responses": 3, "bounds": [1, 10], "steps": [10]},
        **{"noise_norms": [1, 4], "noise_responses": [2], "noise_prompts": 50},
    },
}
