"""Self-training on recordings without stems: a network's own estimates, remixed across recordings, as pseudo-labels.

Tzinis and others, "RemixIT: continual self-training of speech enhancement models via bootstrapped remixing" (IEEE
JSTSP 2022): the teacher is the network with averaged weights. An estimate is a poor stem, but a mixture of estimates
from several recordings sounds like a recording, and its stems are known exactly.
"""

from __future__ import annotations

import numpy as np
import torch

from stemfield.separation.training.batches import Batch
from stemfield.separation.training.dataset import STEMS, Random
from stemfield.separation.training.network import Network
from stemfield.separation.training.spectrum import features, unpool

ACCOMPANIMENT = (1, 2, 3)


def pseudo_labelled(examples: Batch, teacher: Network, share: float, random: Random) -> Batch:
    """Replace some instrumental recordings by mixtures of the teacher's estimates from several such recordings.

    A share of 0..1 is replaced of the examples in which bass, drums and other are one group.
    """
    whole = torch.zeros(len(STEMS), len(STEMS))
    whole[0, 0] = whole[ACCOMPANIMENT[0], list(ACCOMPANIMENT)] = 1.0
    fit = (examples.groups == whole).all(-1).all(-1).numpy() & (random.random(len(examples.groups)) < share)
    chosen = np.flatnonzero(fit)
    if len(chosen) < 2:
        return examples
    spectra, groups = examples.spectra.clone(), examples.groups.clone()
    recordings = spectra[chosen, ACCOMPANIMENT[0]]
    left, right = recordings.unbind(1)
    masks, _ = teacher(features((left.real, left.imag), (right.real, right.imag)))
    late = teacher.shape.lookahead
    # the last hops have no masks yet and become `other`
    masks = torch.cat([masks[:, late:], torch.zeros_like(masks[:, :late])], 1)
    estimates = unpool(masks[:, :, list(ACCOMPANIMENT)]).permute(0, 2, 3, 1, 4) * recordings[:, None]
    estimates[:, -1] = recordings - estimates[:, :-1].sum(1)
    for index, stem in enumerate(ACCOMPANIMENT):
        spectra[chosen, stem] = estimates[random.permutation(len(chosen)), index]
    groups[chosen] = torch.eye(len(STEMS))
    return Batch(spectra, groups)
