import copy

import pytest
import torch
from torch import nn

from melgan_vc.errors import UserError
from melgan_vc.training.average import MovingAverage, RampedAverage, moving_average


def moved(average, network, updates):
    """The decay of each of so many updates."""
    decays = []
    for _ in range(updates):
        average.update(network)
        decays.append(average.decay)
    return decays


def test_ramped_decays_worked_out_by_hand():
    # Half of the updates so far: half-lives 0, 0.5, 1, 1.5, 2; at the decay 0.65 the half-life would be 1.6.
    decays = moved(RampedAverage(nn.Linear(1, 1), decay=0.65, rampup=0.5), nn.Linear(1, 1), 5)
    assert decays == pytest.approx([0, 0.25, 0.5, 0.5 ** (2 / 3), 0.65])


def test_the_first_weights_are_forgotten_at_once():
    start, network = nn.Linear(1, 1), nn.Linear(1, 1)
    average = RampedAverage(start, 0.999, 0.05)
    average.update(network)
    assert torch.equal(average.network.weight, network.weight)
    assert not torch.equal(start.weight, network.weight)


def test_buffers_are_copied_and_the_count_is_none_of_them():
    network = nn.BatchNorm1d(2)
    average = RampedAverage(network, 0.9, 0.5)
    network(torch.rand(4, 2) + 5)
    average.update(network)
    assert torch.equal(average.network.running_mean, network.running_mean)


def test_the_count_survives_a_round_trip():
    network = nn.Linear(1, 1)
    one, other = (RampedAverage(network, 0.99, 0.5) for _ in range(2))
    moved(one, network, 7)
    other.load_state_dict(copy.deepcopy(one.state_dict()))
    assert moved(other, network, 3) == moved(one, network, 3)


def test_without_rampup_the_keys_are_the_networks_alone():
    network = nn.Linear(1, 1)
    assert moving_average(network, None, None) is None
    plain = moving_average(network, 0.9, None)
    assert type(plain) is MovingAverage
    assert set(plain.state_dict()) == {"network.weight", "network.bias"}
    assert "_extra_state" in moving_average(network, 0.9, 0.05).state_dict()


@pytest.mark.parametrize("rampup", [0, -1, 2, "abc"])
def test_impossible_shares_are_refused(rampup):
    with pytest.raises(UserError, match=r"optim\.ema_rampup"):
        moving_average(nn.Linear(1, 1), 0.9, rampup)


def test_an_average_follows_a_network_that_was_moved():
    network = nn.BatchNorm1d(2)
    average = MovingAverage(network, 0.0)
    both = nn.ModuleList([network, average])
    average.update(network)
    both.double().float()  # puts new buffers in the place of the old ones, as a move to a GPU does
    network(torch.rand(4, 2) + 5)
    average.update(network)
    assert torch.equal(average.network.running_mean, network.running_mean)
