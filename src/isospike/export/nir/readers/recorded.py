"""What the readers' scripts share: they load, listen to every node of neurons, and write down what was sent."""

import importlib.metadata
import json
import sys
import warnings

import nir
import numpy as np
import torch


def main(tool, load):
    """Run what `load(graph, samples, steps)` returns and keep spikes and outputs: a function of all steps' input,
    (steps, samples, *shape), and the modules by node, which are called once a step, or once for all, sample by
    sample."""
    warnings.simplefilter("ignore")  # of the tools, about themselves
    graph, golden, out = sys.argv[1:]
    with np.load(golden, allow_pickle=False) as file:
        sent, steps = torch.from_numpy(file["input"]), int(file["steps"])
        nodes = [str(name) for name in file["nodes"]]
    sent = sent.expand(steps, *sent.shape[1:])
    heard = {name: [] for name in nodes}
    run, modules = load(nir.read(graph), sent.shape[1], steps)
    for name in nodes:
        modules[name].register_forward_hook(lambda _, __, given, name=name: heard[name].append(first(given)))
    with torch.no_grad():
        answer = run(sent)
    spikes = {"spikes/" + name: in_steps(parts, steps).numpy() for name, parts in heard.items()}
    packages = {name: importlib.metadata.version(name) for name in (tool, "nir", "nirtorch", "torch")}
    np.savez_compressed(out, outputs=answer.double().numpy(), packages=np.array(json.dumps(packages)), **spikes)


def step_by_step(model):
    """A model whose every call is one step and returns its state, as a function of all steps' input."""

    def run(sent):
        outputs, state = [], None
        for now in sent:
            out, state = model(now, state)
            outputs.append(out)
        return torch.stack(outputs)

    return run, dict(model.named_children())


def first(given):
    """Spikes, of a module that returns its state, too."""
    return (given[0] if isinstance(given, tuple) else given).detach().clone()


def in_steps(parts, steps):
    """Spikes as (steps, samples, ...)."""
    if len(parts) == steps:
        return torch.stack(parts)
    return parts[0].unflatten(0, (-1, steps)).transpose(0, 1)
