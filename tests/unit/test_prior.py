"""The bias of a new output layer is the logarithm of the frequency of each label."""

from __future__ import annotations

import numpy as np
import pytest

from coqui_stt_training.bootstrapping.prior import log_prior


def test_shares_of_labels_and_of_the_blank() -> None:
    prior = np.exp(log_prior([[0, 0, 2], [2, 2]], frames=40, n_classes=4))
    assert prior == pytest.approx(np.array([3, 1, 4, 36]) / 44, rel=1e-6)


def test_nothing_is_impossible_where_there_are_fewer_frames_than_labels() -> None:
    prior = np.exp(log_prior([[1, 1, 1]], frames=2, n_classes=3))
    assert prior == pytest.approx(np.array([1, 4, 1]) / 6, rel=1e-6)
