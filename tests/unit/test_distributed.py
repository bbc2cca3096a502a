"""Communication between the processes of a run, and the sums of their gradients."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import distributed as dist

from coqui_stt_training.cli.launch import Launch
from coqui_stt_training.errors import ElsewhereError, FlagError
from coqui_stt_training.training.distributed import ALONE, World, joined
from coqui_stt_training.training.gradients import SummedGradients
from processes import run_together


def in_worlds(size: int, work: Callable[[World], object]) -> list[object]:
    def joining(_: int) -> object:
        with joined(Launch.read()) as world:
            return work(world)

    return run_together(size, joining)


def test_what_each_found_is_put_together() -> None:
    items = list(range(8))

    def work(world: World) -> object:
        heard = [item * 10 for item in world.share(items)]
        tensors = [torch.tensor([float(world.rank)]), torch.full((2, 2), 3.0 * world.rank)]
        world.average_(tensors, weight=world.rank)
        from_first = [torch.full((3, 2), float(world.rank)).T]
        world.copy_first_(from_first)
        made = world.first(lambda: f"by {world.rank}")
        return (
            world.merge(heard), world.total(1.0, world.rank), world.any(world.rank == 2, False),
            made, [tensor.tolist() for tensor in tensors], from_first[0].sum().item(),
        )  # fmt: skip

    merged = [item * 10 for item in items]
    mean = 5 / 3  # of ranks 0, 1 and 2, each weighted by its rank
    for found in in_worlds(3, work):
        *exact, means, copied = found  # type: ignore[misc]
        assert exact == [merged, [3.0, 3.0], [True, False], "by 0"]
        assert means == [[pytest.approx(mean)], [[pytest.approx(3 * mean)] * 2] * 2]
        assert copied == 0.0
    alone = work(ALONE)
    assert alone[:4] == (merged, [1.0, 0], [False, False], "by 0")  # type: ignore[index]


def test_a_failure_in_one_process_is_one_of_all() -> None:
    def work(world: World) -> object:
        found = []
        for failing in (0, 1):
            try:
                with world.in_turn():
                    if world.rank == failing:
                        raise FlagError("no such thing")
            except FlagError as error:
                found.append(str(error))
            except ElsewhereError:
                found.append("elsewhere")
        return found

    first, second, third = in_worlds(3, work)
    assert first == ["no such thing", "elsewhere"]
    assert second[0] == third[0] == third[1] == "elsewhere"  # type: ignore[index]
    assert second[1].endswith(": no such thing")  # type: ignore[index]
    assert second[1].startswith("process 1, on ")  # type: ignore[index]


def test_gradients_are_sums_whatever_each_process_has_of_them() -> None:
    """Processes have different numbers of backward passes, even none; one weight is not used."""

    def work(world: World) -> object:
        torch.manual_seed(0)
        layers = torch.nn.Sequential(*(torch.nn.Linear(5, 5) for _ in range(4)))
        unused = torch.nn.Parameter(torch.ones(3))
        parameters = [*layers.parameters(), unused]
        sums = SummedGradients(parameters, bucket_bytes=150)
        found = []
        for _ in range(2):  # nothing of the first step may remain in the second
            for parameter in parameters:
                parameter.grad = None
            for number in range(world.rank):
                if number == world.rank - 1:
                    sums.expect()
                layers(torch.full((1, 5), 1.0 + number)).square().sum().backward()
            sums.finish()
            found.append([p.grad.tolist() for p in parameters[:-1] if p.grad is not None])
        sums.close()
        return found, unused.grad is None

    torch.manual_seed(0)
    expected = torch.nn.Sequential(*(torch.nn.Linear(5, 5) for _ in range(4)))
    for value in (1.0, 1.0, 2.0):  # rank 1 has the first, rank 2 the others
        expected(torch.full((1, 5), value)).square().sum().backward()
    for steps, unused in in_worlds(3, work):  # type: ignore[misc]
        assert unused
        for gradients in steps:
            for ours, parameter in zip(gradients, expected.parameters(), strict=True):
                torch.testing.assert_close(torch.tensor(ours), parameter.grad)


def test_gradients_are_sent_while_earlier_layers_are_computed() -> None:
    def work(world: World) -> object:
        layers = torch.nn.Sequential(*(torch.nn.Linear(5, 5) for _ in range(4)))
        computed: list[torch.Tensor] = []
        for layer in layers:
            layer.weight.register_post_accumulate_grad_hook(computed.append)
        sums = SummedGradients(list(layers.parameters()), bucket_bytes=120)
        sent: list[int] = []
        send = dist.all_reduce

        def noted(tensor: torch.Tensor, async_op: bool) -> object:
            sent.append(len(computed))
            return send(tensor, async_op=async_op)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(dist, "all_reduce", noted)
            sums.expect()
            layers(torch.ones(1, 5)).sum().backward()
            sums.finish()
        return sent

    for layers_done in in_worlds(2, work):
        assert layers_done == [1, 2, 3, 4]


def test_the_environment_says_how_a_process_was_started() -> None:
    assert Launch.read({"RANK": "1", "WORLD_SIZE": "2"}) == Launch()
    said = {"MASTER_ADDR": "a", "RANK": "1", "WORLD_SIZE": "2", "LOCAL_RANK": "1"}
    assert Launch.read(said) == Launch(1, 2, 1)
    assert Launch().program == ["python"]
    assert Launch(1, 2, 1, 2).program == ["torchrun", "--nproc-per-node", "2"]
    many = Launch.read(said | {"RANK": "9", "WORLD_SIZE": "16", "LOCAL_WORLD_SIZE": "8"})
    assert many.program == ["torchrun", "--nnodes", "2", "--nproc-per-node", "8"]
    for wrong in ({"RANK": "2"}, {"WORLD_SIZE": "many"}, {"LOCAL_RANK": "-1"}):
        with pytest.raises(FlagError, match="invalid process settings in the environment"):
            Launch.read(said | wrong)
