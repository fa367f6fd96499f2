"""A study that is served to the tests of a module; each test has a rater of its own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.unit.study.page.raters import Rater, Study, new_study, small_assignment

_RATERS = 150


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Study:
    return new_study(tmp_path_factory.mktemp("study"), small_assignment(_RATERS))


@pytest.fixture(scope="module")
def address(study: Study) -> Iterator[str]:
    with study.served() as address:
        yield address


@pytest.fixture(scope="module")
def unused(study: Study) -> list[str]:
    """Raters whom no test has had yet."""
    return sorted(study.tokens)


@pytest.fixture
def newcomer(study: Study, address: str, unused: list[str]) -> Iterator[Rater]:
    """A rater who has just opened the link."""
    with study.rater(address, unused.pop()) as rater:
        yield rater


@pytest.fixture
def rater(newcomer: Rater) -> Rater:
    """A rater who has agreed to take part."""
    newcomer.begin()
    return newcomer
