from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rampart.evidence.dilution import diluted, least_share, undiluted

SHARES = st.floats(0.001, 1)
RATES = st.floats(0, 1)


@given(RATES, RATES, SHARES)
def test_undiluting_undoes_diluting(new: float, baseline: float, share: float) -> None:
    assert undiluted(diluted(new, baseline=baseline, share=share), baseline=baseline, share=share) == pytest.approx(
        new, abs=1e-9
    )


def test_a_rate_over_everyone_below_the_baseline_tells_nothing_of_the_new_path() -> None:
    assert undiluted(0.0016, baseline=0.003, share=0.01) is None


def test_a_bar_of_eight_percent_cannot_fire_below_almost_eight_percent_of_users() -> None:
    least = least_share(0.08, baseline=0.003, fails_high=True)
    assert least == pytest.approx(0.0772, abs=1e-4)
    assert diluted(1, baseline=0.003, share=least) == pytest.approx(0.08)


def test_a_floor_is_the_mirror_image() -> None:
    least = least_share(0.92, baseline=0.997, fails_high=False)
    assert least == pytest.approx(0.0772, abs=1e-4)
    assert diluted(0, baseline=0.997, share=least) == pytest.approx(0.92)


def test_a_baseline_beyond_the_bar_fires_at_any_share() -> None:
    assert least_share(0.01, baseline=0.02, fails_high=True) == 0
    assert least_share(0.95, baseline=0.9, fails_high=False) == 0
