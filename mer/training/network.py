"""Training one network: the loop, and what comes out of it."""

import copy
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor, nn

from mer.features import Features
from mer.models.gated import GatedFusion
from mer.params.schema import Training
from mer.training import standardise
from mer.training.task import Task


@dataclass
class Fitted:
    """A trained model.

    Attributes:
        seen: which classes were trained, bool of shape (classes,); another is never answered.
        history: one dict per epoch: epoch, loss, validation UAR per corpus, mean.
    """

    network: nn.Module
    standardiser: standardise.Standardiser
    seen: np.ndarray
    device: str
    history: list[dict] = field(default_factory=list)

    def predict(self, features: Features, rows: np.ndarray) -> np.ndarray:
        """Return class probabilities, float64 of shape (len(rows), classes)."""
        inputs, present = _tensors(features, rows, self.standardiser, self.device)
        self.network.check(inputs, present)
        self.network.eval()
        with torch.inference_mode():
            logits = self.network(inputs, present).cpu().double()  # MPS has no float64
            logits[:, torch.as_tensor(~self.seen)] = -torch.inf
            return torch.softmax(logits, dim=1).numpy()


def fit(
    task: Task,
    train: np.ndarray,
    validation: np.ndarray,
    *,
    modalities: tuple[str, ...],
    training: Training,
    seed: int,
    device: str,
) -> Fitted:
    """Train a gated fusion network; the epoch is chosen by the mean of per-corpus validation UAR.

    Args:
        train, validation: row numbers; no other row is looked at.
    """
    torch.manual_seed(seed)
    network = GatedFusion(
        task.features.widths(modalities),
        task.classes,
        training.hidden,
        training.dropout,
        training.gate,
        training.missing,
    ).to(device)
    seen = np.bincount(task.labels[train], minlength=task.classes) > 0
    fitted = Fitted(network, standardise.fit(task.features, train, modalities), seen, device)
    inputs, present = _tensors(task.features, train, fitted.standardiser, device)
    network.check(inputs, present)
    target = torch.as_tensor(task.labels[train], device=device)
    balanced = training.class_weights == "balanced"
    weight = _class_weights(task.labels[train], task.classes).to(device) if balanced else None
    loss = nn.CrossEntropyLoss(weight, label_smoothing=training.label_smoothing)
    optimiser = torch.optim.AdamW(
        network.parameters(), training.learning_rate, weight_decay=training.weight_decay, fused=True
    )
    shuffle = torch.Generator().manual_seed(seed)  # on the CPU, so that the order does not depend on the device
    best, best_state, waited = -1.0, copy.deepcopy(network.state_dict()), 0
    for epoch in range(training.epochs):
        network.train()
        total = 0.0
        for batch in torch.randperm(len(train), generator=shuffle).split(training.batch_size):
            total += len(batch) * _step(fitted, loss, optimiser, (inputs, present, target), batch.to(device), training)
        scores = task.scores(fitted.predict, validation)
        mean = float(np.mean(list(scores.values()))) if scores else 0.0
        fitted.history.append({"epoch": epoch, "loss": total / len(train), "mean": mean, **scores})
        waited = 0 if mean > best else waited + 1
        if mean > best or not scores:  # without validation rows the last epoch stands
            best, best_state = mean, copy.deepcopy(network.state_dict())
        if scores and waited >= training.patience:
            break
    network.load_state_dict(best_state)
    return fitted


def _step(
    fitted: Fitted,
    loss: nn.Module,
    optimiser: torch.optim.Optimizer,
    data: tuple[dict[str, Tensor], dict[str, Tensor], Tensor],
    batch: Tensor,
    training: Training,
) -> float:
    inputs, present, target = data
    seen = {m: p[batch] for m, p in present.items()}
    if training.missing != "none" and training.modality_dropout:
        seen = _hide(seen, training.modality_dropout)
    value = loss(fitted.network({m: x[batch] for m, x in inputs.items()}, seen), target[batch])
    optimiser.zero_grad(set_to_none=True)
    value.backward()
    nn.utils.clip_grad_norm_(fitted.network.parameters(), training.clip_norm)
    optimiser.step()
    return float(value.detach())


def _hide(present: dict[str, Tensor], rate: float) -> dict[str, Tensor]:
    """Hide modalities at random, never the last one of an utterance."""
    kept = {m: p & (torch.rand(p.shape, device=p.device) >= rate) for m, p in present.items()}
    nothing_left = ~torch.stack(list(kept.values())).any(dim=0)
    return {m: torch.where(nothing_left, present[m], k) for m, k in kept.items()}


def _tensors(
    features: Features, rows: np.ndarray, standardiser: standardise.Standardiser, device: str
) -> tuple[dict, dict]:
    inputs = {m: torch.as_tensor(x, device=device) for m, x in standardiser.apply(features, rows).items()}
    return inputs, {m: torch.as_tensor(features.present[m][rows], device=device) for m in inputs}


def _class_weights(labels: np.ndarray, classes: int) -> Tensor:
    """n / (K n_c) over the classes that occur; 0 for the others, which no example asks for."""
    counts = np.bincount(labels, minlength=classes)
    weights = np.divide(len(labels), counts * (counts > 0).sum(), out=np.zeros(classes), where=counts > 0)
    return torch.as_tensor(weights, dtype=torch.float32)
