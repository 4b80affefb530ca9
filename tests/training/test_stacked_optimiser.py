import pytest
import torch
from torch import nn

from mer.acceleration.flat_weights import flatten_parameters
from mer.acceleration.stacked_optimiser import StackedOptimiser
from mer.params.schema import Training
from mer.training.networks.network_training import optimiser

SHAPES = {"weight": (4, 3), "bias": (4,), "scalar": ()}
RATES = [[1e-2, 1e-2, 5e-3, 1e-3], [1e-3, 3e-3, 3e-3, 3e-3], [1e-2, 2e-2, 1e-2, 1e-2]]
"""The learning rates of three jobs at each step."""


def gradients(step, run):
    generator = torch.Generator().manual_seed(10 * step + run)
    return {n: 3 * torch.randn(shape, generator=generator) for n, shape in SHAPES.items()}


def parameters_of_torch(training, run, start, steps):
    network = nn.Module()
    for name, value in start.items():
        network.register_parameter(name, nn.Parameter(value.clone()))
    vector = flatten_parameters(list(network.parameters()))
    single = optimiser(vector, training)
    for step in steps:
        vector.grad = torch.cat([value.reshape(-1) for value in gradients(step, run).values()])
        nn.utils.clip_grad_norm_([vector], training.clip_norm)
        single.param_groups[0]["lr"] = RATES[run][step]
        single.step()
    return {name: value.detach() for name, value in network.named_parameters()}


@pytest.mark.parametrize("kind", ["adamw", "adam", "sgd"])
def test_every_job_of_a_stack_is_updated_as_by_torch(kind):
    trainings = [Training(optimiser=kind, weight_decay=decay, clip_norm=clip)
                 for decay, clip in ((0.0, 100.0), (0.1, 1.0), (0.01, 0.5))]  # fmt: skip
    start = gradients(99, 0)
    stack = {n: torch.stack([v] * 3) for n, v in start.items()}
    stacked = StackedOptimiser(stack, trainings)
    active = [torch.tensor([1.0, 1.0, 1.0]), torch.tensor([1.0, 0.0, 1.0]), torch.ones(3), torch.ones(3)]
    for step, on in enumerate(active):
        each = [gradients(step, run) for run in range(3)]
        rates = torch.tensor([RATES[run][step] for run in range(3)])
        stacked.step(stack, {n: torch.stack([g[n] for g in each]) for n in SHAPES}, rates, on)
    for run, training in enumerate(trainings):
        expected = parameters_of_torch(training, run, start, [step for step, on in enumerate(active) if on[run]])
        for name, value in expected.items():
            torch.testing.assert_close(stack[name][run], value, atol=1e-6, rtol=1e-5, msg=f"run {run}, {name}")


def test_removed_jobs_do_not_change_the_others():
    trainings = [Training(weight_decay=0.1)] * 3
    start = {n: torch.stack([gradients(99, run)[n] for run in range(3)]) for n in SHAPES}
    stacks = [{n: v.clone() for n, v in start.items()} for _ in range(2)]
    whole, thinned = (StackedOptimiser(stack, trainings) for stack in stacks)
    index = torch.tensor([0, 2])
    for step in range(4):
        each = {n: torch.stack([gradients(step, run)[n] for run in range(3)]) for n in SHAPES}
        whole.step(stacks[0], each, torch.full((3,), 1e-2), torch.ones(3))
        if step == 2:
            thinned.keep(index)
            stacks[1] = {n: v[index] for n, v in stacks[1].items()}
        few = {n: v[index] for n, v in each.items()} if step >= 2 else each
        runs = 2 if step >= 2 else 3
        thinned.step(stacks[1], few, torch.full((runs,), 1e-2), torch.ones(runs))
    for name in SHAPES:
        torch.testing.assert_close(stacks[1][name], stacks[0][name][index])
