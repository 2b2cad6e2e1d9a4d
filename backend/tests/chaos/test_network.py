"""The network is cut between any two of the parts: nothing is lost, doubled or out of order."""

from pathlib import Path

import pytest

from tests.chaos.test_chaos import ran


@pytest.mark.timeout(400)
def test_a_network_that_is_cut_loses_and_doubles_nothing(tmp_path: Path) -> None:
    """Each is unreachable to each for ten seconds, packets vanishing unseen; behind a log that is so in ``quick``."""
    report = ran("apart", tmp_path, 380)
    assert report["cuts"] >= 6
    assert report["replies"] >= 16
