r"""The linear leaky integrate-and-fire neuron as a rectifier: f_out ≈ max(k Σ_i ω_i f_i + b, 0), with weights ω_i as
they are.

    k = 1 / (V_th C) onset:        b = Σω g / (C ln(1 − Σω / (V_th C)))  < 0      the drive −b at which inputs of one
    frequency first make it fire asymptotic:   b = −g V_th / 2                                what the leak takes while
    the potential sweeps from 0 to V_th

A drive Σ ω f is a charge a second, g the conductance 1 / R, τ = C / g.  The two biases differ: the first says where
the line leaves zero, the second which line it is.  Between them the neuron answers more than a rectifier with the
first bias and less than one with the second.

Source: Lu 2022, Tables I and VII, eqs. 10–14 and 32–43, with the sign of b corrected: the printed −Σω / (R C ln(1 − Σω
/ (V_th C))) is positive, 2.164 where Tables II and III use −2.16.  The asymptotic bias is not in the paper."""

import math

from isospike.errors import InvalidSetting


def slope(threshold: float = 1.0, capacitance: float = 1.0) -> float:
    """k = 1 / (V_th C) [1 / charge] (eq. 14)."""
    return 1 / (threshold * capacitance)


def onset(
    weights_sum: float, conductance: float, capacitance: float = 1.0, threshold: float = 1.0, seconds: float = math.inf
) -> float:
    """b [charge / s] from the least drive that makes it fire within a window of `seconds` (eq. 37; 38 for an endless
    one).

    Raises `InvalidSetting` unless 0 < Σω < V_th C: one volley of spikes must not fire it on its own.
    """
    return conductance * weights_sum / (capacitance * _log(weights_sum, conductance, capacitance, threshold, seconds))


def asymptotic_bias(conductance: float, threshold: float = 1.0) -> float:
    """b ≈ −g V_th / 2 [charge / s]: under a strong drive the potential is uniform between 0 and V_th, and the leak
    takes g V."""
    return -conductance * threshold / 2


def conductance_for(bias: float, threshold: float = 1.0) -> float:
    """g ≥ 0 whose asymptotic bias is `bias` ≤ 0.  Raises `InvalidSetting` for a positive one, which no leak can
    carry."""
    return -2 * _negative(bias) / threshold


def conductance_for_onset(bias: float, weights_sum: float, capacitance: float = 1.0, threshold: float = 1.0) -> float:
    """g ≥ 0 whose onset is `bias` ≤ 0, in an endless window.  Raises `InvalidSetting` as `onset` does, and for a
    positive bias."""
    return _negative(bias) * capacitance * _log(weights_sum, 0.0, capacitance, threshold, math.inf) / weights_sum


def _log(weights_sum: float, conductance: float, capacitance: float, threshold: float, seconds: float) -> float:
    if not 0 < weights_sum < threshold * capacitance:
        raise InvalidSetting(
            f"a sum of weights of {weights_sum:g} at V_th C = {threshold * capacitance:g} has no onset.",
            "0 < Σω < V_th C.",
            "Carry the bias as a constant current, or by an input that is always on.",
        )
    share = 1 - math.exp(-seconds * conductance / capacitance) if math.isfinite(seconds) else 1.0
    return math.log1p(-weights_sum * share / (threshold * capacitance))


def _negative(bias: float) -> float:
    if bias > 0:
        raise InvalidSetting(
            f"a bias of {bias:g} as a conductance.",
            "b ≤ 0.",
            "Carry it as a constant current, or by an input that is always on.",
        )
    return bias
