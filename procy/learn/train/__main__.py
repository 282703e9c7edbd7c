"""The process that follows one training: ``python -m procy.learn.train ID``, started by ``begin``."""

import sys

from procy.learn.train.follow import follow
from procy.places import find_places
from procy.settings import load_settings

if __name__ == "__main__":
    places = find_places()
    follow(places, load_settings(places), sys.argv[1])
