from pathlib import Path

import pytest

from hps_bench.errors import UserError
from hps_bench.study.ratings import join_ratings, read_study, score_matrix
from tests.unit.study.rated import rated, rating, rows, study_files, write_study


def test_ratings_are_joined_with_their_authors(tmp_path: Path) -> None:
    files = study_files(raters=2, items=2)
    write_study(tmp_path, files, rows(lambda _r, _i, p: 1 + p, 2, 2))
    study = read_study(tmp_path)
    assert study.raters == ["rater-00", "rater-01"]
    first = study.scored.iloc[:4]
    assert first["policy"].tolist() == ["sft", "dpo-bt", "dpo-pl", "dpo-hps"]
    assert first["overall"].tolist() == [1, 2, 3, 4]
    assert study.scored["dataset"].unique().tolist() == ["hh-rlhf", "pku-saferlhf"]
    assert not study.simulated


def test_before_the_first_rating(tmp_path: Path) -> None:
    write_study(tmp_path, study_files(2, 2), [])
    study = read_study(tmp_path)
    assert study.scored.empty
    assert study.raters == []


def test_only_submitted_ratings_of_policies_count() -> None:
    assignment, key = study_files(2, 1, checks=True)
    open_rater = rows(lambda *_: 3, 1, 1, submitted_at=None)
    check = rating(1, "check", "check0", 2, 2.0)
    submitted = rating(1, "i0", "r01", 1, 4.0)
    study = join_ratings(assignment, key, [*open_rater, check, submitted])
    assert study.scored["response"].tolist() == ["r01"]
    assert study.raters == ["rater-01"]
    assert study.without(["rater-01"]).raters == []


def test_a_score_matrix_has_raters_by_responses() -> None:
    study = rated(lambda r, _i, p: 1 + r + p / 2, 2, 2)
    matrix = score_matrix(study.scored, "overall")
    assert matrix.shape == (2, 8)
    assert matrix.loc["rater-01", ("i1", "r13")] == 3.5


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("study", "another", "rows of the study 'another', which is not 'fabricated'"),
        ("rater", "rater-09", "rater-09 / i0 / r00 is in nobody's packet"),
        ("response", "r11", "rater-00 / i0 / r11 is in nobody's packet"),
        ("clarity", 5.01, "score 5.01 is not from 1.00 to 5.00"),
        ("overall", 0.0, "score 0 is not from 1.00 to 5.00"),
    ],
)
def test_what_does_not_fit_is_refused(field: str, value: object, message: str) -> None:
    assignment, key = study_files(2, 2)
    row = {**rating(0, "i0", "r00", 1, 3.0), field: value}
    with pytest.raises(UserError, match=f"ratings: {message}; export"):
        join_ratings(assignment, key, [row])


def test_a_response_rated_twice_is_refused() -> None:
    assignment, key = study_files(1, 1)
    row = rating(0, "i0", "r00", 1, 3.0)
    with pytest.raises(UserError, match="rater-00 rated r00 twice"):
        join_ratings(assignment, key, [row, row])
