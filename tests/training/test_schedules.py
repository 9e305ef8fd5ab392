import pytest

from melgan_vc.errors import UserError
from melgan_vc.training.schedules import Cosine, Linear, Product, Warmup


def factors(schedule, batches):
    return [schedule(batch) for batch in batches]


def test_linear_is_constant_then_falls_to_zero():
    assert factors(Linear(100), (0, 50, 75, 99, 100, 200)) == pytest.approx([1, 1, 0.5, 0.02, 0, 0])
    assert factors(Linear(100, constant=0), (0, 25, 100)) == pytest.approx([1, 0.75, 0])


def test_cosine_falls_to_its_final_share_and_stays():
    assert factors(Cosine(300), (0, 100, 150, 200, 300, 900)) == pytest.approx([1, 0.75, 0.5, 0.25, 0, 0])
    assert factors(Cosine(300, final=0.2), (0, 150, 300)) == pytest.approx([1, 0.6, 0.2])


def test_warmup_rises_in_equal_steps():
    assert factors(Warmup(4), (0, 1, 2, 3, 4, 99)) == [0.25, 0.5, 0.75, 1, 1, 1]


def test_schedules_multiply():
    both = Product(warmup=Warmup(4), decay=Linear(8), none=None)
    assert factors(both, (0, 3, 6, 8)) == pytest.approx([0.25, 1, 0.5, 0])
    assert Product()(5) == 1


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: Linear(0), "end is 0"),
        (lambda: Linear(10, constant=1), "constant is 1"),
        (lambda: Cosine("abc"), "end is 'abc'"),
        (lambda: Cosine(10, final=1.5), "final is 1.5"),
        (lambda: Warmup(0.5), "batches is 0.5"),
        (lambda: Product(constant=0.5), "optim.schedule is 0.5"),
    ],
)
def test_impossible_schedules_are_refused(make, said):
    with pytest.raises(UserError, match=said):
        make()
