"""The page Training in a real browser: the curve grows, and the log stays open."""

from __future__ import annotations

from .browser import Browser, real
from .conftest import Served
from .test_trainings import PAGE, add_adapter, add_steps, add_training

pytestmark = real
CORNERS = "document.querySelector('#training-T1 polyline')?.getAttribute('points').split(' ').length"


def test_the_curve_grows_while_one_looks(tab: Browser, served: Served) -> None:
    tab.open(served.base + PAGE)
    tab.wait("document.readyState == 'complete' && document.querySelector('.nothing')")
    training = add_training(served.places, 1)
    add_steps(served.places, training, 1, [3.0, 2.0])
    tab.wait(f"{CORNERS} == 2")
    tab.click("#training-T1 summary")
    add_steps(served.places, training, 3, [1.0])
    tab.wait(f"{CORNERS} == 3")
    assert tab.js("document.querySelector('#training-T1 details').open && !document.querySelector('.nothing')")
    add_adapter(served.places, training)
    tab.wait("document.querySelector('#adapters th[scope=row]')?.textContent == 'proxy'")
