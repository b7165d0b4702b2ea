"""Records that nobody has apart teach too: a network's own guesses at their stems, shuffled into new records.

Tzinis and others, "RemixIT: continual self-training of speech enhancement models via bootstrapped remixing" (IEEE
JSTSP 2022): the averaged weights are the teacher. A guess is a poor stem, but the new record that guesses of several
records make sounds like a record, and its stems are known exactly.
"""

from __future__ import annotations

import numpy as np
import torch

from stemfield.separation.training.data import Examples
from stemfield.separation.training.network import Network
from stemfield.separation.training.songs import STEMS, Random
from stemfield.separation.training.spectrum import features, spread

ACCOMPANIMENT = (1, 2, 3)


def remixed(examples: Examples, teacher: Network, share: float, random: Random) -> Examples:
    """Examples in which some of the records without vocals are made of guesses at the stems of several such records.

    Args:
        examples: changed only where they hold bass, drums and other as one.
        teacher: guesses.
        share: of those examples, 0..1.
        random: chooses and shuffles.
    """
    whole = torch.zeros(len(STEMS), len(STEMS))
    whole[0, 0] = whole[ACCOMPANIMENT[0], list(ACCOMPANIMENT)] = 1.0
    fit = (examples.groups == whole).all(-1).all(-1).numpy() & (random.random(len(examples.groups)) < share)
    chosen = np.flatnonzero(fit)
    if len(chosen) < 2:
        return examples
    spectra, groups = examples.spectra.clone(), examples.groups.clone()
    records = spectra[chosen, ACCOMPANIMENT[0]]
    left, right = records.unbind(1)
    masks, _ = teacher(features((left.real, left.imag), (right.real, right.imag)))
    late = teacher.shape.lookahead
    # the last hops have no masks yet: they stay what they are, as other
    masks = torch.cat([masks[:, late:], torch.zeros_like(masks[:, :late])], 1)
    guesses = spread(masks[:, :, list(ACCOMPANIMENT)]).permute(0, 2, 3, 1, 4) * records[:, None]
    guesses[:, -1] = records - guesses[:, :-1].sum(1)
    for place, stem in enumerate(ACCOMPANIMENT):
        spectra[chosen, stem] = guesses[random.permutation(len(chosen)), place]
    groups[chosen] = torch.eye(len(STEMS))
    return Examples(spectra, groups)
