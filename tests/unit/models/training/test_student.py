"""The network that learns: what it computes is what its network computes, before and after."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from common.plan.network import Network
from models.training.layered import Augmentation
from models.training.student import Student

Frames = NDArray[np.uint8]


def test_the_student_starts_as_the_network_that_it_comes_from(torch: Any, network: Network, frames: Frames) -> None:
    student = Student(torch, network, Augmentation(), frames)
    with torch.no_grad():
        found = student.forward(student.prepare(torch.from_numpy(frames)))[0].numpy()
    assert np.allclose(found, network.scores(frames), rtol=1e-3, atol=1e-3)
    assert np.allclose(student.to_network().scores(frames), network.scores(frames), rtol=1e-3, atol=1e-3)
    assert all(abs(float(z.mean())) < 1e-3 and float(z.var()) == pytest.approx(1, abs=0.05) for z in student.normed)


def test_what_the_student_learned_is_what_its_network_computes(torch: Any, network: Network, frames: Frames) -> None:
    student = Student(torch, network, Augmentation(), frames)
    with torch.no_grad():
        for parameter in student.parts.parameters():
            parameter.add_(0.05 * torch.randn_like(parameter))
        found = student.forward(student.prepare(torch.from_numpy(frames)))[0].numpy()
    assert np.allclose(student.to_network().scores(frames), found, rtol=1e-3, atol=1e-3)
