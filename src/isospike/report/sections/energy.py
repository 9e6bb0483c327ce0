"""What an answer costs, with the prices that were taken."""

from isospike.measure.prices import PRICES
from isospike.report.case import Case, Section


def energy(case: Case) -> Section | None:
    """Operations and energy of network and original, at several prices."""
    found = case.figures
    if "synaptic_operations" not in found:
        return None
    spent, original = float(found["synaptic_operations"]), float(found.get("macs_original", 0.0))
    macs = float(found.get("macs", 0.0))
    if not original and case.network is not None:
        original = float(case.network.body.macs)
    rows = [
        {
            "prices": prices.name,
            "synaptic operation [pJ]": prices.synaptic_operation,
            "multiplication and addition [pJ]": prices.mac,
            "spiking [nJ]": (spent * prices.synaptic_operation + macs * prices.mac) / 1000,
            "original [nJ]": original * prices.mac / 1000,
            "ratio": (spent * prices.synaptic_operation + macs * prices.mac) / (original * prices.mac)
            if original
            else None,
            "technologies": "two" if prices.two else "one",
        }
        for prices in {**PRICES, case.prices.name: case.prices}.values()
    ]
    active = f"; {found['active_fraction']:.1%} of the neurons fire" if "active_fraction" in found else ""
    return Section(
        "Energy",
        (
            f"An answer takes {spent:,.0f} synaptic operations"
            + (f" and {macs:,.0f} multiplications and additions for the analog input" if macs else "")
            + f"; the original takes {original:,.0f} multiplications and additions.  "
            + f"A neuron sends {found['spikes_per_neuron']:.4g} spikes{active}.",
            f"Operations are priced so: {case.prices}.  A ratio between two technologies compares the chips as well.",
        ),
        rows=rows,
    )
